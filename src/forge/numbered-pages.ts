import type { z } from 'zod'
import { readAnswer, readPages } from './api-call.ts'
import type { ApiCall } from './api-call.ts'
import type { ApiAnswer } from './api-client.ts'
import type { ForgeApiOutcome } from './forge-api.ts'

type Known = { readonly id: string }

/**
 * The items of all pages that a number asks for, until `isEnough` says so of a page. It goes on until the
 * total is there or a page brings nothing new: an instance may give fewer than asked for, or know no pages.
 */
export function readNumberedPages<Item extends Known>(
  call: ApiCall,
  path: string,
  {
    schema,
    query,
    totalOf,
    isEnough = () => false,
  }: {
    readonly schema: z.ZodType<readonly Item[]>
    readonly query: Readonly<Record<string, string>>
    /** How many items all pages have together, when the answer tells. */
    readonly totalOf: (answer: ApiAnswer) => number | undefined
    readonly isEnough?: (page: readonly Item[]) => boolean
  },
): Promise<ForgeApiOutcome<readonly Item[]>> {
  const known = new Set<string>()
  return readPages(1, async (page) => {
    const answer = await call('GET', path, { query: { ...query, page: String(page) } })
    if (!answer.ok) return answer
    const read = readAnswer(answer, schema)
    if (!read.ok) return read
    const items = read.value.filter(({ id }) => !known.has(id))
    for (const { id } of items) known.add(id)
    const isLast = items.length === 0 || known.size >= (totalOf(answer.value) ?? Infinity) || isEnough(items)
    return { ok: true, value: { items, next: isLast ? undefined : page + 1 } }
  })
}

/** The number in a header; undefined when there is none. */
export function totalInHeader(name: string): (answer: ApiAnswer) => number | undefined {
  return ({ headers }) => {
    const text = headers.get(name) ?? ''
    return /^\d{1,9}$/.test(text) ? Number(text) : undefined
  }
}
