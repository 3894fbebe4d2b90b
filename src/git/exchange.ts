import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { Agent as HttpAgent, request as requestHttp } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import { pipeline } from 'node:stream/promises'
import { createSecureContext } from 'node:tls'
import { isPrivateAddress } from '../networks.ts'
import type { GitErrorKind, GitOutcome } from './git-error.ts'
import { failed } from './git-error.ts'
import type { HostDeps } from './host.ts'
import { resolveHost } from './host.ts'
import type { LimitDeps } from './limits.ts'
import { watchLimits } from './limits.ts'
import { pinned, trustedAuthorities } from './socket.ts'

// HTTP of our own, for what git does not transport.
//
// In:  a request and the exact headers it carries. Out: the answer as it comes, or why there is none.
// It connects only to addresses that were checked, keeps to the limits of a git call, and follows
// nothing: a redirect is an answer like any other. Bodies are never held in memory.

type HttpDeps = HostDeps & LimitDeps

export type HttpRequest = {
  readonly method: 'GET' | 'POST' | 'PUT'
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | { readonly path: string }
  /** The only kind of network that may be contacted, beside what the host policy says. */
  readonly network?: 'public' | 'private' | undefined
}

export type HttpAnswer = {
  readonly status: number
  readonly header: (name: 'location' | 'content-range') => string | undefined
  readonly body: AsyncIterable<Buffer>
}

/** Connections that one piece of work shares; disposing ends them. */
export type Http = Disposable & {
  /** Resolves when `read` has taken of the answer what it wants. Rejects with what `read` or a file throws. */
  readonly send: <Result>(
    request: HttpRequest,
    signal: AbortSignal,
    read: (answer: HttpAnswer) => Promise<Result>,
  ) => Promise<GitOutcome<{ readonly result: Result }>>
}

type Addresses = ReturnType<typeof resolveHost>

class BrokenConnection extends Error {
  readonly wasAnswered: boolean
  constructor(cause: unknown, wasAnswered: boolean) {
    super(cause instanceof Error ? cause.message : 'broken off', { cause })
    this.wasAnswered = wasAnswered
  }
}

export function openHttp(deps: HttpDeps): Http {
  const plain = new HttpAgent({ keepAlive: true })
  let secure: HttpsAgent | undefined
  const resolved = new Map<string, Addresses>()

  const http: Http = {
    send: async (request, signal, read) => {
      const { url, method } = request
      using limits = watchLimits(deps, `${method} ${url.host}`, signal)
      const addresses = await addressesOf(request, limits.signal)
      if (!addresses.ok) return { ok: false, failure: limits.stopped() ?? addresses.failure }
      await using file = typeof request.body === 'object' ? await open(request.body.path) : undefined
      const sent = start(request, addresses.addresses, limits.signal)
      try {
        const response = await exchange(sent, request.body, file, limits.progress)
        const result = await read({
          status: response.statusCode ?? 0,
          header: (name) => response.headers[name],
          body: watched(response, limits.progress),
        })
        return { ok: true, result }
      } catch (error) {
        const stopped = limits.stopped()
        if (stopped !== undefined) return { ok: false, failure: stopped }
        if (!(error instanceof BrokenConnection)) throw error
        // The server had closed a connection that was left open for this request.
        if (sent.reusedSocket && !error.wasAnswered) return await http.send(request, signal, read)
        return failed(kindOf(error.cause), `${url.host}: ${error.message}`)
      } finally {
        // Of an answer that was read to its end this leaves the connection to the next request.
        sent.destroy()
      }
    },
    [Symbol.dispose]: () => {
      plain.destroy()
      secure?.destroy()
    },
  }
  return http

  function start({ method, url, headers }: HttpRequest, addresses: readonly string[], signal: AbortSignal) {
    const options = { method, headers, signal, lookup: pinned(addresses) }
    if (url.protocol === 'http:') return requestHttp(url, { ...options, agent: plain })
    secure ??= new HttpsAgent({
      keepAlive: true,
      secureContext: createSecureContext({ ca: trustedAuthorities() }),
    })
    return requestHttps(url, { ...options, agent: secure })
  }

  async function addressesOf({ url, network }: HttpRequest, signal: AbortSignal): Addresses {
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
    const known = resolved.get(host) ?? resolveHost(deps, host, signal)
    const answer = await known
    if (!answer.ok) return answer
    resolved.set(host, known)
    const isMisplaced = answer.addresses.some(
      (address) => isPrivateAddress(address) !== (network === 'private'),
    )
    if (network === undefined || !isMisplaced) return answer
    return network === 'public'
      ? failed('address_denied', `${host} is in a private network, and the forge is not`)
      : failed('address_denied', `${host} would be contacted without encryption`)
  }
}

async function exchange(
  sent: ClientRequest,
  body: HttpRequest['body'],
  file: FileHandle | undefined,
  progress: () => void,
): Promise<IncomingMessage> {
  const answered = Promise.withResolvers<IncomingMessage>()
  sent.on('response', answered.resolve)
  sent.on('error', (cause) => answered.reject(new BrokenConnection(cause, false)))
  if (file === undefined) sent.end(body)
  else pour(file, sent, progress).catch((error: unknown) => answered.reject(error))
  return answered.promise
}

// A server may answer before it has read everything; then its answer counts, and not the broken pipe.
async function pour(file: FileHandle, sent: ClientRequest, progress: () => void): Promise<void> {
  const chunks = file.createReadStream({ autoClose: false, start: 0 })
  await pipeline(
    chunks,
    async function* (parts: AsyncIterable<Buffer>) {
      for await (const part of parts) {
        progress()
        yield part
      }
    },
    sent,
  )
}

async function* watched(response: IncomingMessage, progress: () => void): AsyncIterable<Buffer> {
  try {
    for await (const chunk of response) {
      progress()
      if (Buffer.isBuffer(chunk)) yield chunk
    }
  } catch (cause) {
    throw new BrokenConnection(cause, true)
  }
}

function kindOf(cause: unknown): GitErrorKind {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  return /CERT|SSL|TLS|VERIFY|SIGNED|EPROTO/.test(code) ? 'tls' : 'unreachable'
}

/** The answer as text; undefined: there is more of it than anybody can mean. */
export async function readText(body: AsyncIterable<Buffer>, maxBytes: number): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > maxBytes) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
