import type { Direction, Side } from '../binding/binding.ts'
import type { GitErrorKind } from '../git/git-error.ts'
import type { RefName, Sha } from '../git/refs.ts'
import type { Remote } from '../git/remote.ts'

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
  /** Refs (internal name) that a person allowed to overwrite what the target holds. */
  readonly force: 'none' | 'all' | readonly RefName[]
  /** Last agreed sha per internal ref name. */
  readonly agreed: ReadonlyMap<RefName, Sha>
}

export type RefResult = 'created' | 'updated' | 'deleted' | 'up_to_date' | 'rejected' | 'conflict'

export type RefOutcome = {
  readonly pair: RefPair
  /** Where the change went; for a two-way sync decided per ref. */
  readonly direction: Exclude<Direction, 'both'>
  readonly before: Sha | null
  readonly after: Sha | null
  readonly result: RefResult
  /** Set for `rejected` and `conflict`. */
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

/** Tells people what happens while it happens; the text carries no secrets. */
export type SyncLog = (level: 'INFO' | 'ERROR', text: string) => void
