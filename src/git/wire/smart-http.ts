import type { HttpAccess } from '../access.ts'
import type { RemoteUrl, Sha } from '../refs.ts'
import type { Advertisement } from './advertisement.ts'
import { readAdvertisement, readPack, readRefs, readReport } from './answers.ts'
import { fetchRequest } from './fetch.ts'
import type { HttpAnswer, HttpClient } from './http-client.ts'
import { lsRefsRequest } from './ls-refs.ts'
import type { RefUpdate, UpdateReport } from './receive-pack.ts'
import { updateRequest } from './receive-pack.ts'
import type { WireRepository, WireWatch } from './wire-repository.ts'
import { malformed, WireError } from './wire-error.ts'

// A repository that is asked over HTTP (gitprotocol-http, gitprotocol-v2): one request for each question, over
// connections that are kept.

type Place = {
  readonly client: HttpClient
  readonly url: RemoteUrl
  readonly http: HttpAccess
}

export function openHttpRepository(place: Place, { signal, onProgress }: WireWatch): WireRepository {
  const { client, url, http } = place
  const ending = new AbortController()
  const call = { place, signal: AbortSignal.any([signal, ending.signal]), onProgress }
  return {
    url,
    addresses: http.addresses,
    askAdvertisement: () => askAdvertisement(call),
    listRefs: async (prefixes, onRef) => {
      // Names of refs are long and alike.
      const body = await askUploadPack(call, lsRefsRequest(prefixes), { 'accept-encoding': 'gzip' })
      await readRefs(body, onRef)
    },
    openPack: (commits) => openPack(call, commits),
    prepareUpdate: async () => {
      if (!client.isConnected(new URL(url))) await askAdvertisement(call).catch(() => {})
    },
    sendUpdate: (update, pack) => sendUpdate(call, update, pack),
    [Symbol.asyncDispose]: () => Promise.resolve(ending.abort()),
  }
}

type Call = WireWatch & { readonly place: Place }

const VERSION_2 = { 'git-protocol': 'version=2' }

async function askAdvertisement(call: Call): Promise<Advertisement> {
  const answer = await call.place.client.send({
    ...common(call),
    url: urlOf(call, 'info/refs?service=git-upload-pack'),
    headers: { accept: '*/*', ...VERSION_2 },
  })
  return readAdvertisement(await accept(answer, 'git-upload-pack-advertisement'))
}

async function* openPack(
  call: Call,
  commits: { readonly want: Sha; readonly have: Sha },
): AsyncGenerator<Buffer> {
  yield* readPack(await askUploadPack(call, fetchRequest(commits)))
}

async function askUploadPack(
  call: Call,
  body: Buffer,
  headers: Readonly<Record<string, string>> = {},
): Promise<AsyncIterable<Buffer>> {
  const answer = await call.place.client.send({
    ...common(call),
    url: urlOf(call, 'git-upload-pack'),
    headers: { ...headersFor('git-upload-pack'), ...VERSION_2, ...headers },
    body,
  })
  return accept(answer, 'git-upload-pack-result')
}

async function sendUpdate(
  call: Call,
  update: RefUpdate,
  pack: Uint8Array | AsyncIterable<Uint8Array>,
): Promise<UpdateReport> {
  const command = updateRequest(update)
  const answer = await call.place.client.send({
    ...common(call),
    url: urlOf(call, 'git-receive-pack'),
    headers: headersFor('git-receive-pack'),
    body: pack instanceof Uint8Array ? Buffer.concat([command, pack]) : join(command, pack),
  })
  return readReport(await accept(answer, 'git-receive-pack-result'), update.ref)
}

function common({ place, signal, onProgress }: Call) {
  return { signal, onProgress, access: place.http }
}

function urlOf({ place }: Call, path: string): URL {
  return new URL(`${place.url.replace(/\/$/, '')}/${path}`)
}

function headersFor(service: 'git-upload-pack' | 'git-receive-pack'): Readonly<Record<string, string>> {
  return { 'content-type': `application/x-${service}-request`, accept: `application/x-${service}-result` }
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
