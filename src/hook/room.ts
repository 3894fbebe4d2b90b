import { SECOND } from '../clock.ts'
import { createApiClient } from '../forge/api-client.ts'
import { forgeApi, forgeOfAddress } from '../forge/forge-apis.ts'
import type { HostNetwork } from '../host-network.ts'
import type { HookDeps } from './at-forge.ts'
import { createTurns } from './turns.ts'

// For one call to the API of a forge.
const TIMEOUT_MS = 15 * SECOND

type Deps = Omit<HookDeps, 'forgeApi' | 'forgeOfAddress' | 'turns' | 'stopping'> & {
  /** Whether the daemon may contact this address of the host. */
  readonly allowAddress: (host: string, ip: string) => boolean
  readonly network: HostNetwork
}

/** What the verbs of hooks need; disposing it ends the calls to forges that are under way. */
export function openHooks({ allowAddress, network, ...deps }: Deps): HookDeps & Disposable {
  const stopping = new AbortController()
  const { clock } = deps
  const { signal } = stopping
  const client = createApiClient({ clock, allowAddress, network, timeoutMs: TIMEOUT_MS, signal })
  return {
    ...deps,
    forgeApi: (target) => forgeApi(client, target),
    forgeOfAddress,
    turns: createTurns(),
    stopping: signal,
    [Symbol.dispose]: () => stopping.abort(),
  }
}
