import type { Executor } from '../db/database.ts'
import { enqueueNotice } from '../notify/outbox.ts'
import type { RefOutcome } from '../sync/sync.ts'
import type { ConflictChanges } from './conflicts.ts'
import type { AttemptEnd, Run } from './run.ts'
import { refOutcomeToRunRef } from './run.ts'

type Notice = Parameters<typeof enqueueNotice>[1]

/** Reports what the end of a run means for people; who is told, and whether it is news, is decided elsewhere. */
export async function reportEnd(
  trx: Executor,
  run: Run,
  end: AttemptEnd,
  { closed }: ConflictChanges,
  now: number,
): Promise<void> {
  if (end.status === 'canceled') return
  if (closed.length > 0) {
    const isClosed = new Set(closed)
    const refs = end.refs.filter(({ pair }) => isClosed.has(pair.internal))
    await enqueueNotice(trx, toNotice(run, end, 'sync_recovered', refs, now), now)
  }
  await enqueueNotice(trx, toNotice(run, end, EVENTS[end.status], end.refs, now), now)
}

/** Reports that nothing more is tried by itself until somebody mends what failed. */
export async function reportPause(trx: Executor, run: Run, end: AttemptEnd, now: number): Promise<void> {
  await enqueueNotice(trx, toNotice(run, end, 'binding_paused', [], now), now)
}

const EVENTS = {
  succeeded: 'sync_success',
  failed: 'sync_failure',
  conflict: 'sync_conflict',
} as const

function toNotice(
  run: Run,
  end: AttemptEnd,
  event: Notice['event'],
  refs: readonly RefOutcome[],
  now: number,
): Notice {
  return {
    event,
    bindingId: run.bindingId,
    taskId: run.taskId,
    subjectName: run.subjectName,
    runId: run.id,
    facts: {
      code: end.code,
      errorMessage: end.detail,
      hint: end.hint,
      refs: refs.map(refOutcomeToRunRef),
      isWhole: end.failure === null && run.work.some(({ scope }) => scope === 'all'),
      durationMs: run.startedAt === null ? null : now - run.startedAt,
    },
  }
}
