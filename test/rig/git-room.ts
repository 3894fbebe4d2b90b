import { join } from 'node:path'
import { systemClock } from '../../src/clock.ts'
import type { HostKey, HostKeys } from '../../src/git/host-key.ts'
import type { RemoteDeps } from '../../src/git/remote.ts'
import { openGit } from '../../src/git/room.ts'
import type { GitOptions } from '../../src/git/room.ts'

// The git room as the daemon opens it, with short limits and everything recorded.
//
//   await using room = await openTestGit(folder.path)
//   const listing = await listRefs(room.git, { url: remoteUrl(app.url), credential: undefined }, { signal })
//   room.operations                                     // e.g. ['ls-remote']: every git that was started
//   room.hostKeys                                       // SSH host keys that were trusted at first use

export type TestGit = AsyncDisposable & {
  readonly git: RemoteDeps
  readonly operations: string[]
  readonly hostKeys: HostKey[]
}

export async function openTestGit(folder: string, options: Partial<GitOptions> = {}): Promise<TestGit> {
  const operations: string[] = []
  const hostKeys: HostKey[] = []
  const git = await openGit({
    clock: systemClock,
    runtimeRoot: join(folder, 'run'),
    idleTimeoutMs: 20_000,
    timeoutMs: 0,
    allowAddress: () => true,
    hostKeys: hostKeysIn(hostKeys, 'tofu'),
    onGit: (operation) => void operations.push(operation),
    ...options,
  })
  return { git, operations, hostKeys, [Symbol.asyncDispose]: () => git[Symbol.asyncDispose]() }
}

/** A store of SSH host keys in a list. */
export function hostKeysIn(keys: HostKey[], policy: HostKeys['policy']): HostKeys {
  return {
    policy,
    find: (host) => Promise.resolve(keys.filter((key) => key.host === host)),
    trust: (key) => Promise.resolve(void keys.push(key)),
  }
}
