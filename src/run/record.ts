import { backoffDelay } from '../backoff.ts'
import { MINUTE } from '../clock.ts'
import type { Clock } from '../clock.ts'
import type { Database, Executor } from '../db/database.ts'
import { recordAgreed } from './agreed.ts'
import { NO_CHANGES, recordConflicts } from './conflicts.ts'
import type { ConflictChanges } from './conflicts.ts'
import { recordAccess, toSubject } from './consequences.ts'
import { recordMissing } from './evidence.ts'
import { reportEnd, reportPause } from './notices.ts'
import { requestRun } from './request.ts'
import type { AttemptEnd, Run } from './run.ts'
import { hasChanged, refOutcomeToRunRef } from './run.ts'
import { recordSyncLog } from './sync-logs.ts'

// The moves of the state machine in `run.ts` that end an attempt, each one transaction.

type Deps = { readonly db: Database; readonly clock: Clock }

/** running → ended, or → queued when trying again may help. Everything an attempt learned commits together. */
export async function finishAttempt(deps: Deps, run: Run, end: AttemptEnd, log: string): Promise<void> {
  const now = deps.clock.now()
  await deps.db.transaction().execute(async (trx) => {
    const retries = end.canHeal && end.status === 'failed' && run.attempts < run.attemptLimit
    const found = run.dryRun ? NO_CHANGES : await recordFindings(trx, run, end, now)
    if (!run.dryRun && !retries) await recordConsequences(trx, run, end, found, now)
    if (isQuietReconcile(run, end, found)) {
      await trx.deleteFrom('run').where('id', '=', run.id).execute()
      return
    }
    const retryAt = retries ? now + retryDelay(run, end) : undefined
    const isTakenOver = retryAt !== undefined && (await handOver(trx, run, retryAt, now))
    await writeEnd(trx, run, end, { log, now, retryAt: isTakenOver ? undefined : retryAt })
    if (run.dryRun) return
    await recordSyncLog(trx, run, end, now)
  })
}

async function recordConsequences(
  trx: Executor,
  run: Run,
  end: AttemptEnd,
  found: ConflictChanges,
  now: number,
): Promise<void> {
  await reportEnd(trx, run, end, found, now)
  const change = await recordAccess(trx, run, end, now)
  if (change === 'paused') await reportPause(trx, run, end, now)
}

/** What an attempt has learned about refs, whatever becomes of its run. */
async function recordFindings(
  trx: Executor,
  run: Run,
  end: AttemptEnd,
  now: number,
): Promise<ConflictChanges> {
  await recordAgreed(trx, run.subject, end.agreed, now)
  await recordMissing(trx, run.subject, end.missing, now)
  return recordConflicts(trx, run, end, now)
}

// A server that counts requests says how long it wants to be left alone, but git does not tell us.
const RATE_LIMIT_PAUSE = 1 * MINUTE

function retryDelay({ attempts }: Run, { failure }: AttemptEnd): number {
  const delay = backoffDelay(attempts)
  return failure?.kind === 'rate_limited' ? Math.max(RATE_LIMIT_PAUSE, delay) : delay
}

async function writeEnd(
  trx: Executor,
  run: Run,
  end: AttemptEnd,
  { log, now, retryAt }: { readonly log: string; readonly now: number; readonly retryAt: number | undefined },
): Promise<void> {
  await trx
    .updateTable('run')
    .set({
      status: retryAt === undefined ? end.status : 'queued',
      run_after: retryAt ?? run.runAfter,
      finished_at: retryAt === undefined ? now : null,
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
}

const LISTED_REFS = 200

// Thousands of refs that nothing happened to would make every run of a large repository a large record.
function refsWorthKeeping(refs: AttemptEnd['refs']): AttemptEnd['refs'] {
  return refs.length <= LISTED_REFS ? refs : refs.filter(({ result }) => result !== 'up_to_date')
}

// A comparison that found nothing new is not history. One that a person or a push has joined has their trigger.
function isQuietReconcile(run: Run, end: AttemptEnd, { opened, closed }: ConflictChanges): boolean {
  return (
    run.trigger === 'reconcile' &&
    (end.status === 'succeeded' || end.status === 'conflict') &&
    opened.length === 0 &&
    closed.length === 0 &&
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
      of: toSubject(run),
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
