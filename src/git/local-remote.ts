import type { RunDeps } from './git.ts'
import { runGit } from './git.ts'
import type { GitErrorKind, GitOutcome } from './git-error.ts'
import { failed } from './git-error.ts'
import { readLocalConfig } from './local-config.ts'
import { listOwnRefs, moveOwnRefs } from './local-refs.ts'
import type { RefMove } from './local-refs.ts'
import type { LocalRepository } from './local-repository.ts'
import { branchesInUse } from './local-repository.ts'
import { listLocalRefs } from './mirror-repository.ts'
import type { PushResult, PushResults, PushUpdate } from './push.ts'
import { rejected } from './push.ts'
import type { RefList } from './ref-list.ts'
import type { RefName, RemoteUrl, Sha } from './refs.ts'
import { folderUrl, isTagRef, refInTheWay, toRefName } from './refs.ts'
import type { Shadow } from './shadow.ts'
import { openShadow } from './shadow.ts'

// A repository on this machine as one end of a sync. It is neither served nor pushed to, because then its own
// configuration and hooks would be at work: its objects are read and added through a shadow, and its refs are
// moved only when they still are what was seen. A branch that a work tree has checked out stays what it is.

export type LocalEnd = {
  readonly repository: LocalRepository
  /** Does the work while nothing else of this service works on the repository. */
  readonly exclusively: <T>(work: () => Promise<T>) => Promise<T>
  /** Where the repository remembers the branches of the other end, e.g. `refs/remotes/origin/`. */
  readonly tracking?: string
}

type CallOptions = { readonly signal: AbortSignal }
type Results = Map<RefName, PushResult>

const FILE = { protocol: 'file', settings: [], variables: {}, secrets: [] } as const
const FETCH =
  'fetch --progress --no-tags --no-write-fetch-head --no-auto-maintenance --no-recurse-submodules'.split(' ')

/** Its branches and tags, as `listRefs` reads them of a forge. */
export function listEnd(
  deps: RunDeps,
  { repository, exclusively }: LocalEnd,
  { signal }: CallOptions,
): Promise<GitOutcome<RefList & { readonly head: null }>> {
  return exclusively(async () => {
    const listed = await listOwnRefs(deps, repository, signal)
    return listed.ok ? { ...listed, head: null } : listed
  })
}

/** Calls with an address that shows the branches and tags of the repository, and that is safe to fetch from. */
export function fetchEnd<Result>(
  deps: RunDeps,
  { repository, exclusively }: LocalEnd,
  { signal }: CallOptions,
  fetch: (url: RemoteUrl) => Promise<GitOutcome<Result>>,
): Promise<GitOutcome<Result>> {
  return exclusively(async () => {
    const opened = await openWithRefs(deps, repository, signal)
    if (!opened.ok) return opened
    await using shadow = opened.shadow
    return await fetch(folderUrl(shadow.dir))
  })
}

/** Sets its refs to objects of a repository of ours, as `pushRefs` does at a forge. */
export function pushToEnd(
  deps: RunDeps,
  sourceDir: string,
  { repository, exclusively }: LocalEnd,
  updates: readonly PushUpdate[],
  { signal }: CallOptions,
): Promise<GitOutcome<{ readonly results: PushResults }>> {
  return exclusively(async () => {
    const opened = await openWithRefs(deps, repository, signal)
    if (!opened.ok) return opened
    await using shadow = opened.shadow
    const results: Results = new Map()
    const inUse = await branchesInUse(repository)
    const wanted = updates.filter((update) => {
      const result = judge(update, opened.refs.get(update.ref), inUse.get(update.ref))
      if (result !== undefined) results.set(update.ref, result)
      return result === undefined
    })
    const taken = await takeIn(deps, sourceDir, shadow, wanted, signal)
    if (!taken.ok) return taken
    const moves: RefMove[] = []
    for (const { ref, sha } of wanted) {
      const from = opened.refs.get(ref) ?? null
      if (sha === null || taken.refs.get(ref) === sha) moves.push({ ref, from, to: sha })
      else results.set(ref, notTaken(ref, opened.refs))
    }
    await move(deps, repository, moves, results, signal)
    return { ok: true, results }
  })
}

/** Moves refs that only remember; one that somebody else moves right now is left to them. */
export function followRefs(
  deps: RunDeps,
  { repository, exclusively, tracking = '' }: LocalEnd,
  heads: ReadonlyMap<string, Sha>,
  { signal }: CallOptions,
): Promise<GitOutcome<object>> {
  return exclusively(async () => {
    const listed = await listLocalRefs(deps, repository.commonDir, tracking, signal)
    if (!listed.ok) return listed
    const moves = [...heads].flatMap(([ref, to]): RefMove[] => {
      const from = listed.refs.get(ref) ?? null
      return from === to ? [] : [{ ref, from, to }]
    })
    return moveOwnRefs(deps, repository, moves, { message: 'reposync: sync', signal })
  })
}

type Opened = { readonly shadow: Shadow; readonly refs: ReadonlyMap<RefName, Sha> }

async function openWithRefs(
  deps: RunDeps,
  repository: LocalRepository,
  signal: AbortSignal,
): Promise<GitOutcome<Opened>> {
  const read = await readLocalConfig(deps, repository, signal)
  if (!read.ok) return read
  if (read.config.isPartial)
    return failed('bad_objects', 'the repository is a partial clone: objects may be missing')
  const listed = await listOwnRefs(deps, repository, signal)
  if (!listed.ok) return listed
  const { objectFormat } = read.config
  const shadow = await openShadow(deps, repository, { objectFormat, refs: listed.refs })
  return { ok: true, shadow, refs: listed.refs }
}

/** What can be said before any object is there; undefined: the update may happen. */
function judge(
  { ref, sha, lease }: PushUpdate,
  current: Sha | undefined,
  folder: string | undefined,
): PushResult | undefined {
  if (sha === (current ?? null)) return UP_TO_DATE
  if (lease !== undefined && lease !== (current ?? null)) {
    return rejected('moved_meanwhile', 'the ref is not what it was seen to be')
  }
  if (folder !== undefined) {
    return rejected('protected', `the branch is checked out in ${folder}, and a sync touches no work tree`)
  }
  if (lease === undefined && current !== undefined && isTagRef(ref)) {
    return rejected('tag_moved', 'the tag exists and names another object')
  }
  return undefined
}

/** Brings the objects; the refs of the shadow then tell which updates lose nothing. */
async function takeIn(
  deps: RunDeps,
  sourceDir: string,
  shadow: Shadow,
  updates: readonly PushUpdate[],
  signal: AbortSignal,
): Promise<GitOutcome<{ readonly refs: ReadonlyMap<RefName, Sha> }>> {
  const refspecs = updates.flatMap(({ ref, sha, lease }) =>
    sha === null ? [] : [`${lease === undefined ? '' : '+'}${sha}:${ref}\n`],
  )
  if (refspecs.length === 0) return { ok: true, refs: new Map() }
  const result = await runGit(deps, {
    operation: 'fetch',
    args: [...FETCH, '--stdin', '--', folderUrl(sourceDir)],
    gitDir: shadow.dir,
    input: refspecs.join(''),
    access: FILE,
    durable: true,
    signal,
  })
  // Exit 1 is a ref that could not be moved forward; which one it was, the refs show.
  if (result.kind === 'stopped' || result.exitCode > 1) return { ok: false, failure: result.failure }
  const listed = await listLocalRefs(deps, shadow.dir, 'refs/', signal)
  if (!listed.ok) return listed
  const refs = new Map<RefName, Sha>()
  for (const [name, sha] of listed.refs) {
    const ref = toRefName(name)
    if (ref !== undefined) refs.set(ref, sha)
  }
  return { ok: true, refs }
}

function notTaken(ref: RefName, refs: ReadonlyMap<RefName, Sha>): PushResult {
  if (refs.has(ref)) return rejected('non_fast_forward', 'the branch holds commits that would get lost')
  const other = refInTheWay(ref, refs.keys())
  return rejected(
    'unknown',
    `${other ?? 'another ref'} is in the way: a name cannot also be a folder of names`,
  )
}

/** All at once; where that is refused one by one, so that one ref does not stop the others. */
async function move(
  deps: RunDeps,
  repository: LocalRepository,
  moves: readonly RefMove[],
  results: Results,
  signal: AbortSignal,
): Promise<void> {
  const options = { message: 'reposync: sync', signal }
  const together = await moveOwnRefs(deps, repository, moves, options)
  for (const change of moves) {
    const ref = toRefName(change.ref)
    if (ref === undefined) continue
    const moved = together.ok ? together : await moveOwnRefs(deps, repository, [change], options)
    results.set(ref, moved.ok ? DONE : rejected(moveKind(moved.failure.kind), moved.failure.detail))
  }
}

// Somebody moved the ref, or works on it right now; either is over when it is tried again.
function moveKind(kind: GitErrorKind): GitErrorKind {
  return kind === 'unknown' || kind === 'mirror_busy' ? 'moved_meanwhile' : kind
}

const DONE: PushResult = { status: 'ok', kind: null, reason: null }
const UP_TO_DATE: PushResult = { status: 'up_to_date', kind: null, reason: null }
