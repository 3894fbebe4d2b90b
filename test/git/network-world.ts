import type { HostNetwork } from '../../src/host-network.ts'
import type { Remote } from '../../src/git/remote.ts'
import { createAuthority } from '../rig/certificate.ts'
import type { Authority } from '../rig/certificate.ts'
import { startForwardProxy } from '../rig/forward-proxy.ts'
import type { ForwardProxy, ForwardProxyOptions } from '../rig/forward-proxy.ts'
import { openGitWorld, PASSWORD } from '../rig/git-world.ts'
import type { GitWorld } from '../rig/git-world.ts'
import { networkOf } from '../rig/host-network.ts'
import { remoteUrl } from '../rig/repository.ts'

// A forge that only a proxy knows by its name, with a certificate of a company of its own when it is secure.

export const NAME = 'git.corp.example'
export const PROXY_LOGIN = { username: 'ann', password: 'pr:oxy pass%' }
export const FORGE_SECRETS: readonly string[] = formsOf(PASSWORD)
export const PROXY_SECRETS: readonly string[] = formsOf(PROXY_LOGIN)

export type ProxiedWorld = GitWorld & {
  readonly proxy: ForwardProxy
  readonly authority: Authority
  /** With the name that leads nowhere but through the proxy. */
  readonly remote: Remote
  /** Names that we have tried to look up ourselves. */
  readonly lookups: readonly string[]
}

/** By default the name goes through the proxy, and its authority is known. */
export async function openProxiedWorld({
  secure,
  network = (proxy, cert) => networkOf({ ca: { [NAME]: cert }, proxy: { [NAME]: proxy } }),
  ...options
}: ForwardProxyOptions & {
  readonly secure: boolean
  readonly network?: (proxy: string, cert: string) => HostNetwork
}): Promise<ProxiedWorld> {
  await using stack = new AsyncDisposableStack()
  const authority = createAuthority()
  const proxy = stack.use(await startForwardProxy({ names: [NAME], ...options }))
  const lookups: string[] = []
  const world = stack.use(
    await openGitWorld({
      server: { ...PASSWORD, ...(secure ? { tls: authority.issue(NAME) } : {}) },
      network: network(proxy.url, authority.cert),
      lookup: (host) => Promise.resolve(void lookups.push(host)).then(() => []),
    }),
  )
  const url = remoteUrl(world.app.url.replace('127.0.0.1', NAME))
  const owned = stack.move()
  return {
    ...world,
    proxy,
    lookups,
    authority,
    remote: { ...world.remote, url },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

function formsOf({ username, password }: { readonly username: string; readonly password: string }): string[] {
  return [password, encodeURIComponent(password), Buffer.from(`${username}:${password}`).toString('base64')]
}
