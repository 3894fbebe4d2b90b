import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RemoteAccess } from './environment.ts'
import type { GitResult, RunDeps } from './git.ts'
import { runGit } from './git.ts'
import type { PushUpdate } from './push.ts'
import { leaseOf, refspecOf } from './push.ts'
import type { PushLimits } from './push-parts.ts'
import type { RemoteUrl } from './refs.ts'

// One `git push`. It always names a full object id and a full ref, never a ref of the mirror, never a pattern.

/** How every push begins. */
export const PUSH: readonly string[] =
  'push --porcelain --progress --no-verify --no-signed --recurse-submodules=no'.split(' ')

// Git reads no refspecs from stdin for a push, but it does from a configuration file.
const MOST_ARGUMENT_BYTES = 32 * 1024
// Git tells about each ref in about as many bytes, and what it tells is kept in memory.
const MOST_REFSPEC_BYTES = 6_000_000
// Leases have to be arguments, and Linux refuses a longer command line.
const MOST_LEASE_BYTES = 1_000_000
// Before it sends anything, git compares every ref it is to push with every ref of the remote, at some four
// million comparisons a second, and is silent all the while.
const MOST_COMPARISONS = 50_000_000

// Git sends what is larger than a megabyte as it is made, in chunks, and holds it in memory only when it is told to.
const WANTS_LENGTH = /\bHTTP 411\b/
const MOST_BUFFERED_BYTES = 256 * 1024 * 1024

export function pushLimits(remoteRefs: number): PushLimits {
  return {
    refspecBytes: MOST_REFSPEC_BYTES,
    leaseBytes: MOST_LEASE_BYTES,
    refs: Math.max(1, Math.floor(MOST_COMPARISONS / Math.max(1, remoteRefs))),
  }
}

type PushCall = {
  readonly mirrorDir: string
  readonly url: RemoteUrl
  readonly access: RemoteAccess
  readonly signal: AbortSignal
  readonly onProgress: ((text: string) => void) | undefined
}

/** Pushes once more, and whole, where a server or a proxy takes nothing whose length it is not told. */
export async function callPush(
  deps: RunDeps,
  call: PushCall,
  part: readonly PushUpdate[],
): Promise<GitResult> {
  const pushed = await callOnce(deps, call, part)
  if (pushed.kind !== 'exited' || pushed.exitCode === 0 || !WANTS_LENGTH.test(pushed.stderr)) return pushed
  const { access } = call
  const settings = [...access.settings, ['http.postBuffer', String(MOST_BUFFERED_BYTES)]] as const
  return callOnce(deps, { ...call, access: { ...access, settings } }, part)
}

async function callOnce(
  deps: RunDeps,
  { mirrorDir, url, access, signal, onProgress }: PushCall,
  part: readonly PushUpdate[],
): Promise<GitResult> {
  const refspecs = part.map(refspecOf)
  const common = { operation: 'push', gitDir: mirrorDir, fenced: true, signal, onProgress }
  const start = [...PUSH, ...part.flatMap(leaseOf), '--']
  if (Buffer.byteLength(refspecs.join(' ')) <= MOST_ARGUMENT_BYTES) {
    return runGit(deps, { ...common, args: [...start, url, ...refspecs], access })
  }
  const file = join(await deps.runtimeDir(), `push-${crypto.randomUUID()}`)
  const lines = refspecs.map((refspec) => `\tpush = "${refspec.replace(/["\\]/g, '\\$&')}"\n`)
  await writeFile(file, `[remote "${TARGET}"]\n${lines.join('')}`, { mode: 0o600 })
  try {
    const settings = [...access.settings, [`remote.${TARGET}.url`, url], ['include.path', file]] as const
    return await runGit(deps, { ...common, args: [...start, TARGET], access: { ...access, settings } })
  } finally {
    await rm(file, { force: true })
  }
}

const TARGET = 'target'
