import { sql } from 'kysely'
import { backoffDelay } from '../backoff.ts'
import type { Clock } from '../clock.ts'
import type { Database, Executor } from '../db/database.ts'
import type { RefName } from '../git/refs.ts'
import { recordAgreed, recordAgreedEarly } from './agreed.ts'
import { requestRun } from './request.ts'
import type { AttemptEnd, Run } from './run.ts'
import { hasChanged, refOutcomeToRunRef } from './run.ts'
import { rowToRun } from './runs.ts'

// The moves of the state machine in `run.ts`, each one transaction.

type Deps = { readonly db: Database; readonly clock: Clock }

export type ClaimedRun = {
  readonly id: number
  readonly hosts: readonly string[]
  readonly run: Run
  /** The log of its earlier attempts. */
  readonly log: string
}

/** queued → running, for the first due run whose subject is free and whose hosts are not busy. */
export async function claimRun(deps: Deps, busyHosts: readonly string[]): Promise<ClaimedRun | undefined> {
  const now = deps.clock.now()
  const row = await deps.db
    .updateTable('run')
    .set((eb) => ({
      status: 'running' as const,
      started_at: sql<number>`coalesce(started_at, ${now})`,
      attempts: eb('attempts', '+', 1),
    }))
    .where('id', '=', (eb) => {
      const due = eb
        .selectFrom('run as due')
        .select('due.id')
        .where('due.status', '=', 'queued')
        .where('due.run_after', '<=', now)
        .where(({ not, exists, selectFrom }) =>
          not(
            exists(
              selectFrom('run as other')
                .select('other.id')
                .whereRef('other.subject', '=', 'due.subject')
                .where('other.status', '=', 'running'),
            ),
          ),
        )
        .orderBy('due.priority', 'desc')
        .orderBy('due.run_after')
        .orderBy('due.id')
        .limit(1)
      return busyHosts.length === 0
        ? due
        : due.where('due.internal_host', 'not in', busyHosts).where('due.external_host', 'not in', busyHosts)
    })
    .returningAll()
    .executeTakeFirst()
  if (row === undefined) return undefined
  const hosts = [...new Set([row.internal_host, row.external_host])]
  return { id: row.id, hosts, run: rowToRun(row), log: row.log }
}

/** When the first run that was not yet due at `after` becomes so. */
export async function nextDue(deps: Deps, after: number): Promise<number | undefined> {
  const { due } = await deps.db
    .selectFrom('run')
    .select((eb) => eb.fn.min('run_after').as('due'))
    .where('status', '=', 'queued')
    .where('run_after', '>', after)
    .executeTakeFirstOrThrow()
  return due === null ? undefined : Number(due)
}

/** running → ended, or → queued when trying again may help. Everything an attempt learned commits together. */
export async function finishAttempt(deps: Deps, run: Run, end: AttemptEnd, log: string): Promise<void> {
  const now = deps.clock.now()
  const agreed = await recordAgreedEarly(deps.db, run.subject, end.agreed, now)
  await deps.db.transaction().execute(async (trx) => {
    await recordAgreed(trx, run.subject, agreed, now)
    if (end.backups.length > 0) {
      await trx
        .insertInto('backup')
        .values(
          end.backups.map(({ side, ref, sha, backupRef }) => ({
            subject: run.subject,
            run_id: run.id,
            side,
            ref,
            sha,
            backup_ref: backupRef,
            created_at: now,
          })),
        )
        .execute()
    }
    if (isQuietReconcile(run, end)) {
      await trx.deleteFrom('run').where('id', '=', run.id).execute()
      return
    }
    const retries = end.canHeal && end.status === 'failed' && run.attempts < run.attemptLimit
    const runAfter = now + backoffDelay(run.attempts)
    const isTakenOver = retries && (await handOver(trx, run, runAfter, now))
    await trx
      .updateTable('run')
      .set({
        status: retries && !isTakenOver ? 'queued' : end.status,
        run_after: retries ? runAfter : run.runAfter,
        finished_at: retries && !isTakenOver ? null : now,
        code: end.code,
        message: end.message,
        hint: end.hint,
        detail: end.detail,
        refs: JSON.stringify(refsWorthKeeping(end.refs).map(refOutcomeToRunRef)),
        steps: JSON.stringify(end.steps),
        log,
      })
      .where('id', '=', run.id)
      .execute()
    await recordSyncLog(trx, run, end, now)
  })
}

const LISTED_REFS = 200
const KEPT_REFS = 5000

// Thousands of refs that nothing happened to would make every run of a large repository a large record, and
// so would tens of thousands of new ones: of those, the ones that somebody has to look at come first.
function refsWorthKeeping(refs: AttemptEnd['refs']): AttemptEnd['refs'] {
  if (refs.length <= LISTED_REFS) return refs
  const news = refs.filter(({ result }) => result !== 'up_to_date')
  if (news.length <= KEPT_REFS) return news
  const isOpen = ({ result }: AttemptEnd['refs'][number]): boolean => !hasChanged(result)
  return [...news.filter(isOpen), ...news.filter((ref) => !isOpen(ref))].slice(0, KEPT_REFS)
}

// A comparison that found nothing is not history. One that a person or a push has joined has their trigger.
function isQuietReconcile(run: Run, end: AttemptEnd): boolean {
  return (
    run.trigger === 'reconcile' &&
    end.status === 'succeeded' &&
    !end.refs.some((ref) => hasChanged(ref.result)) &&
    run.attempts === 1
  )
}

/**
 * When another run of the subject already waits, it takes over the work and the failure count of this
 * one, which then ends: one waits, never two.
 */
async function handOver(trx: Executor, run: Run, runAfter: number, now: number): Promise<boolean> {
  const waiting = await trx
    .selectFrom('run')
    .select(['id', 'priority'])
    .where('subject', '=', run.subject)
    .where('status', '=', 'queued')
    .executeTakeFirst()
  if (waiting === undefined) return false
  await requestRun(
    trx,
    {
      of: {
        subject: run.subject,
        bindingId: run.bindingId,
        taskId: run.taskId,
        name: run.subjectName,
        hosts: { internal: '', external: '' },
      },
      trigger: run.trigger === 'manual' ? 'retry' : run.trigger,
      work: run.work,
      attemptLimit: run.attemptLimit,
    },
    now,
  )
  await trx
    .updateTable('run')
    .set((eb) => ({
      attempts: run.attempts,
      interrupted: run.interrupted,
      // Somebody who asked by hand does not wait for the backoff of what failed before.
      run_after: eb.case().when('trigger', '=', 'manual').then(eb.ref('run_after')).else(runAfter).end(),
    }))
    .where('id', '=', waiting.id)
    .execute()
  await trx
    .insertInto('delivery_run')
    .columns(['delivery_id', 'run_id'])
    .expression((eb) =>
      eb
        .selectFrom('delivery_run')
        .select(['delivery_id', eb.val(waiting.id).as('run_id')])
        .where('run_id', '=', run.id),
    )
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  return true
}

/** One row per branch binding that was asked for, and one for the whole repository when that was; replaced at each attempt. */
async function recordSyncLog(trx: Executor, run: Run, end: AttemptEnd, now: number): Promise<void> {
  const branchIdsByRef = new Map<RefName, number>()
  for (const item of run.work) {
    if (item.scope === 'all') continue
    for (const ref of item.scope) if (ref.branchId !== null) branchIdsByRef.set(ref.internal, ref.branchId)
  }
  await trx.deleteFrom('sync_log').where('run_id', '=', run.id).execute()
  const row = {
    run_id: run.id,
    repo_name: run.subjectName,
    created_at: run.startedAt ?? now,
    updated_at: now,
  }
  // Without branch bindings there is nothing to look up, and there may be very many refs.
  const asked = end.refs.filter(({ pair }) => branchIdsByRef.has(pair.internal))
  const outcomes = new Map(asked.toReversed().map((outcome) => [outcome.pair.internal, outcome]))
  const rows = [...branchIdsByRef].map(([ref, branchId]) => {
    const outcome = outcomes.get(ref)
    return {
      ...row,
      branch_id: branchId,
      direction: outcome?.direction ?? run.direction,
      commit_id: outcome?.after?.slice(0, 7) ?? null,
    }
  })
  const whole = { ...row, branch_id: null, direction: run.direction, commit_id: null }
  await trx
    .insertInto('sync_log')
    .values(rows.length === 0 || run.work.some((item) => item.scope === 'all') ? [...rows, whole] : rows)
    .execute()
}

/** running → queued without counting an attempt: the daemon stops or had died. */
export async function giveBackRun(deps: Deps, run: Run, log: string): Promise<void> {
  const now = deps.clock.now()
  await deps.db.transaction().execute(async (trx) => {
    const isTakenOver = await handOver(trx, { ...run, attempts: run.attempts - 1 }, now, now)
    await trx
      .updateTable('run')
      .set(
        isTakenOver
          ? {
              status: 'canceled',
              finished_at: now,
              log,
              detail: 'interrupted; the waiting run of the same binding has taken over',
            }
          : { status: 'queued', attempts: run.attempts - 1, run_after: now, log },
      )
      .where('id', '=', run.id)
      .execute()
  })
}
