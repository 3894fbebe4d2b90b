import type { LookupFunction } from 'node:net'
import { isIPv6 } from 'node:net'
import { Readable, pipeline } from 'node:stream'
import type { SecureContext } from 'node:tls'
import { createGunzip } from 'node:zlib'
import type { Dispatcher } from 'undici'
import { Pool, ProxyAgent } from 'undici'
import { MINUTE, SECOND } from '../../clock.ts'
import type { Bundle, HostRoute } from '../../host-network.ts'
import type { HttpAccess } from '../access.ts'
import { malformed } from './wire-error.ts'

// HTTP as git speaks it, over connections that are kept for the next call. One client per process.
//
// In:  a request, and addresses that the caller has just checked. New connections go to these and nowhere else;
//      a kept one goes to an address that was checked when it was opened.
// Out: status, type and body as they come. No redirect is followed, nothing is decided here.

export type HttpRequest = {
  readonly url: URL
  readonly access: Pick<HttpAccess, 'authorization' | 'addresses' | 'route'>
  readonly headers: Readonly<Record<string, string>>
  /** Sent by POST; without one it is a GET. A stream is sent in chunks, as fast as the server takes it. */
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>
  readonly signal: AbortSignal
  /** Called for every sign of life. */
  readonly onProgress: () => void
}

export type HttpAnswer = {
  readonly status: number
  readonly type: string
  /** Must be read to its end, or the signal aborted: else the connection is not free again. */
  readonly body: AsyncIterable<Buffer>
}

/** By what a server has to prove itself; see `host-agent.ts`. */
export type ContextOf = (bundle: Bundle | undefined) => SecureContext

export type HttpClient = {
  /** Rejects when there is no answer: no connection, a broken one, an abort. */
  readonly send: (request: HttpRequest) => Promise<HttpAnswer>
  /** Whether a request could go out at once, over a connection that is open and idle. */
  readonly isConnected: (url: URL) => boolean
  readonly close: () => Promise<void>
}

const USER_AGENT = 'git/reposync'
// Networks forget silent connections after four minutes and more; until then one is worth keeping.
const KEEP_MS = 3 * MINUTE
const CONNECT_LIMIT_MS = 15 * SECOND
const MOST_ORIGINS = 500

type Origin = {
  readonly dispatcher: Dispatcher
  /** Connections that are open and idle, as far as that can be known. */
  readonly free: () => number
  /** The addresses that were checked last. */
  addresses: readonly string[]
}

export function createHttpClient(contextOf: ContextOf): HttpClient {
  const origins = new Map<string, Origin>()

  function originOf({ url, access }: HttpRequest): Origin {
    const known = origins.get(url.origin)
    origins.delete(url.origin)
    const origin = known ?? openOrigin(url, access.route, contextOf)
    origin.addresses = access.addresses
    // The last one is the one used last.
    origins.set(url.origin, origin)
    if (origins.size > MOST_ORIGINS) forgetOldest()
    return origin
  }

  function forgetOldest(): void {
    const [oldest] = origins
    if (oldest === undefined) return
    const [name, { dispatcher }] = oldest
    origins.delete(name)
    // It ends when what is under way has ended.
    void dispatcher.close()
  }

  return {
    send: async (request) => {
      const origin = originOf(request)
      const isKept = origin.free() > 0
      try {
        return await exchange(origin, request)
      } catch (error) {
        // The server may close a kept connection in the very moment in which we use it. What we send is safe to
        // repeat: a listing changes nothing, and an update that was made already does not fit a second time.
        const mayRepeat = isKept && !isStream(request.body) && !request.signal.aborted && isBroken(error)
        if (!mayRepeat) throw error
        return exchange(origin, request)
      }
    },
    isConnected: (url) => (origins.get(url.origin)?.free() ?? 0) > 0,
    close: async () => {
      const dispatchers = [...origins.values()].map(({ dispatcher }) => dispatcher)
      origins.clear()
      await Promise.all(dispatchers.map((dispatcher) => dispatcher.destroy()))
    },
  }
}

// The one place that knows what is trusted at a host, and by which way it is reached.
function openOrigin(url: URL, { bundle, proxy }: HostRoute, contextOf: ContextOf): Origin {
  // Neither the environment of the process nor undici's usual values have a say in this.
  const secure =
    url.protocol === 'https:' ? { secureContext: contextOf(bundle), rejectUnauthorized: true } : {}
  const common = {
    allowH2: false,
    pipelining: 1,
    // Whoever calls knows better what progress is.
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: KEEP_MS,
    keepAliveMaxTimeout: KEEP_MS,
    connectTimeout: CONNECT_LIMIT_MS,
  }
  if (proxy !== undefined) {
    const agent = new ProxyAgent({ ...common, uri: proxy.url, requestTls: secure })
    return { dispatcher: agent, free: () => 0, addresses: [] }
  }
  const lookup = pinned(() => origin.addresses)
  const pool = new Pool(url.origin, { ...common, connect: { ...secure, lookup } })
  const origin: Origin = { dispatcher: pool, free: () => pool.stats.free, addresses: [] }
  return origin
}

async function exchange(origin: Origin, request: HttpRequest): Promise<HttpAnswer> {
  const { url, access, headers, body, signal, onProgress } = request
  const response = await origin.dispatcher.request({
    origin: url.origin,
    method: body === undefined ? 'GET' : 'POST',
    path: `${url.pathname}${url.search}`,
    headers: {
      'user-agent': USER_AGENT,
      'cache-control': 'no-cache',
      ...(access.authorization === undefined ? {} : { authorization: access.authorization }),
      ...headers,
    },
    body: isStream(body) ? Readable.from(watched(body, onProgress)) : (body ?? null),
    signal,
  })
  onProgress()
  const { 'content-type': type } = response.headers
  return {
    status: response.statusCode,
    type: typeof type === 'string' ? type : '',
    body: untilFree(watched(decoded(response), onProgress)),
  }
}

// The pool takes a connection back one turn after its answer has ended; whoever asks again at once would open
// another one, and pay for that with round trips.
async function* untilFree(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield* chunks
  await new Promise<void>((resolve) => setImmediate(resolve))
}

function decoded({ headers, body }: Dispatcher.ResponseData): AsyncIterable<Buffer> {
  const coding = headers['content-encoding'] ?? 'identity'
  if (coding === 'identity') return body
  if (coding !== 'gzip') throw malformed(`the answer is packed in a way that nobody asked for`)
  const gunzip = createGunzip()
  // An error of either reaches whoever reads.
  pipeline(body, gunzip, () => {})
  return gunzip
}

async function* watched<Chunk>(chunks: AsyncIterable<Chunk>, onProgress: () => void): AsyncGenerator<Chunk> {
  for await (const chunk of chunks) {
    onProgress()
    yield chunk
  }
}

function isStream(body: HttpRequest['body']): body is AsyncIterable<Uint8Array> {
  return body !== undefined && Symbol.asyncIterator in body
}

const BROKEN: ReadonlySet<unknown> = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])

function isBroken(error: unknown): boolean {
  return error instanceof Error && 'code' in error && BROKEN.has(error.code)
}

function pinned(addresses: () => readonly string[]): LookupFunction {
  return (host, options, callback) => {
    const entries = addresses().map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }))
    const [first] = entries
    if (first === undefined) return callback(new Error(`${host} has no address`), '', 0)
    if (options.all === true) return callback(null, entries)
    return callback(null, first.address, first.family)
  }
}
