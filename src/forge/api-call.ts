import { z } from 'zod'
import { failure } from './api-answer.ts'
import type { ApiAnswer, ApiClient, ApiRequest } from './api-client.ts'
import type { ForgeApiOutcome } from './forge-api.ts'

// What every adapter does with the client: calls below one address, and answers read through a schema.

export type ApiCallContent = {
  readonly query?: Readonly<Record<string, string>>
  readonly body?: unknown
  /** What is secret in the body. */
  readonly secrets?: readonly string[]
}

/** One request; `path` starts with a slash or is empty. */
export type ApiCall = (
  method: ApiRequest['method'],
  path: string,
  content?: ApiCallContent,
) => Promise<ForgeApiOutcome<ApiAnswer>>

/** Calls below `base` that carry the headers and never show the token. */
export function apiCall(
  deps: ApiClient,
  {
    base,
    headers,
    token,
  }: { readonly base: string; readonly headers: Readonly<Record<string, string>>; readonly token: string },
): ApiCall {
  return (method, path, { secrets = [], ...content } = {}) =>
    deps.request({ method, url: `${base}${path}`, headers, ...content, secrets: [token, ...secrets] })
}

/** Calls below a path of the calls that are given. */
export function callsBelow(call: ApiCall, above: string): ApiCall {
  return (method, path, content) => call(method, `${above}${path}`, content)
}

/** The body of a good answer through its schema. */
export function readAnswer<Result>(
  outcome: ForgeApiOutcome<ApiAnswer>,
  schema: z.ZodType<Result>,
): ForgeApiOutcome<Result> {
  if (!outcome.ok) return outcome
  const read = schema.safeParse(outcome.value.json)
  return read.success
    ? { ok: true, value: read.data }
    : failure('unexpected', 'the answer is not as documented')
}

/** For calls whose answer says nothing but that it worked. */
export function withoutValue(outcome: ForgeApiOutcome<ApiAnswer>): ForgeApiOutcome<null> {
  return outcome.ok ? { ok: true, value: null } : outcome
}

/** An id as text, fit to stand in a path; forges give numbers, texts, and numbers too large to be one. */
export const apiId = z.union([z.int().transform(String), z.string().regex(/^[\w{}-]{1,128}$/)])

// Far beyond what a repository has; a forge that always knows a next page is not followed for ever.
const MOST_PAGES = 50

/** The items of all pages, from the first to the one that names no next. */
export async function readPages<Item, Cursor>(
  first: Cursor,
  readPage: (
    cursor: Cursor,
  ) => Promise<
    ForgeApiOutcome<{ readonly items: readonly Item[]; readonly next: NoInfer<Cursor> | undefined }>
  >,
): Promise<ForgeApiOutcome<readonly Item[]>> {
  const items: Item[] = []
  let cursor: Cursor | undefined = first
  for (let count = 0; count < MOST_PAGES && cursor !== undefined; count++) {
    const page = await readPage(cursor)
    if (!page.ok) return page
    items.push(...page.value.items)
    cursor = page.value.next
  }
  return { ok: true, value: items }
}
