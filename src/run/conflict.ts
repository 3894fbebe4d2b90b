import { z } from 'zod'
import type { Side } from '../binding/binding.ts'
import type { RefName, Sha } from '../git/refs.ts'
import type { RunId } from '../ids.ts'
import { sha } from './run.ts'

// A conflict is a ref that only a person can make equal: both sides moved, or one wants to take away what the
// other one holds. It is open from the run that finds it to the one that finds both sides equal.

export const CONFLICT_KINDS = ['non_fast_forward', 'tag_moved', 'deletion_conflict', 'held'] as const
/** `held`: the rules would delete or overwrite it together with too many others. */
export type ConflictKind = (typeof CONFLICT_KINDS)[number]

const OneSided = z.object({
  count: z.number(),
  newest: z.array(z.object({ sha, author: z.string(), date: z.string(), subject: z.string() })),
})

/** How far the sides are apart; counts end at 10,000, and the newest 20 commits of each side are listed. */
export const StoredDivergence = z.object({
  base: sha.nullable(),
  internal: OneSided,
  external: OneSided,
})

export type Conflict = {
  readonly id: number
  readonly subject: string
  readonly ref: RefName
  readonly externalRef: RefName
  readonly kind: ConflictKind
  /** The way in which the change would have to travel that nobody may decide. */
  readonly direction: 'to_outer' | 'to_inter'
  /** What the sides held when it was last seen; null: they lack the ref. */
  readonly heads: Readonly<Record<Side, Sha | null>>
  readonly divergence: Readonly<z.infer<typeof StoredDivergence>> | null
  readonly reason: string | null
  /** The run that found it. */
  readonly runId: RunId
  readonly openedAt: number
  readonly updatedAt: number
  readonly closedAt: number | null
  /** `equal`: both sides hold the same again; `gone`: the ref is not synced any more. */
  readonly closedBecause: 'equal' | 'gone' | null
}
