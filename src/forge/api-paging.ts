import type { z } from 'zod'
import { readAnswer, readPages } from './api-call.ts'
import type { ApiCall } from './api-call.ts'
import type { ApiAnswer } from './api-client.ts'
import type { ForgeApiOutcome } from './forge-api.ts'

type Query = Readonly<Record<string, string>>

/**
 * The items of all pages, in the order of the forge, until `isEnough` says so of a page. The next page is
 * the one that the `Link` header names, as GitHub, GitLab and Gitea have it.
 */
export function readLinkedPages<Item>(
  call: ApiCall,
  path: string,
  {
    schema,
    query: first,
    isEnough = () => false,
  }: {
    readonly schema: z.ZodType<readonly Item[]>
    readonly query: Query
    readonly isEnough?: (page: readonly Item[]) => boolean
  },
): Promise<ForgeApiOutcome<readonly Item[]>> {
  return readPages(first, async (query: Query) => {
    const answer = await call('GET', path, { query })
    if (!answer.ok) return answer
    const page = readAnswer(answer, schema)
    if (!page.ok) return page
    const next = isEnough(page.value) ? undefined : nextQuery(answer.value)
    return { ok: true, value: { items: page.value, next } }
  })
}

// Of the link only the query is taken: where the token goes is not for an answer to say.
function nextQuery({ headers }: ApiAnswer): Query | undefined {
  const [, link = ''] = /<([^>]*)>[^,<]*;\s*rel="?next"?/i.exec(headers.get('link') ?? '') ?? []
  return URL.canParse(link) ? Object.fromEntries(new URL(link).searchParams) : undefined
}
