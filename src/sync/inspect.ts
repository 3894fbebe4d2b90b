import type { Side } from '../binding/binding.ts'
import type { RefPair } from '../binding/rules.ts'
import { isBranchRef } from '../git/refs.ts'
import type { RefName, Sha } from '../git/refs.ts'
import { listRefs, tryPush } from '../git/remote.ts'
import type { SyncContext, SyncDeps } from './context.ts'
import { measureDivergence } from './divergence.ts'
import { fetchHeads } from './fetch.ts'
import { withLookRepository } from './look.ts'
import { repositoryDir } from './mirror.ts'
import { failedOn } from './outcome.ts'
import { coveredPairs } from './plan.ts'
import type { Listing } from './plan.ts'
import { checkRelated } from './related.ts'
import type { SeenHeads, SyncFailure, SyncRequest } from './sync.ts'

// Looks at both sides of a subject without changing anything, for a person who waits.

export type Inspected = Pick<SyncRequest, 'subject' | 'remotes' | 'scope' | 'rules' | 'agreed'>

export type RefState =
  'in_sync' | 'internal_ahead' | 'external_ahead' | 'diverged' | 'only_internal' | 'only_external'

export type RefStatus = {
  readonly pair: RefPair
  readonly heads: SeenHeads
  readonly state: RefState
  /** Commits that only this side has; null: not counted. */
  readonly ahead: Readonly<Record<Side, number | null>>
}

export type SideStatus = {
  readonly refs: number
  readonly defaultBranch: RefName | null
  readonly failure: SyncFailure | undefined
}

export type Inspection = {
  readonly sides: Readonly<Record<Side, SideStatus>>
  /** Empty when a side could not be read. */
  readonly refs: readonly RefStatus[]
}

export type AccessCheck = {
  /** Undefined: it works. */
  readonly read: SyncFailure | undefined
  /** Undefined: it works; `unknown`: not tried, because reading already failed. */
  readonly write: SyncFailure | 'unknown' | undefined
  readonly isEmpty: boolean
}

export type Check = {
  readonly sides: Readonly<Record<Side, AccessCheck>>
  /** Null: a side is empty or could not be read. */
  readonly isRelated: boolean | null
}

export type Names = Readonly<Record<Side, SideStatus & { readonly names: readonly RefName[] }>>

export type Inspector = {
  /** Every branch and tag of both sides, whatever the rules say. */
  readonly listNames: (subject: Inspected, signal: AbortSignal) => Promise<Names>
  readonly inspect: (subject: Inspected, signal: AbortSignal) => Promise<Inspection>
  readonly check: (subject: Inspected, signal: AbortSignal) => Promise<Check>
}

// Each pair that differs costs two git processes.
const MOST_COMPARED = 50

export function createInspector(deps: SyncDeps): Inspector {
  return {
    listNames: async (subject, signal) => {
      const [internal, external] = await lookAtBoth(deps, subject, signal)
      return {
        internal: { ...internal.status, names: [...(internal.refs?.keys() ?? [])] },
        external: { ...external.status, names: [...(external.refs?.keys() ?? [])] },
      }
    },
    inspect: (subject, signal) => inspect(deps, subject, signal),
    check: (subject, signal) => check(deps, subject, signal),
  }
}

async function inspect(deps: SyncDeps, subject: Inspected, signal: AbortSignal): Promise<Inspection> {
  const [internal, external] = await lookAtBoth(deps, subject, signal)
  const sides = { internal: internal.status, external: external.status }
  if (internal.refs === undefined || external.refs === undefined) return { sides, refs: [] }
  const heads = { internal: internal.refs, external: external.refs }
  const pairs = [...coveredPairs({ ...subject, refs: heads })]
  const differing = pairs.filter((pair) => {
    const { internal: own, external: other } = headsOf(pair, heads)
    return own !== null && other !== null && own !== other
  })
  const measured = await measure(deps, subject, differing.slice(0, MOST_COMPARED), heads, signal)
  const refs = pairs.map((pair) => judge(pair, headsOf(pair, heads), subject, measured.get(pair)))
  return { sides, refs }
}

function lookAtBoth(deps: SyncDeps, subject: Inspected, signal: AbortSignal) {
  return Promise.all([lookAt(deps, subject, 'internal', signal), lookAt(deps, subject, 'external', signal)])
}

async function lookAt(
  deps: SyncDeps,
  { remotes }: Inspected,
  side: Side,
  signal: AbortSignal,
): Promise<{ readonly status: SideStatus; readonly refs: Listing | undefined }> {
  const listed = await listRefs(deps.git, remotes[side], { signal })
  if (listed.ok) {
    const status = { refs: listed.refs.size, defaultBranch: listed.head, failure: undefined }
    return { status, refs: listed.refs }
  }
  const { failure } = failedOn(side, listed.failure)
  return { status: { refs: 0, defaultBranch: null, failure }, refs: undefined }
}

function headsOf(pair: RefPair, refs: Readonly<Record<Side, Listing>>): SeenHeads {
  return {
    internal: refs.internal.get(pair.internal) ?? null,
    external: refs.external.get(pair.external) ?? null,
  }
}

type Counts = Readonly<Record<Side, number>>

async function measure(
  deps: SyncDeps,
  subject: Inspected,
  pairs: readonly RefPair[],
  refs: Readonly<Record<Side, Listing>>,
  signal: AbortSignal,
): Promise<ReadonlyMap<RefPair, Counts>> {
  const counts = new Map<RefPair, Counts>()
  if (pairs.length === 0) return counts
  const lender = repositoryDir(deps.syncDir, subject.subject)
  await withLookRepository(deps.git, lender, async (dir) => {
    const context = contextFor(deps, subject, dir, signal)
    for (const side of ['internal', 'external'] as const) {
      const fetched = await fetchHeads(
        context,
        side,
        pairs.map((pair) => pair[side]),
      )
      if (!fetched.ok) return
    }
    for (const pair of pairs) {
      const { internal, external } = headsOf(pair, refs)
      if (internal === null || external === null) continue
      const found = await measureDivergence(context, { internal, external })
      if (found === undefined) continue
      counts.set(pair, { internal: found.internal.count, external: found.external.count })
    }
  })
  return counts
}

function judge(
  pair: RefPair,
  heads: SeenHeads,
  { agreed }: Inspected,
  counts: Counts | undefined,
): RefStatus {
  const { internal, external } = heads
  const status = (state: RefState, ahead: RefStatus['ahead']): RefStatus => ({ pair, heads, state, ahead })
  const uncounted = { internal: null, external: null }
  if (internal === external) return status('in_sync', { internal: 0, external: 0 })
  if (external === null) return status('only_internal', uncounted)
  if (internal === null) return status('only_external', uncounted)
  return status(stateOf({ internal, external }, agreed.get(pair.internal), counts), counts ?? uncounted)
}

function stateOf(
  { internal, external }: Readonly<Record<Side, Sha>>,
  agreed: Sha | undefined,
  counts: Counts | undefined,
): RefState {
  if (counts !== undefined) {
    if (counts.external === 0 && counts.internal > 0) return 'internal_ahead'
    return counts.internal === 0 && counts.external > 0 ? 'external_ahead' : 'diverged'
  }
  if (external === agreed) return 'internal_ahead'
  return internal === agreed ? 'external_ahead' : 'diverged'
}

async function check(deps: SyncDeps, subject: Inspected, signal: AbortSignal): Promise<Check> {
  const lender = repositoryDir(deps.syncDir, subject.subject)
  return withLookRepository(deps.git, lender, async (dir) => {
    const context = contextFor(deps, subject, dir, signal)
    const [internal, external] = await lookAtBoth(deps, subject, signal)
    const accessOf = async (side: Side, { status, refs }: typeof internal): Promise<AccessCheck> => {
      if (status.failure !== undefined) return { read: status.failure, write: 'unknown', isEmpty: false }
      const tried = await tryPush(deps.git, dir, subject.remotes[side], { signal })
      const write = tried.ok ? undefined : failedOn(side, tried.failure).failure
      return { read: undefined, write, isEmpty: refs?.size === 0 }
    }
    const sides = {
      internal: await accessOf('internal', internal),
      external: await accessOf('external', external),
    }
    if (internal.refs === undefined || external.refs === undefined) return { sides, isRelated: null }
    const refs = { internal: branches(internal.refs), external: branches(external.refs) }
    if (refs.internal.size === 0 || refs.external.size === 0) return { sides, isRelated: null }
    const failure = await checkRelated(context, refs)
    return { sides, isRelated: failure === undefined ? true : failure.kind === 'unrelated' ? false : null }
  })
}

function branches(refs: Listing): Listing {
  return new Map([...refs].filter(([ref]) => isBranchRef(ref)))
}

function contextFor(deps: SyncDeps, subject: Inspected, mirror: string, signal: AbortSignal): SyncContext {
  const request: SyncRequest = {
    ...subject,
    direction: 'both',
    force: 'none',
    evidence: { deleted: new Map(), missing: new Map(), secondLookAfterMs: Infinity },
    decided: new Map(),
    knownConflicts: new Map(),
  }
  return {
    deps,
    request,
    signal,
    mirror,
    log: () => {},
    recordBackups: () => Promise.reject(new Error('a look takes nothing away')),
    timed: (_, work) => work(),
  }
}
