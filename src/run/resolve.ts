import { directionFrom, otherSide, sourceSide } from '../binding/binding.ts'
import type { Side } from '../binding/binding.ts'
import type { Clock } from '../clock.ts'
import type { Database } from '../db/database.ts'
import { DomainError } from '../domain-error.ts'
import { toRefName } from '../git/refs.ts'
import type { RefName } from '../git/refs.ts'
import type { BackupId, RunId } from '../ids.ts'
import type { SeenHeads } from '../sync/sync.ts'
import { getBackup } from './backups.ts'
import type { Conflict } from './conflict.ts'
import { findOpenConflict, listHeldBy } from './conflicts.ts'
import { toSubject } from './consequences.ts'
import { requestRun } from './request.ts'
import type { RunSubject } from './request.ts'
import type { Run, Work, WorkItem, WorkRef } from './run.ts'
import { getRun } from './runs.ts'

// What a person decides about refs: which side of a conflict wins, that many deletions are meant, that a head
// comes back. Each becomes a run, which does it only where both sides still hold what the person has seen.

export type DecideDeps = {
  readonly db: Database
  readonly clock: Clock
  readonly attemptLimit: number
  readonly wakeQueue: () => void
}

/** A branch by its internal short name, or a full ref. Throws `conflict_not_found`. */
export async function getOpenConflict(
  deps: { readonly db: Database },
  subject: string,
  name: string,
): Promise<Conflict> {
  const ref = toRefName(name) ?? toRefName(`refs/heads/${name}`)
  const conflict = ref === undefined ? undefined : await findOpenConflict(deps.db, subject, ref)
  if (conflict !== undefined) return conflict
  throw new DomainError(
    'not_found',
    'conflict_not_found',
    { zh: `“${name}”没有未解决的冲突`, en: `"${name}" has no open conflict` },
    {
      hint: {
        zh: '冲突列表见 GET /api/v1/bindings/{name}/conflicts',
        en: 'GET /api/v1/bindings/{name}/conflicts lists them',
      },
    },
  )
}

/**
 * Requests that one side wins: its head, or that it has none, is taken over by the other one, after what that
 * holds was kept. Throws `conflict_not_found`, or `conflict_moved` when the person has seen other heads.
 */
export async function resolveConflict(
  deps: DecideDeps,
  of: RunSubject,
  name: string,
  decision: { readonly take: Side; readonly seen?: Partial<SeenHeads>; readonly by: string },
): Promise<RunId> {
  const conflict = await getOpenConflict(deps, of.subject, name)
  refuseMoved(conflict, decision.seen)
  return request(deps, of, decision.by, [toWork(directionFrom(decision.take), [toDecided(conflict)])])
}

export type Confirmed = {
  readonly runId: RunId
  /** Refs that wait with other heads by now than the run has shown: nobody has confirmed those. */
  readonly leftOut: readonly RefName[]
}

/**
 * Requests what a run has held back because it was so much, as far as it waits with the heads that the run has
 * shown. Throws `run_not_found`, `nothing_held` when nothing of that waits any more, or `conflict_moved` when all
 * of it has moved since.
 */
export async function confirmHeld(deps: DecideDeps, id: RunId, by: string): Promise<Confirmed> {
  const run = await getRun(deps, id)
  const held = await listHeldBy(deps.db, run)
  if (held.length === 0) {
    throw new DomainError('conflict', 'nothing_held', {
      zh: `运行 ${id} 没有等待确认的更改`,
      en: `run ${id} has nothing that waits for a confirmation`,
    })
  }
  const shown = held.filter((conflict) => isShownBy(run, conflict))
  const leftOut = held.filter((conflict) => !shown.includes(conflict)).map(({ ref }) => ref)
  if (shown.length === 0) throw heldMoved(id, leftOut)
  const work = [...Map.groupBy(shown, ({ direction }) => direction)].map(([direction, conflicts]) =>
    toWork(direction, conflicts.map(toDecided)),
  )
  return { runId: await request(deps, toSubject(run), by, work), leftOut }
}

/**
 * Requests that a kept head is brought back to the side it was taken from, under its own name or as another
 * branch. Throws `backup_not_found` or `branch_name`.
 */
export async function restoreBackup(
  deps: DecideDeps,
  of: RunSubject,
  id: BackupId,
  { as, by }: { readonly as?: string | undefined; readonly by: string },
): Promise<RunId> {
  const backup = await getBackup(deps.db, of.subject, id)
  const ref = as === undefined ? backup.ref : requireRef(as)
  const work: WorkRef = {
    internal: ref,
    external: ref,
    branchId: null,
    after: null,
    restore: { sha: backup.sha, backupRef: backup.backupRef, from: backup.subject },
  }
  return request(deps, of, by, [toWork(directionFrom(otherSide(backup.side)), [work])])
}

async function request(deps: DecideDeps, of: RunSubject, by: string, work: Work): Promise<RunId> {
  const { db, clock, attemptLimit } = deps
  const id = await db
    .transaction()
    .execute((trx) =>
      requestRun(trx, { of, trigger: 'manual', work, attemptLimit, requestedBy: by }, clock.now()),
    )
  deps.wakeQueue()
  return id
}

function toWork(direction: WorkItem['direction'], scope: readonly WorkRef[]): WorkItem {
  return { direction, scope: [...scope], force: true, named: true }
}

function toDecided({ ref, externalRef, heads }: Conflict): WorkRef {
  return { internal: ref, external: externalRef, branchId: null, after: null, seen: heads }
}

/** Whether the heads of now are those that stand in the record of the run. */
function isShownBy({ refs }: Run, { ref, externalRef, direction, heads }: Conflict): boolean {
  const names = { internal: ref, external: externalRef }
  const from = sourceSide(direction)
  const to = otherSide(from)
  return refs.some(
    (shown) =>
      shown.result === 'conflict' &&
      shown.source_ref === names[from] &&
      shown.target_ref === names[to] &&
      shown.after === heads[from] &&
      shown.before === heads[to],
  )
}

function refuseMoved({ heads, ref }: Conflict, seen: Partial<SeenHeads> = {}): void {
  const isSame = (['internal', 'external'] as const).every(
    (side) => seen[side] === undefined || seen[side] === heads[side],
  )
  if (isSame) return
  throw new DomainError(
    'conflict',
    'conflict_moved',
    { zh: `${ref} 在你查看之后又有变化`, en: `${ref} has moved since you looked` },
    { hint: { zh: '请重新查看冲突后再决定', en: 'look at the conflict again, then decide' } },
  )
}

function heldMoved(id: RunId, refs: readonly RefName[]): DomainError {
  const few = refs.slice(0, 3).join(', ')
  return new DomainError(
    'conflict',
    'conflict_moved',
    {
      zh: `运行 ${id} 之后又有变化，未确认任何更改：${few}`,
      en: `what waits has moved since run ${id}, so nothing of it is confirmed: ${few}`,
    },
    {
      hint: {
        zh: '请查看冲突，再确认最近一次显示这些更改的运行',
        en: 'look at the conflicts, then confirm the latest run that shows them',
      },
    },
  )
}

function requireRef(name: string): RefName {
  const ref = toRefName(name) ?? toRefName(`refs/heads/${name}`)
  if (ref !== undefined) return ref
  throw new DomainError(
    'invalid',
    'branch_name',
    { zh: '分支名称不能使用', en: 'the name of the branch cannot be used' },
    { hint: { zh: '请使用有效的 git 分支名', en: 'use a name that git accepts for a branch' } },
  )
}
