import { z } from 'zod'
import { MINUTE, SECOND } from '../clock.ts'
import type { GitFailure, GitOutcome } from './git-error.ts'
import { failed } from './git-error.ts'
import type { Http } from './exchange.ts'
import { readText } from './exchange.ts'
import { kindOfStatus, parseJson, refusalOf } from './lfs-answer.ts'
import type { LfsEndpoint, LfsOperation } from './lfs-endpoint.ts'
import { withEndpoint } from './lfs-endpoint.ts'
import type { LfsLink } from './lfs-link.ts'
import { asksForChunks, judgeLink, secretsOf, usableHeaders } from './lfs-link.ts'
import { toLine } from './output.ts'
import type { LfsPointer } from './lfs-pointers.ts'
import type { Remote, RemoteDeps } from './remote.ts'

// Stage 6, for LFS: which objects a remote has, and where they are fetched from or brought to.
//
// In:  a remote and objects. Out: one answer per object. The protocol is the batch API of git-lfs with its
// basic transfer, spoken here and not by the git-lfs program: that one follows redirects whatever git is
// told, carries the keys of a link along, goes wherever an answer sends it, and would have to be installed.

export type LfsAnswer =
  /** The remote has it. */
  | { readonly kind: 'held' }
  | { readonly kind: 'link'; readonly link: LfsLink; readonly verify: LfsLink | undefined }
  | { readonly kind: 'refused'; readonly failure: GitFailure }

/** What one request may ask for; servers refuse many more. */
export const BATCH_SIZE = 100

const MEDIA_TYPE = 'application/vnd.git-lfs+json'
const MAX_ANSWER_BYTES = 4 * 2 ** 20
// A link without a date is good for a while.
const USUAL_LIFE = 10 * MINUTE

const Link = z.object({
  href: z.string(),
  header: z.record(z.string(), z.union([z.string(), z.number()]).transform(String)).nullish(),
  expires_in: z.number().nullish(),
  expires_at: z.string().nullish(),
})
const Item = z.object({
  oid: z.string(),
  authenticated: z.boolean().nullish(),
  actions: z.object({ download: Link.nullish(), upload: Link.nullish(), verify: Link.nullish() }).nullish(),
  error: z.object({ code: z.number(), message: z.string().nullish() }).nullish(),
})
const Answer = z.object({ transfer: z.string().nullish(), objects: z.array(Item) })

type Answers = ReadonlyMap<string, LfsAnswer>

/** Asks for at most `BATCH_SIZE` objects; an object that the server does not speak of is refused. */
export function askLfs(
  deps: RemoteDeps,
  http: Http,
  remote: Remote,
  operation: LfsOperation,
  objects: readonly LfsPointer[],
  signal: AbortSignal,
): Promise<GitOutcome<{ readonly answers: Answers }>> {
  if (objects.length === 0) return Promise.resolve({ ok: true, answers: new Map() })
  return withEndpoint(deps, remote, operation, signal, async (endpoint) => {
    const { url, headers, network, secrets } = endpoint
    const asked = objects.map(({ oid, size }) => ({ oid, size }))
    const sent = await http.send<GitOutcome<{ readonly body: string | undefined }>>(
      {
        method: 'POST',
        url: new URL(`${url.href}/objects/batch`),
        headers: {
          ...headers,
          accept: MEDIA_TYPE,
          'content-type': MEDIA_TYPE,
          'user-agent': 'git-lfs/reposync',
        },
        body: JSON.stringify({ operation, transfers: ['basic'], objects: asked, hash_algo: 'sha256' }),
        network,
      },
      signal,
      async (answer) => {
        if (answer.status < 200 || answer.status > 299)
          return refusalOf(answer, `LFS ${operation} at ${url.host}`, secrets)
        return { ok: true, body: await readText(answer.body, MAX_ANSWER_BYTES) }
      },
    )
    if (!sent.ok) return sent
    if (!sent.result.ok) return sent.result
    const answer = Answer.safeParse(parseJson(sent.result.body ?? '')).data
    if (answer === undefined) {
      return failed('lfs_unavailable', `${url.host} answered, but not as an LFS server`)
    }
    if ((answer.transfer ?? 'basic') !== 'basic') {
      const transfer = toLine(answer.transfer ?? '', secrets)
      return failed('lfs_unavailable', `${url.host} wants another way of transfer: ${transfer}`)
    }
    const items = new Map(answer.objects.map((item) => [item.oid, item]))
    const answers = objects.map(
      ({ oid }) => [oid, readItem(deps.clock.now(), endpoint, operation, items.get(oid))] as const,
    )
    return { ok: true, answers: new Map(answers) }
  })
}

function readItem(
  now: number,
  endpoint: LfsEndpoint,
  operation: LfsOperation,
  item: z.infer<typeof Item> | undefined,
): LfsAnswer {
  const { host } = endpoint.url
  if (item === undefined) return refused('lfs_unavailable', `${host} says nothing of the object`)
  if (item.error !== null && item.error !== undefined) {
    const said = toLine(item.error.message ?? '', endpoint.secrets)
    const isMissing = operation === 'download' && (item.error.code === 404 || item.error.code === 410)
    const kind = isMissing ? 'lfs_missing' : kindOfStatus(item.error.code, said)
    return refused(kind, `${host}: ${item.error.code} ${said}`.trimEnd())
  }
  const main = operation === 'download' ? item.actions?.download : item.actions?.upload
  if (main === null || main === undefined) {
    if (operation === 'upload') return { kind: 'held' }
    return refused('lfs_missing', `${host} has no link for the object`)
  }
  const isAuthenticated = item.authenticated === true
  const link = readLink(now, endpoint, main, isAuthenticated)
  if ('refused' in link) return refused('address_denied', link.refused)
  const check = item.actions?.verify
  if (operation === 'download' || check === null || check === undefined) {
    return { kind: 'link', link, verify: undefined }
  }
  const verify = readLink(now, endpoint, check, isAuthenticated)
  if ('refused' in verify) return refused('address_denied', verify.refused)
  return { kind: 'link', link, verify }
}

function readLink(
  now: number,
  endpoint: LfsEndpoint,
  link: z.infer<typeof Link>,
  isAuthenticated: boolean,
): LfsLink | { readonly refused: string } {
  const judged = judgeLink(link.href, endpoint.url, endpoint.source)
  if ('refused' in judged) return judged
  const header = link.header ?? {}
  const own = usableHeaders(header)
  // The login of the forge is for the forge; a link elsewhere brings what it needs.
  const needsLogin =
    !isAuthenticated && judged.url.origin === endpoint.url.origin && !('authorization' in own)
  return {
    ...judged,
    headers: needsLogin ? { ...endpoint.headers, ...own } : own,
    isChunked: asksForChunks(header),
    expiresAt: endOf(link, now),
    source: endpoint.source,
    secrets: [...endpoint.secrets, ...secretsOf(judged.url, own)],
  }
}

function endOf({ expires_in: seconds, expires_at: date }: z.infer<typeof Link>, now: number): number {
  if (typeof seconds === 'number' && seconds !== 0) return now + seconds * SECOND
  const end = Date.parse(date ?? '')
  // Some servers write the year 1 for a link that does not end.
  return end > 0 ? end : now + USUAL_LIFE
}

function refused(kind: GitFailure['kind'], detail: string): LfsAnswer {
  return { kind: 'refused', failure: { kind, detail } }
}
