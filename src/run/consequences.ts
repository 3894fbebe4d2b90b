import { endPause, pauseBinding } from '../binding/pause.ts'
import type { Executor } from '../db/database.ts'
import { isHopeless } from '../git/git-error.ts'
import { SECOND_LOOK_AFTER } from './evidence.ts'
import { requestRun } from './request.ts'
import type { RunSubject } from './request.ts'
import type { AttemptEnd, Run } from './run.ts'

// What the end of an attempt leads to beside its record: another look, a pause, the end of a pause.

/** A ref that a side lacks is looked for a second time, when that can prove a deletion. */
export async function lookAgain(trx: Executor, run: Run, end: AttemptEnd, now: number): Promise<void> {
  const awaited = new Set([...end.missing].flatMap(([ref, side]) => (side === null ? [] : [ref])))
  if (awaited.size === 0) return
  const scope = end.refs
    .filter(({ pair }) => awaited.has(pair.internal))
    .map(({ pair }) => ({ ...pair, branchId: null, after: null }))
  await requestRun(
    trx,
    {
      of: toSubject(run),
      trigger: 'reconcile',
      work: [{ direction: run.direction, scope, force: false, named: false }],
      attemptLimit: run.attemptLimit,
      runAfter: now + SECOND_LOOK_AFTER,
    },
    now,
  )
}

/**
 * A failure that only people can mend pauses the binding, and is tried again later by itself. Whatever has
 * reached both sides ends that.
 */
export async function recordAccess(trx: Executor, run: Run, end: AttemptEnd, now: number): Promise<void> {
  const { bindingId } = run
  if (bindingId === null || end.status === 'canceled') return
  if (end.failure === null) {
    await endPause(trx, bindingId)
    return
  }
  if (!isHopeless(end.failure.kind)) return
  const failure = { kind: end.failure.kind, detail: end.detail ?? '' }
  const paused = await pauseBinding(trx, bindingId, failure, now)
  if (paused === undefined) return
  await requestRun(
    trx,
    {
      of: { ...toSubject(run), notBefore: paused.probeAt },
      trigger: 'retry',
      work: [{ direction: run.direction, scope: 'all', force: false, named: false }],
      attemptLimit: run.attemptLimit,
      runAfter: paused.probeAt,
    },
    now,
  )
}

/** The subject of a run that has ended, for another one. */
export function toSubject(run: Run): RunSubject {
  const { subject, bindingId, taskId, subjectName: name, hosts, endpoints } = run
  return { subject, bindingId, taskId, name, hosts, endpoints, notBefore: null }
}
