import { isIPv4 } from 'node:net'
import { SECOND } from '../clock.ts'
import type { GitOutcome } from './git-error.ts'
import { failed } from './git-error.ts'
import type { HelperDeps } from './helper.ts'
import { runHelper } from './helper.ts'
import type { HostDeps } from './host.ts'
import { resolveHost } from './host.ts'
import type { HostKey } from './host-key.ts'
import { hostKeyName, parseKnownHosts } from './host-key.ts'

const ANSWER_SECONDS = 5
const LIMIT = 10 * SECOND

/** The keys that the SSH server at this host shows now, which proves nothing about who it is. */
export async function scanHostKeys(
  deps: HostDeps & HelperDeps,
  host: string,
  port: number,
): Promise<GitOutcome<{ readonly keys: readonly HostKey[] }>> {
  const resolved = await resolveHost(deps, host, AbortSignal.timeout(LIMIT))
  if (!resolved.ok) return resolved
  const address = resolved.addresses.find(isIPv4) ?? resolved.addresses[0] ?? host
  const args = ['-T', String(ANSWER_SECONDS), '-p', String(port), '-t', 'ed25519,ecdsa,rsa', '--', address]
  const { stdout } = await runHelper(deps, { file: 'ssh-keyscan', args })
  const name = hostKeyName(host, port)
  const keys = parseKnownHosts(stdout).map((key) => ({ ...key, host: name }))
  return keys.length === 0 ? failed('unreachable', 'no SSH server answers there') : { ok: true, keys }
}
