import type { Direction, Side } from '../binding/binding.ts'
import type { DeletePolicy, RefPair, TagPolicy } from '../binding/rules.ts'
import type { GitErrorKind } from '../git/git-error.ts'
import type { RefName, Sha } from '../git/refs.ts'
import type { Remote } from '../git/remote.ts'
import type { SyncContext, SyncDeps } from './context.ts'
import type { Divergence } from './divergence.ts'
import { createHealing, toUnsettled } from './heal.ts'
import { removeMirror, repositoryDir } from './mirror.ts'
import { narrateOutcomes } from './narrate.ts'
import { agreedFrom } from './outcome.ts'
import { carryOut } from './path.ts'
import { previewWhole } from './preview.ts'
import { relay } from './relay.ts'

// Stage 5: make the sides equal.
//
// In:  two remotes with their credentials, which refs, which way, what both sides agreed on last.
// Out: one outcome per ref, and what they agree on now. Judges by the remotes, never by the webhook.
// It knows nothing of runs, deliveries or the database; every call may be repeated.

export type SyncRequest = {
  /** Names the mirror, e.g. `binding:12`. */
  readonly subject: string
  readonly remotes: Readonly<Record<Side, Remote>>
  readonly direction: Direction
  /** `all`: every branch and tag of both sides, as the rules pair them. */
  readonly scope: 'all' | readonly RefPair[]
  readonly rules: SyncRules
  /** For `both`: the side whose push asked for this, tried first and without looking at the other one. */
  readonly pushedOn?: Side
  /** Refs (internal name) that a person allowed to overwrite what the target holds; void for `both`, which has no target. */
  readonly force: 'none' | 'all' | readonly RefName[]
  /** Last agreed sha per internal ref name. */
  readonly agreed: ReadonlyMap<RefName, Sha>
  /** Bring the LFS objects along that the pushed commits name. */
  readonly lfs?: boolean
  /** What a delivery said the pushing side holds, per internal ref name; never taken for the truth. */
  readonly hints?: ReadonlyMap<RefName, Sha>
  readonly evidence: Evidence
  /**
   * Heads that a person has seen and decided about, by internal ref name. Where both sides still hold exactly
   * these, the source of this request wins, also when that takes a branch away; otherwise nothing happens.
   */
  readonly decided: ReadonlyMap<RefName, SeenHeads>
  /** Conflicts that are known with these heads need not be examined again. */
  readonly knownConflicts: ReadonlyMap<RefName, SeenHeads>
  /** Bring a kept head back instead: the target of the direction gets it, whatever it holds. */
  readonly restore?: Restore
  /** Only find out what would happen to the subject that is named here, whose mirror may be read. */
  readonly dryRunOf?: string
}

export type SyncRules = {
  /** The pair that a ref found on a side belongs to; undefined: it does not travel. */
  readonly pairOf: (side: Side, ref: RefName) => RefPair | undefined
  /** Whether `pairOf` leaves nothing out. */
  readonly takesEverything: boolean
  readonly tagPolicy: TagPolicy
  readonly deletePolicy: DeletePolicy
}

/** What speaks for a deletion, by internal ref name: a forge that says so, or a second look that lacks the ref too. */
export type Evidence = {
  readonly secondLookAfterMs: number
  /** The side whose forge has said that it deleted the ref. */
  readonly deleted: ReadonlyMap<RefName, Side>
  readonly missing: ReadonlyMap<RefName, Missing>
}

/** An earlier look did not find a ref on a side. */
export type Missing = { readonly side: Side; readonly since: number }

/** Null: the ref is not there. */
export type SeenHeads = Readonly<Record<Side, Sha | null>>

export type Restore = {
  readonly pair: RefPair
  readonly sha: Sha
  /** Its name in the backup repository of `from`. */
  readonly backupRef: string
  readonly from: string
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
  /** Set for `rejected` and `conflict`; also for an `up_to_date` that is a deletion which did not travel. */
  readonly kind: GitErrorKind | null
  /** One line for people: what the server said, or why nothing was done. */
  readonly reason: string | null
  /** How far the two heads are apart; for conflicts, and in a dry run. */
  readonly divergence?: Divergence
  /** In a dry run: what the target holds would be kept as a backup. */
  readonly keepsBackup?: boolean
}

export type SyncStep = { readonly name: string; readonly durationMs: number }

export type BackupReason = 'force' | 'resolve' | 'tag' | 'deletion' | 'restore'

/** A head that was about to be taken away and has been kept. */
export type Backup = {
  readonly side: Side
  readonly ref: RefName
  readonly sha: Sha
  readonly backupRef: string
  readonly reason: BackupReason
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
  /** Internal ref name to the sha both sides now hold; null: they agree that it is gone. */
  readonly agreed: ReadonlyMap<RefName, Sha | null>
  /** Refs (internal name) that a side lacks, so that a later look can tell a deletion; null: not missing any more. */
  readonly missing: ReadonlyMap<RefName, Side | null>
  /** The default branch of each side, where this sync has seen it. */
  readonly defaultBranches: Readonly<Record<Side, RefName | null>> | undefined
  /** Set when the sync as a whole could not be done; `refs` then holds what was settled before. */
  readonly failure: SyncFailure | undefined
}

/**
 * Tells people what happens while it happens; the text carries no secrets. `brief` is the same without what git
 * and servers said, where the text holds such words.
 */
export type SyncLog = (level: 'INFO' | 'ERROR', text: string, brief?: string) => void

export type SyncOptions = {
  readonly signal: AbortSignal
  readonly log: SyncLog
  /** Writes down what has been kept, before anything is taken away; when it rejects, nothing is. */
  readonly recordBackups: (backups: readonly Backup[]) => Promise<void>
}

export type Sync = (request: SyncRequest, options: SyncOptions) => Promise<SyncOutcome>

/**
 * Makes the function that syncs. Calls for different subjects may overlap; for one subject there is one at
 * a time, which the caller sees to. Failures of git and of remotes are outcomes; only bugs reject.
 */
export function createSync(deps: SyncDeps): Sync {
  const heal = createHealing()

  return async (request, { signal, log, recordBackups }) => {
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
    const context: SyncContext = { deps, request, signal, log, recordBackups, mirror, timed }
    const settled =
      request.dryRunOf === undefined
        ? ((await relay(context)) ?? (await heal(context, carryOut)))
        : await previewWhole(context, request.dryRunOf).catch(toUnsettled)
    // A busy mirror still has a git working on it.
    if (deps.deleteMirrorAfter && settled.failure?.kind !== 'mirror_busy')
      await removeMirror(deps, request.subject)
    narrateOutcomes(log, settled.refs)
    const { refs } = settled
    // A head that came back is on one side only.
    const agreed = request.restore === undefined ? agreedFrom(refs) : new Map<RefName, Sha>()
    const ignored = settled.failure === undefined ? ignoredRefs(request) : []
    return { ...settled, steps, agreed: new Map([...ignored.map((ref) => [ref, null] as const), ...agreed]) }
  }
}

/** What was equal once and does not travel any more: what happens to it meanwhile proves nothing later. */
function ignoredRefs({ scope, agreed, rules }: SyncRequest): readonly RefName[] {
  if (scope !== 'all' || rules.takesEverything) return []
  return [...agreed.keys()].filter((ref) => rules.pairOf('internal', ref) === undefined)
}
