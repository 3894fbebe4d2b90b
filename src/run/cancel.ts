import type { Clock } from '../clock.ts'
import type { Database } from '../db/database.ts'
import { bothLanguages, DomainError } from '../domain-error.ts'
import type { RunId } from '../ids.ts'
import { outcomeCode } from './codes.ts'
import type { RunEvents } from './events.ts'
import type { RunningRuns } from './execute.ts'
import type { Run } from './run.ts'
import { isEnded } from './run.ts'
import { getRun } from './runs.ts'

type Deps = {
  readonly db: Database
  readonly clock: Clock
  readonly events: RunEvents
  readonly running: RunningRuns
}

/**
 * Ends a waiting run at once; a running one is interrupted and shows `canceled` when git has stopped.
 * Throws `run_not_found`, or `run_ended` when there is nothing left to cancel.
 */
export async function cancelRun(deps: Deps, id: RunId): Promise<Run> {
  if (!(await cancelWaiting(deps, id))) {
    const run = await getRun(deps, id)
    if (isEnded(run.status)) {
      throw new DomainError('conflict', 'run_ended', {
        zh: `运行 ${id} 已结束，无法取消`,
        en: `run ${id} has already ended`,
      })
    }
    deps.running.get(id)?.abort(new Error('canceled by request'))
  }
  return getRun(deps, id)
}

/** Stops whatever a subject waits for or does, for example because its binding is removed. */
export async function cancelRunsOf(deps: Deps, subject: string): Promise<void> {
  const open = await deps.db
    .selectFrom('run')
    .select(['id'])
    .where('subject', '=', subject)
    .where('status', 'in', ['queued', 'running'])
    .$narrowType<{ id: RunId }>()
    .execute()
  for (const { id } of open) {
    const ended = deps.running.has(id)
      ? deps.events.onceAttemptEnded(id, new AbortController().signal)
      : undefined
    using _subscription = ended
    if (await cancelWaiting(deps, id)) continue
    deps.running.get(id)?.abort(new Error('canceled by request'))
    await ended?.promise
  }
}

async function cancelWaiting(deps: Deps, id: RunId): Promise<boolean> {
  const { code, message, hint } = outcomeCode('canceled')
  const canceled = await deps.db
    .updateTable('run')
    .set({
      status: 'canceled',
      code,
      message,
      hint: bothLanguages(hint),
      detail: 'canceled while it waited',
      finished_at: deps.clock.now(),
    })
    .where('id', '=', id)
    .where('status', '=', 'queued')
    .returning('id')
    .executeTakeFirst()
  if (canceled === undefined) return false
  deps.events.attemptEnded(id)
  return true
}
