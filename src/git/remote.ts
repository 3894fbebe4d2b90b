import type { AccessDeps } from './access.ts'
import { withAccess } from './access.ts'
import type { RunDeps } from './git.ts'
import { runGit } from './git.ts'
import type { GitOutcome } from './git-error.ts'
import { failed } from './git-error.ts'
import type { RefListing } from './listing.ts'
import { listWithoutGit, toHead } from './listing.ts'
import type { LocalEnd } from './local-remote.ts'
import { fetchEnd, listEnd, pushToEnd } from './local-remote.ts'
import { joinPacks, restoreConfig, writeTrialCommit } from './mirror-repository.ts'
import { probe } from './probe.ts'
import { callPush, PUSH, pushLimits } from './push-call.ts'
import type { PushStep } from './push-history.ts'
import { pushInParts } from './push-parts.ts'
import type { PushResults, PushUpdate } from './push.ts'
import { collectRefs } from './ref-list.ts'
import type { RefName, RemoteUrl } from './refs.ts'
import { toSha } from './refs.ts'
import type { Wire } from './wire/wire.ts'

// Stage 6: what can be done with a repository on a forge.
//
// In:  a remote, and a mirror for everything that moves objects.
// Out: outcomes as values; only bugs throw. Every call ends by itself, at the latest at its limits.
// Knows nothing of sides, bindings or policies: it never forces without a lease, never pushes by
// local name, and never takes silence for an answer.

/** What proves to a forge who is asking; it never enters an argument, a URL, a log or an error. */
export type Credential =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  | { readonly kind: 'ssh_key'; readonly privateKey: string }

export type Remote = {
  readonly url: RemoteUrl
  readonly credential: Credential | undefined
  /** Set: a repository on this machine that git must not be let into by its address. */
  readonly local?: LocalEnd
}

export type RemoteDeps = RunDeps &
  AccessDeps & {
    /** How to do without git what can be done without it; undefined: git does everything. */
    readonly wire: Wire | undefined
  }

type CallOptions = {
  readonly signal: AbortSignal
  /** Takes git's progress lines; they carry no secrets. */
  readonly onProgress?: ((text: string) => void) | undefined
}

const GIT = { kind: 'git' } as const

/** Reads the branches and tags of a remote; tags show the tag object. An empty repository is no failure. */
export function listRefs(
  deps: RemoteDeps,
  remote: Remote,
  options: CallOptions,
): Promise<GitOutcome<RefListing>> {
  if (remote.local !== undefined) return listEnd(deps, remote.local, options)
  return withAccess<RefListing>(deps, remote, options.signal, async (access, http) => {
    const { wire } = deps
    if (wire !== undefined) {
      const listing = await listWithoutGit({ ...deps, wire }, remote.url, { access, http }, options.signal)
      if (listing !== undefined) return { ok: true, ...listing }
    }
    const collector = collectRefs()
    let head: RefName | null = null
    const result = await runGit(deps, {
      operation: 'ls-remote',
      args: ['ls-remote', '--quiet', '--symref', '--', remote.url],
      access,
      signal: options.signal,
      onLine: (line) => {
        const [value = '', name = ''] = line.split('\t')
        if (name === 'HEAD' && value.startsWith('ref: ')) head = toHead(value.slice(5))
        collector.add(name, toSha(value))
      },
    })
    if (result.kind === 'stopped' || result.exitCode !== 0) return { ok: false, failure: result.failure }
    const list = collector.list()
    // Where the question itself fails, git's word stands.
    const answer =
      list.refs.size === 0 && http !== undefined ? await probe(remote.url, http, options.signal) : GIT
    if (answer.kind === 'other' || answer.kind === 'redirect') {
      return failed('not_git', 'the server answered, but not as a git server')
    }
    return { ok: true, ...list, head }
  })
}

type FetchRefspec = {
  readonly source: RefName
  /** Full name of the mirror's own ref, e.g. `refs/internal/heads/main`; overwritten. */
  readonly target: string
}

const FETCH =
  'fetch --progress --no-tags --no-write-fetch-head --no-auto-maintenance --no-recurse-submodules'.split(' ')

// Linux refuses a very long command line; far below that, stdin is the better way.
const MAX_FETCH_ARGUMENTS = 32 * 1024

/**
 * Fetches refs into the mirror's own refs. `{ allInto: 'refs/internal' }` fetches every branch and tag to
 * `refs/internal/heads/*` and `refs/internal/tags/*`; refs that the remote no longer has stay in the mirror,
 * unless they are to be `pruned`.
 */
export function fetchRefs(
  deps: RemoteDeps,
  mirrorDir: string,
  remote: Remote,
  refspecs: readonly FetchRefspec[] | { readonly allInto: string; readonly pruned?: boolean },
  options: CallOptions,
): Promise<GitOutcome<object>> {
  if (remote.local !== undefined) {
    return fetchEnd(deps, remote.local, options, (url) =>
      fetchRefs(deps, mirrorDir, { url, credential: undefined }, refspecs, options),
    )
  }
  const texts =
    'allInto' in refspecs
      ? ['heads', 'tags'].map((kind) => `+refs/${kind}/*:${refspecs.allInto}/${kind}/*`)
      : refspecs.map(({ source, target }) => `+${source}:${target}`)
  if (texts.length === 0) return Promise.resolve({ ok: true })
  const prune = 'allInto' in refspecs && refspecs.pruned === true ? ['--prune'] : []
  const isLong = Buffer.byteLength(texts.join(' ')) > MAX_FETCH_ARGUMENTS
  return withAccess<object>(deps, remote, options.signal, async (access) => {
    await restoreConfig(mirrorDir)
    const result = await runGit(deps, {
      operation: 'fetch',
      args: [...FETCH, ...prune, ...(isLong ? ['--stdin'] : []), '--', remote.url, ...(isLong ? [] : texts)],
      gitDir: mirrorDir,
      fenced: true,
      ...(isLong ? { input: `${texts.join('\n')}\n` } : {}),
      access,
      signal: options.signal,
      onProgress: options.onProgress,
    })
    if (result.kind === 'stopped' || result.exitCode !== 0) return { ok: false, failure: result.failure }
    await joinPacks(deps, mirrorDir, options.signal)
    return { ok: true }
  })
}

/**
 * Finds out whether the remote would take a push at all, without changing anything there: everything up to the
 * point where it would be sent. Rules for single branches only show in a real push. Writes an object into `dir`.
 */
export async function tryPush(
  deps: RemoteDeps,
  dir: string,
  remote: Remote,
  options: CallOptions,
): Promise<GitOutcome<object>> {
  const commit = await writeTrialCommit(deps, dir, options.signal)
  if (!commit.ok) return commit
  return withAccess<object>(deps, remote, options.signal, async (access) => {
    const result = await runGit(deps, {
      operation: 'push',
      args: [...PUSH, '--dry-run', '--', remote.url, `${commit.sha}:refs/heads/reposync-write-trial`],
      gitDir: dir,
      access,
      signal: options.signal,
    })
    if (result.kind === 'stopped' || result.exitCode !== 0) return { ok: false, failure: result.failure }
    return { ok: true }
  })
}

type PushOptions = CallOptions & {
  /** How many refs the remote has, as far as known: how long git takes before it sends anything depends on it. */
  readonly remoteRefs?: number
  /** Told about each step of a branch that is too large to be pushed at once. */
  readonly onStep?: (step: PushStep) => void
}

/**
 * Sets refs of the remote to objects of the mirror. Without a lease an update only moves forward; with one
 * the ref must still be what the lease says. A ref that is refused does not keep the others from being set,
 * also where a server declines a push as a whole; what is too large for one push goes in several. The failure
 * means that nothing is known to have been set.
 */
export function pushRefs(
  deps: RemoteDeps,
  mirrorDir: string,
  remote: Remote,
  updates: readonly PushUpdate[],
  options: PushOptions,
): Promise<GitOutcome<{ readonly results: PushResults }>> {
  if (updates.length === 0) return Promise.resolve({ ok: true, results: new Map() })
  if (remote.local !== undefined) return pushToEnd(deps, mirrorDir, remote.local, updates, options)
  const { signal, onProgress, onStep = () => {}, remoteRefs = 0 } = options
  return withAccess(deps, remote, signal, async (access) => {
    await restoreConfig(mirrorDir)
    const call = { mirrorDir, url: remote.url, access, signal, onProgress }
    return pushInParts(updates, {
      call: (part) => callPush(deps, call, part),
      limits: pushLimits(remoteRefs),
      history: { git: deps, dir: mirrorDir, signal },
      look: () => listRefs(deps, remote, { signal }),
      onStep,
    })
  })
}
