import type { LookupFunction } from 'node:net'
import { isIPv6 } from 'node:net'
import { Readable, pipeline } from 'node:stream'
import type { SecureContext } from 'node:tls'
import { createSecureContext, getCACertificates } from 'node:tls'
import { createGunzip } from 'node:zlib'
import type { Dispatcher } from 'undici'
import { Pool } from 'undici'
import { MINUTE, SECOND } from '../../clock.ts'
import type { HttpAccess } from '../access.ts'
import { malformed } from './wire-error.ts'

// HTTP as git speaks it, over connections that are kept for the next call. One client per process.
//
// In:  a request, and addresses that the caller has just checked. New connections go to these and nowhere else;
//      a kept one goes to an address that was checked when it was opened.
// Out: status, type and body as they come. No redirect is followed, nothing is decided here.

export type HttpRequest = {
  readonly url: URL
  readonly access: HttpAccess
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
  /** Where a redirect leads. */
  readonly location: string | undefined
  /** Must be read to its end, or the signal aborted: else the connection is not free again. */
  readonly body: AsyncIterable<Buffer>
}

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

type Origin = { readonly pool: Pool; addresses: readonly string[] }

export function createHttpClient(): HttpClient {
  const origins = new Map<string, Origin>()
  let systemTrust: SecureContext | undefined

  function originOf({ url, access }: HttpRequest): Origin {
    const known = origins.get(url.origin)
    origins.delete(url.origin)
    const origin = known ?? openOrigin(url)
    origin.addresses = access.addresses
    // The last one is the one used last.
    origins.set(url.origin, origin)
    if (origins.size > MOST_ORIGINS) forgetOldest()
    return origin
  }

  function openOrigin({ origin, protocol }: URL): Origin {
    const opened: Origin = {
      addresses: [],
      pool: new Pool(origin, {
        allowH2: false,
        pipelining: 1,
        // Whoever calls knows better what progress is.
        headersTimeout: 0,
        bodyTimeout: 0,
        keepAliveTimeout: KEEP_MS,
        keepAliveMaxTimeout: KEEP_MS,
        connectTimeout: CONNECT_LIMIT_MS,
        connect: {
          lookup: pinned(() => opened.addresses),
          ...(protocol === 'https:' ? { secureContext: (systemTrust ??= trustOfSystem()) } : {}),
        },
      }),
    }
    return opened
  }

  function forgetOldest(): void {
    for (const [name, { pool }] of origins) {
      if (pool.stats.size > 0) continue
      origins.delete(name)
      void pool.destroy()
      return
    }
  }

  return {
    send: async (request) => {
      const { pool } = originOf(request)
      const isKept = pool.stats.free > 0
      try {
        return await exchange(pool, request)
      } catch (error) {
        // The server may close a kept connection in the very moment in which we use it. What we send is safe to
        // repeat: a listing changes nothing, and an update that was made already does not fit a second time.
        const mayRepeat = isKept && !isStream(request.body) && !request.signal.aborted && isBroken(error)
        if (!mayRepeat) throw error
        return exchange(pool, request)
      }
    },
    isConnected: (url) => (origins.get(url.origin)?.pool.stats.free ?? 0) > 0,
    close: async () => {
      const pools = [...origins.values()].map(({ pool }) => pool)
      origins.clear()
      await Promise.all(pools.map((pool) => pool.destroy()))
    },
  }
}

async function exchange(pool: Pool, request: HttpRequest): Promise<HttpAnswer> {
  const { url, access, headers, body, signal, onProgress } = request
  const response = await pool.request({
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
  const { 'content-type': type, location } = response.headers
  return {
    status: response.statusCode,
    type: typeof type === 'string' ? type : '',
    location: typeof location === 'string' ? location : undefined,
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

// Git trusts what the system trusts, which Node by itself does not. Reading all of it takes a while.
function trustOfSystem(): SecureContext {
  return createSecureContext({ ca: [...getCACertificates('default'), ...getCACertificates('system')] })
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
