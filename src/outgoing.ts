import { connect } from 'node:net'
import type { Socket } from 'node:net'
import type { SecureContext } from 'node:tls'
import type { Clock } from './clock.ts'
import { SECOND } from './clock.ts'
import { resolveAllowed } from './forge/api-client.ts'
import type { ApiClientDeps } from './forge/api-client.ts'
import { createExchange, pinned } from './forge/api-exchange.ts'
import type { Entry, RawAnswer } from './forge/api-exchange.ts'
import { connectionFailure, createContexts } from './host-agent.ts'
import { DIRECT_NETWORK, DIRECT_ROUTE } from './host-network.ts'
import type { HostNetwork, HostRoute } from './host-network.ts'

// How notifications leave this machine: to the very addresses that the host policy has allowed, or through the
// proxy of their host, within a limit, following no redirect.

/** Why nothing came back; `detail` names the host, never more of an address. */
export type Unreached = {
  readonly ok: false
  readonly problem: 'denied' | 'unreachable' | 'timeout'
  readonly detail: string
}

export type Reached<Value> = { readonly ok: true; readonly value: Value } | Unreached

export type OutgoingRequest = {
  readonly method: 'POST' | 'PUT'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

/** Whatever the receiver has answered, redirects too; a body of more than 64 KB is undefined. */
export type OutgoingAnswer = RawAnswer

export type Outgoing = {
  /** Any answer is a success here. Never rejects. */
  readonly request: (request: OutgoingRequest, signal: AbortSignal) => Promise<Reached<OutgoingAnswer>>
  /** An open connection, directly and never through a proxy, which the caller closes. Never rejects. */
  readonly connect: (
    host: string,
    port: number,
    limitMs: number,
    signal: AbortSignal,
  ) => Promise<Reached<Socket>>
  /** By what this host has to prove itself. */
  readonly secureContext: (host: string) => SecureContext
}

type Deps = Pick<ApiClientDeps, 'allowAddress' | 'lookup'> & {
  readonly clock: Clock
  readonly network?: HostNetwork
}

const REQUEST_LIMIT_MS = 5 * SECOND
const MAX_ANSWER_BYTES = 64 * 1024

export function createOutgoing({ network = DIRECT_NETWORK, ...deps }: Deps): Outgoing {
  const exchange = createExchange(MAX_ANSWER_BYTES)
  const contextOf = createContexts()
  return {
    request: async ({ url, ...request }, signal) => {
      const target = new URL(url)
      const host = withoutBrackets(target.hostname)
      const route = network.routeTo(host)
      const way = route.proxy === undefined ? '' : ` through the proxy ${route.proxy.name}`
      const to = { name: target.host, way, host, route, limitMs: REQUEST_LIMIT_MS, signal }
      return reach({ ...deps, network }, to, (addresses, stop) =>
        exchange(target, request, { addresses, route }, stop),
      )
    },
    connect: (hostname, port, limitMs, signal) => {
      const host = withoutBrackets(hostname)
      const to = { name: `${hostname}:${port}`, way: '', host, route: DIRECT_ROUTE, limitMs, signal }
      return reach({ ...deps, network }, to, (addresses, stop) => open({ host, port, addresses, stop }))
    },
    secureContext: (hostname) => contextOf(network.routeTo(withoutBrackets(hostname)).bundle),
  }
}

function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1')
}

type Target = {
  /** For people. */
  readonly name: string
  readonly way: string
  readonly host: string
  readonly route: HostRoute
  readonly limitMs: number
  readonly signal: AbortSignal
}

async function reach<Value>(
  deps: Deps,
  { name, way, host, route, limitMs, signal }: Target,
  work: (addresses: readonly Entry[], stop: AbortSignal) => Promise<Value>,
): Promise<Reached<Value>> {
  const limit = new AbortController()
  using _timer = deps.clock.after(limitMs, () => limit.abort())
  const stop = AbortSignal.any([limit.signal, signal])
  try {
    const resolved = await resolveAllowed(deps, host, route, stop)
    if (!resolved.ok) return unreached('denied', resolved.failure.detail)
    return { ok: true, value: await work(resolved.value, stop) }
  } catch (error) {
    if (limit.signal.aborted) return unreached('timeout', `${name} took longer than ${limitMs} ms${way}`)
    const { code } = connectionFailure(error)
    return unreached('unreachable', `${name} cannot be reached${way}${code === '' ? '' : `: ${code}`}`)
  }
}

function unreached(problem: Unreached['problem'], detail: string): Unreached {
  return { ok: false, problem, detail }
}

function open(target: {
  readonly host: string
  readonly port: number
  readonly addresses: readonly Entry[]
  readonly stop: AbortSignal
}): Promise<Socket> {
  const { host, port, addresses, stop } = target
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, lookup: pinned(addresses), signal: stop })
    // Stays: an error that comes before the caller listens must not be nobody's.
    socket.on('error', reject)
    socket.once('connect', () => resolve(socket))
  })
}
