import type { Selectable } from 'kysely'
import { HOUR } from '../clock.ts'
import type { Executor } from '../db/database.ts'
import type { DefaultBranchTable } from '../db/default-branch-schema.ts'
import { toRefName } from '../git/refs.ts'
import type { RefName } from '../git/refs.ts'
import type { BindingId } from '../ids.ts'
import { SIDES } from './binding.ts'
import type { Side } from './binding.ts'
import type { DefaultBranches, EqualDefaults } from './default-branch.ts'

// What is remembered of the default branches of a binding, and of what was done so that a side follows the other.

/** Why a side has not followed; both texts are in Chinese and English. */
export type FollowProblem = {
  readonly reason: string
  readonly detail: string
  readonly hint: string | null
}

/** What came of making a side follow; `waiting`: nothing new, the forge was not asked. */
export type Followed =
  { readonly kind: 'done' | 'waiting' } | { readonly kind: 'failed'; readonly problem: FollowProblem }

export type FollowTry = {
  /** What the default branch was to become. */
  readonly wanted: RefName
  /** Null: the forge was not even asked. */
  readonly triedAt: number | null
  /** No earlier is the forge asked for the same again; null: at the next look. */
  readonly nextTryAt: number | null
  readonly problem: FollowProblem | null
}

export type DefaultBranchMemory = {
  /** Undefined: they never were equal. */
  readonly agreed: EqualDefaults | undefined
  /** The difference that was seen last; undefined: there is none. */
  readonly differing: { readonly shown: DefaultBranches; readonly since: number } | undefined
  /** The last one of each side. */
  readonly tries: Readonly<Record<Side, FollowTry | undefined>>
}

const TRY_AGAIN_AFTER = 1 * HOUR

export async function readDefaultBranches(db: Executor, binding: BindingId): Promise<DefaultBranchMemory> {
  const rows = await db.selectFrom('default_branch').selectAll().where('binding_id', '=', binding).execute()
  const rowOf = (side: Side): Row | undefined => rows.find((row) => row.side === side)
  const [internal, external] = [rowOf('internal'), rowOf('external')]
  const [ours, theirs] = [toRef(internal?.agreed), toRef(external?.agreed)]
  const shown = { internal: toRef(internal?.differing), external: toRef(external?.differing) }
  const since = internal?.differs_since ?? null
  return {
    agreed: ours === null || theirs === null ? undefined : { internal: ours, external: theirs },
    differing: since === null ? undefined : { shown, since: Number(since) },
    tries: { internal: toTry(internal), external: toTry(external) },
  }
}

/** Remembers that both sides had these, as partners of each other, or that they differed so since now. */
export async function recordDefaultBranches(
  trx: Executor,
  binding: BindingId,
  { shown, areEqual }: { readonly shown: DefaultBranches; readonly areEqual: boolean },
  now: number,
): Promise<void> {
  const known = await trx.selectFrom('binding').select('id').where('id', '=', binding).executeTakeFirst()
  // It was removed while its run was running.
  if (known === undefined) return
  for (const side of SIDES) {
    const seen = areEqual
      ? { agreed: shown[side], differing: null, differs_since: null, ...NO_PROBLEM }
      : { differing: shown[side], differs_since: now }
    await trx
      .insertInto('default_branch')
      .values({ binding_id: binding, side, ...NOTHING, ...seen })
      .onConflict((conflict) => conflict.columns(['binding_id', 'side']).doUpdateSet(seen))
      .execute()
  }
}

/** Of one side, what its default branch is to become. */
export type Wanted = { readonly binding: BindingId; readonly side: Side; readonly branch: RefName }

/**
 * Takes the right to ask the forge, so that nobody else asks for the same in the next hour. Resolves to when that is
 * over; undefined: it was taken less than an hour ago.
 */
export async function claimTry(
  db: Executor,
  { binding, side, branch }: Wanted,
  now: number,
): Promise<number | undefined> {
  const nextTryAt = now + TRY_AGAIN_AFTER
  const { numUpdatedRows } = await db
    .updateTable('default_branch')
    .set({ ...NO_PROBLEM, wanted: branch, tried_at: now, next_try_at: nextTryAt })
    .where('binding_id', '=', binding)
    .where('side', '=', side)
    .where((is) =>
      is.or([
        is('wanted', 'is', null),
        is('wanted', '!=', branch),
        is('next_try_at', 'is', null),
        is('next_try_at', '<=', now),
      ]),
    )
    .executeTakeFirst()
  return numUpdatedRows > 0n ? nextTryAt : undefined
}

/** Keeps why a try has failed. */
export async function recordFailedTry(
  db: Executor,
  { binding, side, branch }: Wanted,
  problem: FollowProblem,
  nextTryAt: number,
): Promise<void> {
  await db
    .updateTable('default_branch')
    .set({ ...toColumns(problem), next_try_at: nextTryAt })
    .where('binding_id', '=', binding)
    .where('side', '=', side)
    .where('wanted', '=', branch)
    .execute()
}

/**
 * Keeps why the forge could not even be asked, which is tried again at every look. Resolves to whether that was not
 * known yet.
 */
export async function recordImpossibleTry(
  db: Executor,
  { binding, side, branch }: Wanted,
  problem: FollowProblem,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('default_branch')
    .set({ ...toColumns(problem), wanted: branch, tried_at: null, next_try_at: null })
    .where('binding_id', '=', binding)
    .where('side', '=', side)
    .where((is) =>
      is.or([
        is('wanted', 'is', null),
        is('wanted', '!=', branch),
        is('problem', 'is', null),
        is('problem', '!=', problem.reason),
      ]),
    )
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

/** Whoever gives new access to the forge need not wait for the hour to pass. */
export async function allowTry(db: Executor, binding: BindingId, side: Side): Promise<void> {
  await db
    .updateTable('default_branch')
    .set({ ...NO_PROBLEM, tried_at: null, next_try_at: null })
    .where('binding_id', '=', binding)
    .where('side', '=', side)
    .where('problem', 'is not', null)
    .execute()
}

export async function forgetDefaultBranches(db: Executor, binding: BindingId): Promise<void> {
  await db.deleteFrom('default_branch').where('binding_id', '=', binding).execute()
}

type Row = Selectable<DefaultBranchTable>

const NO_PROBLEM = { problem: null, problem_detail: null, problem_hint: null } as const
const NOTHING = {
  ...NO_PROBLEM,
  agreed: null,
  differing: null,
  differs_since: null,
  wanted: null,
  tried_at: null,
  next_try_at: null,
} as const

function toColumns({ reason, detail, hint }: FollowProblem) {
  return { problem: reason, problem_detail: detail, problem_hint: hint }
}

function toRef(text: string | null | undefined): RefName | null {
  return toRefName(text ?? '') ?? null
}

function toTry(row: Row | undefined): FollowTry | undefined {
  const wanted = toRef(row?.wanted)
  if (row === undefined || wanted === null) return undefined
  return {
    wanted,
    triedAt: toTime(row.tried_at),
    nextTryAt: toTime(row.next_try_at),
    problem:
      row.problem === null
        ? null
        : { reason: row.problem, detail: row.problem_detail ?? '', hint: row.problem_hint },
  }
}

function toTime(value: number | null): number | null {
  return value === null ? null : Number(value)
}
