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
  const keys = memoryHostKeys('tofu')
  const git = await openGit({
    clock: systemClock,
    runtimeRoot: join(folder, 'run'),
    idleTimeoutMs: 20_000,
    timeoutMs: 0,
    allowAddress: () => true,
    hostKeys: keys.store,
    onGit: (operation) => void operations.push(operation),
    ...options,
  })
  return { git, operations, hostKeys: keys.trusted, [Symbol.asyncDispose]: () => git[Symbol.asyncDispose]() }
}

/** A store of host keys that forgets at the end of the test. */
export function memoryHostKeys(policy: HostKeys['policy']): {
  readonly store: HostKeys
  readonly trusted: HostKey[]
} {
  const trusted: HostKey[] = []
  return {
    trusted,
    store: {
      policy,
      find: (host) => Promise.resolve(trusted.filter((key) => key.host === host)),
      trust: (key) => Promise.resolve(void trusted.push(key)),
    },
  }
}
