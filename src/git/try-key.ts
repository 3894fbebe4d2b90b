import { SECOND } from '../clock.ts'
import type { GitOutcome } from './git-error.ts'
import { failed } from './git-error.ts'
import type { RemoteUrl } from './refs.ts'
import type { RemoteDeps } from './remote.ts'
import { listRefs } from './remote.ts'

const LIMIT = 10 * SECOND

/** Whether this key may read that repository now: over a connection of its own, and within ten seconds. */
export async function tryKey(
  deps: RemoteDeps,
  url: RemoteUrl,
  privateKey: string,
): Promise<GitOutcome<object>> {
  const limit = new AbortController()
  using _timer = deps.clock.after(LIMIT, () => limit.abort())
  // A connection that is open already would let in a key that the server has forgotten since.
  const unshared = { ...deps, connections: { ...deps.connections, socketFor: () => undefined } }
  const credential = { kind: 'ssh_key', privateKey } as const
  const listed = await listRefs(unshared, { url, credential }, { signal: limit.signal })
  if (listed.ok) return { ok: true }
  return limit.signal.aborted ? failed('timed_out', 'no answer within the time of a test') : listed
}
