import { SECOND } from '../clock.ts'
import { createApiClient } from '../forge/api-client.ts'
import { forgeApi, forgeOfAddress } from '../forge/forge-apis.ts'
import type { HookDeps } from './at-forge.ts'
import { createTurns } from './turns.ts'

// For one call to the API of a forge.
const TIMEOUT_MS = 15 * SECOND

type Deps = Omit<HookDeps, 'forgeApi' | 'forgeOfAddress' | 'turns' | 'stopping'> & {
  /** Whether the daemon may contact this address of the host. */
  readonly allowAddress: (host: string, ip: string) => boolean
}

/** What the verbs of hooks need; disposing it ends the calls to forges that are under way. */
export function openHooks({ allowAddress, ...deps }: Deps): HookDeps & Disposable {
  const stopping = new AbortController()
  const { clock } = deps
  const client = createApiClient({ clock, allowAddress, timeoutMs: TIMEOUT_MS, signal: stopping.signal })
  return {
    ...deps,
    forgeApi: (target) => forgeApi(client, target),
    forgeOfAddress,
    turns: createTurns(),
    stopping: stopping.signal,
    [Symbol.dispose]: () => stopping.abort(),
  }
}
