import type { Hash } from 'node:crypto'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import type { GitOutcome } from './git-error.ts'
import { failed } from './git-error.ts'
import type { Http, HttpAnswer, HttpRequest } from './exchange.ts'
import { readText } from './exchange.ts'
import { refusalOf } from './lfs-answer.ts'
import type { LfsLink } from './lfs-link.ts'
import { judgeLink } from './lfs-link.ts'
import type { LfsPointer } from './lfs-pointers.ts'

// Moves one LFS object between a server and a file. The file is never more than a beginning of the object
// until its sha256 proves that it is all of it; what a broken transfer left is continued by the next one.

const MEDIA_TYPE = 'application/vnd.git-lfs+json'
const MAX_REDIRECTS = 3
const MAX_ANSWER_BYTES = 64 * 1024

/** Makes the file hold the object, fetching only what it lacks; a file that proves wrong is emptied. */
export async function downloadObject(
  http: Http,
  link: LfsLink,
  object: LfsPointer,
  path: string,
  signal: AbortSignal,
): Promise<GitOutcome<object>> {
  await using file = await open(path, 'a+', 0o600)
  const kept = await hashStart(file, path, object)
  if (kept.size === object.size) return await judge(file, kept.hash, object)
  return await follow(http, link, {
    headers: kept.size === 0 ? {} : { range: `bytes=${kept.size}-` },
    signal,
    read: (answer) => receive(answer, file, kept, { object, secrets: link.secrets }),
  })
}

type Kept = { readonly hash: Hash; readonly size: number }

// A file that is longer than the object cannot be a beginning of it.
async function hashStart(file: FileHandle, path: string, object: LfsPointer): Promise<Kept> {
  const hash = createHash('sha256')
  const { size } = await file.stat()
  if (size > object.size) await file.truncate(0)
  if (size === 0 || size > object.size) return { hash, size: 0 }
  for await (const chunk of createReadStream(path)) if (Buffer.isBuffer(chunk)) hash.update(chunk)
  return { hash, size }
}

async function receive(
  answer: HttpAnswer,
  file: FileHandle,
  kept: Kept,
  { object, secrets }: { readonly object: LfsPointer; readonly secrets: readonly string[] },
): Promise<GitOutcome<object>> {
  const goesOn =
    answer.status === 206 && answer.header('content-range')?.startsWith(`bytes ${kept.size}-`) === true
  if (answer.status === 416 || (answer.status === 206 && !goesOn)) {
    await file.truncate(0)
    return failed('unreachable', 'the server did not continue where the last transfer ended')
  }
  if (answer.status !== 200 && !goesOn) return refusal(answer, object, secrets)
  if (!goesOn) await file.truncate(0)
  const hash = goesOn ? kept.hash : createHash('sha256')
  let size = goesOn ? kept.size : 0
  for await (const chunk of answer.body) {
    size += chunk.length
    // Whatever the rest may be, it is not this object.
    if (size > object.size) break
    hash.update(chunk)
    await file.appendFile(chunk)
  }
  return judge(file, hash, object, size)
}

async function judge(
  file: FileHandle,
  hash: Hash,
  object: LfsPointer,
  size = object.size,
): Promise<GitOutcome<object>> {
  if (size === object.size && hash.digest('hex') === object.oid) return { ok: true }
  await file.truncate(0)
  return failed('bad_objects', 'the server sent other bytes than the object has')
}

// A link that leads nowhere means the same as none.
async function refusal(
  answer: HttpAnswer,
  object: LfsPointer,
  secrets: readonly string[],
): Promise<GitOutcome<object>> {
  const refused = await refusalOf(answer, 'LFS download', secrets)
  const isMissing = answer.status === 404 || answer.status === 410
  return isMissing
    ? failed('lfs_missing', `the server has no ${object.oid.slice(0, 10)} where it said`)
    : refused
}

type Following = {
  readonly headers: Readonly<Record<string, string>>
  readonly signal: AbortSignal
  readonly read: (answer: HttpAnswer) => Promise<GitOutcome<object>>
}

// Some forges answer with the place at their storage. What the link brought to prove who asks is not for that place.
async function follow(
  http: Http,
  link: LfsLink,
  { headers, signal, read }: Following,
): Promise<GitOutcome<object>> {
  let current: Pick<HttpRequest, 'url' | 'headers' | 'network'> = link
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
    const { url, network } = current
    const all = { ...transferHeaders(current.headers), ...headers }
    const sent = await http.send({ method: 'GET', url, network, headers: all }, signal, async (answer) => {
      const location = answer.header('location')
      const isRedirect = answer.status >= 300 && answer.status < 400 && location !== undefined
      return isRedirect ? { location } : { outcome: await read(answer) }
    })
    if (!sent.ok) return sent
    if (sent.result.outcome !== undefined) return sent.result.outcome
    const next = judgeLink(sent.result.location, url, link.source)
    if ('refused' in next) return failed('address_denied', next.refused)
    current = { ...next, headers: {} }
  }
  return failed('redirected', `${link.url.host} redirects again and again`)
}

/** Brings a whole object to a server; where it asks for that, the server confirms that it has it. */
export async function uploadObject(
  http: Http,
  { link, verify }: { readonly link: LfsLink; readonly verify: LfsLink | undefined },
  object: LfsPointer,
  path: string,
  signal: AbortSignal,
): Promise<GitOutcome<object>> {
  const headers = transferHeaders(link.headers)
  // GitLab asks for chunks; S3 wants to know the length.
  const length = link.isChunked ? {} : { 'content-length': String(object.size) }
  const put = { method: 'PUT' as const, url: link.url, network: link.network, body: { path } }
  const type = { 'content-type': 'application/octet-stream' }
  const uploaded = await expectSuccess(
    http,
    { ...put, headers: { ...type, ...headers, ...length } },
    { what: 'LFS upload', secrets: link.secrets },
    signal,
  )
  if (!uploaded.ok || verify === undefined) return uploaded
  const body = JSON.stringify({ oid: object.oid, size: object.size })
  const post = { method: 'POST' as const, url: verify.url, network: verify.network, body }
  const json = { accept: MEDIA_TYPE, 'content-type': MEDIA_TYPE }
  const verified = await expectSuccess(
    http,
    { ...post, headers: { ...json, ...transferHeaders(verify.headers) } },
    { what: 'LFS verify', secrets: verify.secrets },
    signal,
  )
  if (verified.ok || verified.failure.kind !== 'lfs_unavailable') return verified
  return failed('server_error', `the server took the object and does not have it: ${verified.failure.detail}`)
}

async function expectSuccess(
  http: Http,
  request: HttpRequest,
  { what, secrets }: { readonly what: string; readonly secrets: readonly string[] },
  signal: AbortSignal,
): Promise<GitOutcome<object>> {
  const sent = await http.send<GitOutcome<object>>(request, signal, async (answer) => {
    if (answer.status < 200 || answer.status > 299) return refusalOf(answer, what, secrets)
    await readText(answer.body, MAX_ANSWER_BYTES)
    return { ok: true }
  })
  return sent.ok ? sent.result : sent
}

function transferHeaders(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return { 'user-agent': 'git-lfs/reposync', 'accept-encoding': 'identity', ...headers }
}
