import type { Direction, Side } from '../binding/binding.ts'
import { HOUR } from '../clock.ts'
import type { GitErrorKind } from '../git/git-error.ts'
import type { RefName, Sha } from '../git/refs.ts'
import type { Remote } from '../git/remote.ts'
import type { SyncContext, SyncDeps } from './context.ts'
import { isMirrorSuspect } from './fetch.ts'
import { removeLeftovers } from './fence.ts'
import { toFileFailure } from './file-failure.ts'
import { hotPathOf, syncHot } from './hot-path.ts'
import { isDamaged, openMirror, rebuildMirror, removeMirror, repositoryDir } from './mirror.ts'
import { narrateOutcomes } from './narrate.ts'
import { agreedFrom, joinSettled, NOTHING_SETTLED } from './outcome.ts'
import type { Settled } from './outcome.ts'
import { relay } from './relay.ts'
import { syncWhole } from './whole-path.ts'

// Stage 5: make the sides equal.
//
// In:  two remotes with their credentials, which refs, which way, what both sides agreed on last.
// Out: one outcome per ref, and what they agree on now. Judges by the remotes, never by the webhook.
// It knows nothing of runs, deliveries or the database; every call may be repeated.

/** A ref and its name on each side; they differ when a branch binding maps names. */
export type RefPair = Readonly<Record<Side, RefName>>

export type SyncRequest = {
  /** Names the mirror, e.g. `binding:12`. */
  readonly subject: string
  readonly remotes: Readonly<Record<Side, Remote>>
  readonly direction: Direction
  /** `all`: every branch and tag of both sides, under equal names. */
  readonly scope: 'all' | readonly RefPair[]
  /** For `both`: the side whose push asked for this, tried first and without looking at the other one. */
  readonly pushedOn?: Side
  /** Refs (internal name) that a person allowed to overwrite what the target holds; void for `both`, which has no target. */
  readonly force: 'none' | 'all' | readonly RefName[]
  /** Last agreed sha per internal ref name. */
  readonly agreed: ReadonlyMap<RefName, Sha>
  /** What a delivery said the pushing side holds, per internal ref name; never taken for the truth. */
  readonly hints?: ReadonlyMap<RefName, Sha>
}

export type RefResult = 'created' | 'updated' | 'deleted' | 'up_to_date' | 'rejected' | 'conflict'

export type RefOutcome = {
  readonly pair: RefPair
  /** Where the change went; for a two-way sync decided per ref. */
  readonly direction: Exclude<Direction, 'both'>
  /** What the target held, as far as it was seen. */
  readonly before: Sha | null
  /** What the target holds now; for `rejected` and `conflict`, what it was offered. */
  readonly after: Sha | null
  readonly result: RefResult
  /** Set for `rejected` and `conflict`; `ref_missing` also for an `up_to_date` that is a deletion which did not travel. */
  readonly kind: GitErrorKind | null
  /** One line for people: what the server said, or why nothing was done. */
  readonly reason: string | null
}

export type SyncStep = { readonly name: string; readonly durationMs: number }

/** A head that was about to be overwritten and has been kept. */
export type Backup = {
  readonly side: Side
  readonly ref: RefName
  readonly sha: Sha
  readonly backupRef: string
}

export type SyncFailure = {
  readonly kind: GitErrorKind
  /** The side that failed, when it was one of them. */
  readonly side: Side | undefined
  /** What git said, without secrets and control characters. */
  readonly detail: string
}

export type SyncOutcome = {
  readonly refs: readonly RefOutcome[]
  readonly steps: readonly SyncStep[]
  readonly backups: readonly Backup[]
  /** Internal ref name to the sha both sides now hold. */
  readonly agreed: ReadonlyMap<RefName, Sha>
  /** Set when the sync as a whole could not be done; `refs` then holds what was settled before. */
  readonly failure: SyncFailure | undefined
}

/**
 * Tells people what happens while it happens; the text carries no secrets. `brief` is the same without what git
 * and servers said, where the text holds such words.
 */
export type SyncLog = (level: 'INFO' | 'ERROR', text: string, brief?: string) => void

export type Sync = (
  request: SyncRequest,
  options: { readonly signal: AbortSignal; readonly log: SyncLog },
) => Promise<SyncOutcome>

/**
 * Makes the function that syncs. Calls for different subjects may overlap; for one subject there is one at
 * a time, which the caller sees to. Failures of git and of remotes are outcomes; only bugs reject.
 */
export function createSync(deps: SyncDeps): Sync {
  const memory: Memory = { leftClean: new Set(), rebuiltAt: new Map() }

  return async (request, { signal, log }) => {
    const mirror = repositoryDir(deps.syncDir, request.subject)
    const steps: SyncStep[] = []
    const timed: SyncContext['timed'] = async (name, work) => {
      const startedAt = deps.clock.now()
      try {
        return await work()
      } finally {
        steps.push({ name, durationMs: deps.clock.now() - startedAt })
      }
    }
    const context: SyncContext = { deps, request, signal, log, mirror, timed }
    const relayed = await relay(context)
    const settled = relayed ?? (await syncAndHeal(context, memory).catch(toUnsettled))
    // A relay has not even looked at the mirror.
    if (relayed === undefined && settled.failure === undefined) memory.leftClean.add(mirror)
    // A busy mirror still has a git working on it.
    if (deps.deleteMirrorAfter && settled.failure?.kind !== 'mirror_busy')
      await removeMirror(deps, request.subject)
    narrateOutcomes(log, settled.refs)
    return { ...settled, steps, agreed: agreedFrom(settled.refs) }
  }
}

/** What this process remembers of mirrors. */
type Memory = {
  /** Their last use ended well; any other may hold what a dead git left in it. */
  readonly leftClean: Set<string>
  readonly rebuiltAt: Map<string, number>
}

const REBUILD_PAUSE = 1 * HOUR

/** Repeats a sync that the state of the mirror has spoiled: once without leftovers, once with a new mirror. */
async function syncAndHeal(context: SyncContext, memory: Memory): Promise<Settled> {
  await openMirror(context, memory.leftClean.delete(context.mirror))
  let settled = await carryOut(context)
  if (suspicions(settled).length > 0 && (await removeLeftovers(context))) {
    settled = joinSettled(settled, await carryOut(context))
  }
  const suspected = suspicions(settled)
  if (suspected.length === 0) return settled
  // A server with damaged objects can look the same; a look of our own has to confirm the second time.
  const now = context.deps.clock.now()
  const isRecent = now - (memory.rebuiltAt.get(context.mirror) ?? -Infinity) < REBUILD_PAUSE
  const isEvident = suspected.includes('mirror_damaged') && !isRecent
  if (!isEvident && !(await isDamaged(context))) return settled
  memory.rebuiltAt.set(context.mirror, now)
  await rebuildMirror(context)
  return joinSettled(settled, await carryOut(context))
}

function toUnsettled(error: unknown): Settled {
  const failure = toFileFailure(error)
  if (failure === undefined) throw error
  return { ...NOTHING_SETTLED, failure: { ...failure, side: undefined } }
}

/** What went wrong that may be the mirror's fault. */
function suspicions({ failure, refs }: Settled): readonly GitErrorKind[] {
  const kinds = refs.flatMap(({ result, kind }) => (result === 'rejected' && kind !== null ? [kind] : []))
  return [...(failure === undefined ? [] : [failure.kind]), ...kinds].filter(isMirrorSuspect)
}

async function carryOut(context: SyncContext): Promise<Settled> {
  const hotPath = hotPathOf(context.request)
  if (hotPath === undefined) return syncWhole(context, context.request.scope)
  const { settled, doubtful } = await syncHot(context, hotPath)
  if (doubtful.length === 0) return settled
  return joinSettled(settled, await syncWhole(context, doubtful))
}
