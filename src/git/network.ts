import { randomUUID } from 'node:crypto'
import { access, rename, writeFile } from 'node:fs/promises'
import { isIPv6 } from 'node:net'
import { join } from 'node:path'
import { getCACertificates } from 'node:tls'
import type { OpenAgent } from '../host-agent.ts'
import type { Bundle, HostNetwork, HostRoute } from '../host-network.ts'
import type { RemoteAccess } from './environment.ts'
import type { GitErrorKind, GitFailure, GitOutcome } from './git-error.ts'
import { failed } from './git-error.ts'
import type { Endpoint, HostDeps } from './host.ts'
import { resolveHost } from './host.ts'
import type { RuntimeDir } from './runtime-dir.ts'

// How git reaches a host over HTTP: what it trusts there, and through which proxy.

export type NetworkDeps = {
  readonly network: HostNetwork
  /** Where git finds what it is to trust for the hosts of a bundle. */
  readonly trustFile: (bundle: Bundle) => Promise<string>
  /** For what we ask a host ourselves. */
  readonly openAgent: OpenAgent
}

type HttpEndpoint = Extract<Endpoint, { readonly scheme: 'http' | 'https' }>

/** Git takes one file and forgets the system's, so each holds the system's authorities and those of its bundle. */
export function createTrustFiles(runtimeDir: RuntimeDir): NetworkDeps['trustFile'] {
  const paths = new Map<Bundle, string>()
  return async (bundle) => {
    const dir = await runtimeDir()
    const path = paths.get(bundle) ?? join(dir, `trust-${paths.size}.pem`)
    paths.set(bundle, path)
    // Whoever tidies up temporary folders may have taken it for forgotten.
    const exists = await access(path).then(
      () => true,
      () => false,
    )
    if (!exists) await writeTrustFile(path, bundle)
    return path
  }
}

async function writeTrustFile(path: string, { certificates }: Bundle): Promise<void> {
  const all = new Set([...getCACertificates('system'), ...certificates].map((text) => text.trim()))
  // Another call may read it already.
  const draft = `${path}.${randomUUID()}`
  await writeFile(draft, `${[...all].join('\n')}\n`, { mode: 0o600 })
  await rename(draft, path)
}

/**
 * The addresses that the host may be reached at: none where a proxy finds them out, which then has to be
 * asked for the name, or the literal address, as the rules allow it.
 */
export async function resolveOnRoute(
  deps: HostDeps & NetworkDeps,
  host: string,
  { proxy }: HostRoute,
  signal: AbortSignal,
): Promise<GitOutcome<{ readonly addresses: readonly string[] }>> {
  if (proxy === undefined) return resolveHost(deps, host, signal)
  if (deps.network.allowsProxied(host)) return { ok: true, addresses: [] }
  return failed('address_denied', `${host} may not be contacted through a proxy`)
}

export async function routeSettings(
  { trustFile }: NetworkDeps,
  { scheme, origin, host, port }: HttpEndpoint,
  { bundle, proxy }: HostRoute,
  addresses: readonly string[],
): Promise<RemoteAccess['settings']> {
  const trust = scheme === 'http' || bundle === undefined ? undefined : await trustFile(bundle)
  return [
    ...(trust === undefined ? [] : [[`http.${origin}/.sslCAInfo`, trust] as const]),
    ...(proxy === undefined
      ? [['http.curloptResolve', `${host}:${port}:${addresses.map(bracketed).join(',')}`] as const]
      : [
          [`http.${origin}/.proxy`, proxy.url] as const,
          // Sent with the first request: waiting to be asked costs a connection that many proxies then close.
          [`http.${origin}/.proxyAuthMethod`, 'basic'] as const,
        ]),
  ]
}

function bracketed(address: string): string {
  return isIPv6(address) ? `[${address}]` : address
}

// What may be the fault of a proxy as well as of the server behind it.
const KINDS_ON_THE_WAY: ReadonlySet<GitErrorKind> = new Set([
  'dns',
  'unreachable',
  'stalled',
  'timed_out',
  'tls',
  'proxy',
  'auth',
  'rate_limited',
  'server_error',
  'not_git',
])

/** Names the proxy beside what may be its fault. */
export function explainRoute(failure: GitFailure, { proxy }: HostRoute): GitFailure {
  if (proxy === undefined || !KINDS_ON_THE_WAY.has(failure.kind)) return failure
  return { ...failure, detail: `through the proxy ${proxy.name}\n${failure.detail}` }
}
