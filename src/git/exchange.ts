import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import type { Agent, ClientRequest, IncomingMessage } from 'node:http'
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { isIP } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { connectionFailure } from '../host-agent.ts'
import type { HostRoute } from '../host-network.ts'
import { isPrivateAddress } from '../networks.ts'
import type { GitFailure, GitOutcome } from './git-error.ts'
import { failed } from './git-error.ts'
import type { HostDeps } from './host.ts'
import type { LimitDeps } from './limits.ts'
import { watchLimits } from './limits.ts'
import type { NetworkDeps } from './network.ts'
import { explainRoute, resolveOnRoute } from './network.ts'
import { pinned } from './socket.ts'

// HTTP of our own, for what git does not transport.
//
// In:  a request and the exact headers it carries. Out: the answer as it comes, or why there is none.
// It connects only to addresses that were checked, by the route that git would take, keeps to the limits of
// a git call, and follows nothing: a redirect is an answer like any other. Bodies are never held in memory.

type HttpDeps = HostDeps & LimitDeps & NetworkDeps

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

class BrokenConnection extends Error {
  readonly wasAnswered: boolean
  constructor(cause: unknown, wasAnswered: boolean) {
    super(cause instanceof Error ? cause.message : 'broken off', { cause })
    this.wasAnswered = wasAnswered
  }
}

/** How one host is reached, found out once. */
type Reached = { readonly route: HostRoute; readonly addresses: readonly string[] }

export function openHttp(deps: HttpDeps): Http {
  const ending = new AbortController()
  const agents = new Map<string, Agent>()
  const reached = new Map<string, Reached>()

  const http: Http = {
    send: async (request, signal, read) => {
      const { url, method } = request
      using limits = watchLimits(deps, `${method} ${url.host}`, signal)
      const found = await reach(request, limits.signal)
      if (!found.ok) return { ok: false, failure: limits.stopped() ?? found.failure }
      const refused = refuseNetwork(request, found)
      if (refused !== undefined) return { ok: false, failure: refused }
      await using file = typeof request.body === 'object' ? await open(request.body.path) : undefined
      const sent = start(request, found, limits.signal)
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
        if (stopped !== undefined) return { ok: false, failure: explainRoute(stopped, found.route) }
        if (!(error instanceof BrokenConnection)) throw error
        // The server had closed a connection that was left open for this request.
        if (sent.reusedSocket && !error.wasAnswered) return await http.send(request, signal, read)
        return { ok: false, failure: explainRoute(connectionFailureOf(url, error), found.route) }
      } finally {
        // Of an answer that was read to its end this leaves the connection to the next request.
        sent.destroy()
      }
    },
    [Symbol.dispose]: () => {
      ending.abort()
      for (const agent of agents.values()) agent.destroy()
    },
  }
  return http

  function start(
    { method, url, headers }: HttpRequest,
    { route, addresses }: Reached,
    signal: AbortSignal,
  ): ClientRequest {
    const agent = agents.get(url.origin) ?? deps.openAgent(url, route, ending.signal, { keepAlive: true })
    agents.set(url.origin, agent)
    const options = { method, headers, signal, agent, lookup: pinned(addresses) }
    return url.protocol === 'http:' ? requestHttp(url, options) : requestHttps(url, options)
  }

  async function reach({ url }: HttpRequest, signal: AbortSignal): Promise<GitOutcome<Reached>> {
    const host = hostOf(url)
    const known = reached.get(host)
    if (known !== undefined) return { ok: true, ...known }
    const route = deps.network.routeTo(host)
    const resolved = await resolveOnRoute(deps, host, route, signal)
    if (!resolved.ok) return resolved
    const found = { route, addresses: resolved.addresses }
    reached.set(host, found)
    return { ok: true, ...found }
  }
}

function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, '$1')
}

// Where a proxy looks the name up, only an address in place of a name tells where it leads.
function refuseNetwork({ url, network }: HttpRequest, { addresses }: Reached): GitFailure | undefined {
  const host = hostOf(url)
  const known = addresses.length === 0 && isIP(host) !== 0 ? [host] : addresses
  if (network === 'public' && known.some(isPrivateAddress)) {
    return { kind: 'address_denied', detail: `${host} is in a private network, and the forge is not` }
  }
  if (network === 'private' && (known.length === 0 || !known.every(isPrivateAddress))) {
    return { kind: 'address_denied', detail: `${host} would be contacted without encryption` }
  }
  return undefined
}

function connectionFailureOf(url: URL, error: BrokenConnection): GitFailure {
  const { kind, code } = connectionFailure(error.cause)
  return failed(kind, `${url.host}: ${code === '' ? error.message : code}`).failure
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
