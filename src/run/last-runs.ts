import type { Executor } from '../db/database.ts'
import type { TaskId } from '../ids.ts'
import { RunId } from '../ids.ts'
import type { RunStatus } from './run.ts'

export type LastRun = {
  readonly id: RunId
  /** When it started, or when it was asked for while it waits. */
  readonly at: number
  readonly status: RunStatus
}

/** The newest run of each of these tasks that has one. */
export async function lastRunsOf(
  db: Executor,
  tasks: readonly TaskId[],
): Promise<ReadonlyMap<number, LastRun>> {
  if (tasks.length === 0) return new Map()
  const rows = await db
    .selectFrom('run')
    .select(['id', 'task_id', 'status', 'started_at', 'queued_at'])
    .where('id', 'in', (eb) =>
      eb
        .selectFrom('run')
        .select(({ fn }) => fn.max('id').as('id'))
        .where('task_id', 'in', tasks)
        .groupBy('task_id'),
    )
    .execute()
  return new Map(
    rows.map((row) => [
      row.task_id ?? 0,
      { id: RunId.parse(row.id), at: Number(row.started_at ?? row.queued_at), status: row.status },
    ]),
  )
}
