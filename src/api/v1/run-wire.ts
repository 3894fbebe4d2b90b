import type { Run } from '../../run/run.ts'
import { isoTime, isoTimeOrNull } from './paging.ts'

/** A run without its log, as every route shows it. */
export function runToWire(run: Run): Record<string, unknown> {
  return {
    id: run.id,
    binding: run.bindingId === null ? null : run.subjectName,
    task_id: run.taskId,
    trigger: run.trigger,
    direction: run.direction,
    dry_run: run.dryRun,
    requested_by: run.requestedBy,
    status: run.status,
    code: run.code,
    message: run.message,
    detail: run.detail,
    hint: run.hint,
    attempts: run.attempts,
    queued_at: isoTime(run.queuedAt),
    started_at: isoTimeOrNull(run.startedAt),
    finished_at: isoTimeOrNull(run.finishedAt),
    retry_at: run.status === 'queued' && run.runAfter > run.queuedAt ? isoTime(run.runAfter) : null,
    duration_ms: run.startedAt === null || run.finishedAt === null ? null : run.finishedAt - run.startedAt,
    refs: run.refs,
    steps: run.steps.map(({ name, durationMs }) => ({ name, duration_ms: durationMs })),
  }
}
