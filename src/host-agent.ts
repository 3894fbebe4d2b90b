import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { createSecureContext, getCACertificates } from 'node:tls'
import type { SecureContext } from 'node:tls'
import type { Bundle, HostRoute } from './host-network.ts'

// What our own HTTP clients reach a host with. Nothing of the environment takes part: neither its proxies
// nor the variables that would switch the check of certificates off.

/**
 * For requests to one host; an abort also ends a tunnel that the proxy has not opened yet. Who keeps connections
 * alive for the next request has to destroy the agent.
 */
export type OpenAgent = (
  url: URL,
  route: HostRoute,
  signal: AbortSignal,
  options?: { readonly keepAlive: boolean },
) => HttpAgent

/** By what a server has to prove itself, beside what the system trusts; read once for each bundle. */
export function createContexts(): (bundle: Bundle | undefined) => SecureContext {
  const contexts = new Map<Bundle | undefined, SecureContext>()
  // Reading what the system trusts takes a while.
  return (bundle) => {
    const known = contexts.get(bundle)
    if (known !== undefined) return known
    const context = createSecureContext({ ca: trusted(bundle) })
    contexts.set(bundle, context)
    return context
  }
}

export function createAgents(): OpenAgent {
  const contextOf = createContexts()
  return (url, { bundle, proxy }, signal, { keepAlive } = { keepAlive: false }) => {
    if (url.protocol === 'http:')
      return new HttpAgent({
        keepAlive,
        ...(proxy === undefined ? {} : { proxyEnv: { HTTP_PROXY: proxy.url } }),
      })
    const agent = new HttpsAgent({
      keepAlive,
      secureContext: contextOf(bundle),
      rejectUnauthorized: true,
      ...(proxy === undefined ? {} : { proxyEnv: { HTTPS_PROXY: proxy.url } }),
    })
    if (proxy !== undefined) endTunnelsWith(agent, signal)
    return agent
  }
}

// What git trusts: also the authorities that the machine's owner has added, and those of the host's bundle.
function trusted(bundle: Bundle | undefined): string[] {
  return [
    ...new Set([
      ...getCACertificates('default'),
      ...getCACertificates('system'),
      ...(bundle?.certificates ?? []),
    ]),
  ]
}

// A request knows nothing of the tunnel that is being opened for it: its end would leave that behind, and wait for it.
function endTunnelsWith(agent: HttpsAgent, signal: AbortSignal): void {
  const connect = agent.createConnection.bind(agent)
  agent.createConnection = (options, callback) => {
    const socket = connect(options, callback)
    const end = (): void => {
      if (socket === null || socket === undefined) return
      socket.destroy()
      callback?.(new Error('aborted'), socket)
    }
    if (signal.aborted) end()
    else signal.addEventListener('abort', end, { once: true })
    return socket
  }
}

/** Why a request got no answer: the certificate, a refusal of the proxy, or nobody there. */
export function connectionFailure(error: unknown): {
  readonly kind: 'tls' | 'proxy' | 'unreachable'
  /** Such as ECONNREFUSED or CERT_HAS_EXPIRED; the words beside it are not for people. */
  readonly code: string
} {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (error instanceof Error && 'statusCode' in error && code === 'ERR_PROXY_TUNNEL') {
    const status = Number(error.statusCode)
    return { kind: status >= 500 ? 'unreachable' : 'proxy', code: `the proxy answered ${status}` }
  }
  return { kind: TLS.test(code) ? 'tls' : 'unreachable', code }
}

// The names OpenSSL and Node have for what can be wrong with a certificate or a handshake.
const TLS =
  /^(?:EPROTO|ERR_(?:TLS|SSL|OSSL)_\w+|(?:CERT|CRL|UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|INVALID|PATH|HOSTNAME|ERROR_IN)_\w+)$/
