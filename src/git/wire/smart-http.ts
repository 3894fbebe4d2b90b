import type { HttpAccess } from '../access.ts'
import type { RemoteUrl, Sha } from '../refs.ts'
import type { Advertisement } from './advertisement.ts'
import { parseAdvertisement } from './advertisement.ts'
import { createPackReader, fetchRequest } from './fetch.ts'
import type { HttpAnswer, HttpClient } from './http-client.ts'
import type { ListedRef } from './ls-refs.ts'
import { createRefReader, lsRefsRequest } from './ls-refs.ts'
import type { RefUpdate, UpdateReport } from './receive-pack.ts'
import { createReportReader, updateRequest } from './receive-pack.ts'
import { malformed, WireError } from './wire-error.ts'

// What can be asked of a git server over HTTP without git (gitprotocol-http, gitprotocol-v2). Everything rejects
// with a `WireError` at an answer that is not exactly what was asked for, and with another error at none.

export type WireRepository = { readonly url: RemoteUrl; readonly http: HttpAccess }

export type WireOptions = {
  readonly client: HttpClient
  readonly signal: AbortSignal
  readonly onProgress: () => void
}

const MAX_ADVERTISEMENT = 64 * 1024
const VERSION_2 = { 'git-protocol': 'version=2' }

/** What the server can do; a server without version 2 answers with all its refs, of which little is read. */
export async function askAdvertisement(
  options: WireOptions,
  repository: WireRepository,
): Promise<Advertisement> {
  const answer = await options.client.send({
    ...common(options, repository),
    url: urlOf(repository, 'info/refs?service=git-upload-pack'),
    headers: { accept: '*/*', ...VERSION_2 },
  })
  const body = await accept(answer, 'git-upload-pack-advertisement')
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body) {
    chunks.push(chunk)
    size += chunk.length
    if (size > MAX_ADVERTISEMENT) break
  }
  return parseAdvertisement(Buffer.concat(chunks))
}

/** Calls back with every ref whose name begins with one of the prefixes. */
export async function listWireRefs(
  options: WireOptions,
  repository: WireRepository,
  prefixes: readonly string[],
  onRef: (ref: ListedRef) => void,
): Promise<void> {
  const answer = await options.client.send({
    ...common(options, repository),
    url: urlOf(repository, 'git-upload-pack'),
    // Names of refs are long and alike.
    headers: { ...headersFor('git-upload-pack'), 'accept-encoding': 'gzip' },
    body: lsRefsRequest(prefixes),
  })
  const reader = createRefReader()
  for await (const chunk of await accept(answer, 'git-upload-pack-result')) reader.take(chunk).forEach(onRef)
  reader.end()
}

/** The pack that leads from one commit to another, as it arrives; it ends well only when it is complete. */
export async function* openPack(
  options: WireOptions,
  repository: WireRepository,
  commits: { readonly want: Sha; readonly have: Sha },
): AsyncGenerator<Buffer> {
  const answer = await options.client.send({
    ...common(options, repository),
    url: urlOf(repository, 'git-upload-pack'),
    headers: headersFor('git-upload-pack'),
    body: fetchRequest(commits),
  })
  const reader = createPackReader()
  for await (const chunk of await accept(answer, 'git-upload-pack-result')) yield* reader.take(chunk)
  reader.end()
}

/** Sends an update with its pack, and says what became of it. */
export async function sendUpdate(
  options: WireOptions,
  repository: WireRepository,
  update: RefUpdate,
  pack: Uint8Array | AsyncIterable<Uint8Array>,
): Promise<UpdateReport> {
  const command = updateRequest(update)
  const answer = await options.client.send({
    ...common(options, repository),
    url: urlOf(repository, 'git-receive-pack'),
    headers: headersFor('git-receive-pack'),
    body: pack instanceof Uint8Array ? Buffer.concat([command, pack]) : join(command, pack),
  })
  const reader = createReportReader()
  for await (const chunk of await accept(answer, 'git-receive-pack-result')) reader.take(chunk)
  return reader.end(update.ref)
}

function common({ signal, onProgress }: WireOptions, { http }: WireRepository) {
  return { signal, onProgress, access: http }
}

function urlOf({ url }: WireRepository, path: string): URL {
  return new URL(`${url.replace(/\/$/, '')}/${path}`)
}

function headersFor(service: 'git-upload-pack' | 'git-receive-pack'): Readonly<Record<string, string>> {
  return {
    'content-type': `application/x-${service}-request`,
    accept: `application/x-${service}-result`,
    ...(service === 'git-upload-pack' ? VERSION_2 : {}),
  }
}

async function accept(answer: HttpAnswer, type: string): Promise<AsyncIterable<Buffer>> {
  const isExpected = answer.status === 200 && answer.type.startsWith(`application/x-${type}`)
  if (isExpected) return answer.body
  await skip(answer.body)
  if (answer.status !== 200) throw new WireError('status', `HTTP ${answer.status}`)
  throw malformed('the server answered, but not as a git server')
}

const MAX_SKIPPED = 256 * 1024

// A short page of an error leaves the connection free for the next call; of a long one the rest is not waited for.
async function skip(body: AsyncIterable<Buffer>): Promise<void> {
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > MAX_SKIPPED) return
  }
}

async function* join(first: Uint8Array, rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first
  yield* rest
}
