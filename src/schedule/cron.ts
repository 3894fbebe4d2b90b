import { MINUTE } from '../clock.ts'
import type { Clock } from '../clock.ts'
import type { Database, Executor } from '../db/database.ts'
import type { RunId } from '../ids.ts'
import { TaskId } from '../ids.ts'
import type { Logger } from '../log.ts'
import { requestRun } from '../run/request.ts'
import { parseCron } from '../task/cron.ts'
import { runSubjectOf, workOf } from '../task/task.ts'
import type { Task } from '../task/task.ts'
import { findTask } from '../task/tasks.ts'

type Deps = {
  readonly db: Database
  readonly clock: Clock
  readonly logger: Logger
  /** Of tasks that name none. */
  readonly timezone: string
  readonly attemptLimit: number
  readonly wakeQueue: () => void
  /** Called inside the transaction that asks for the run. */
  readonly onTriggered: (trx: Executor, task: Task, run: RunId, now: number) => Promise<void>
}

export type CronSchedule = AsyncDisposable & {
  /** A task was made or changed: its time may come first now. */
  readonly wake: () => void
}

// Timers do not count while a machine sleeps, and its clock may be set: so it is looked at now and then anyway.
const LONGEST_SLEEP = 1 * MINUTE
const TASKS_PER_LOOK = 1000
// Webhooks wait while one is written.
const TASKS_PER_TRANSACTION = 50

/**
 * Asks for a run of every enabled task when its time comes. When a task is due is stored with it, so times that
 * passed while the service was down are noticed at the start and made up for by one run. A run that still waits
 * takes the request, so that never more than one waits, however slow the runs are.
 */
export function startCron(deps: Deps): CronSchedule {
  let isStopped = false
  let timer: Disposable | undefined
  let lookedAt = -Infinity
  let working = Promise.resolve()

  async function look(): Promise<void> {
    timer?.[Symbol.dispose]()
    if (isStopped) return
    let sleepMs = LONGEST_SLEEP
    try {
      const now = deps.clock.now()
      // At the start, and when the clock was set back: what was computed then may be far off.
      if (now < lookedAt || lookedAt === -Infinity) await computeAgain(deps, now)
      lookedAt = now
      if ((await requestDue(deps, now)) > 0) deps.wakeQueue()
      const next = await nextDue(deps)
      if (next !== undefined) sleepMs = Math.min(Math.max(next - deps.clock.now(), 0), LONGEST_SLEEP)
    } catch (error) {
      deps.logger.error({ err: error }, 'looking for tasks that are due failed')
    }
    if (!isStopped) timer = deps.clock.after(sleepMs, wake)
  }

  function wake(): void {
    working = working.then(look)
  }

  wake()
  return {
    wake,
    [Symbol.asyncDispose]: async () => {
      isStopped = true
      timer?.[Symbol.dispose]()
      await working
    },
  }
}

/** Times to come are computed anew: the time zone of the service may be another one than before. */
async function computeAgain(deps: Deps, now: number): Promise<void> {
  const rows = await deps.db
    .selectFrom('task')
    .select(['id', 'cron_expression', 'timezone', 'cron_next_at'])
    .where('cron_next_at', '>', now)
    .execute()
  for (const row of rows) {
    const next = nextAfter(deps, { cron: row.cron_expression, timezone: row.timezone }, now)
    if (next === Number(row.cron_next_at)) continue
    await deps.db
      .updateTable('task')
      .set({ cron_next_at: next })
      .where('id', '=', row.id)
      .where('cron_next_at', '=', row.cron_next_at)
      .execute()
  }
}

async function requestDue(deps: Deps, now: number): Promise<number> {
  const due = await deps.db
    .selectFrom('task')
    .select('id')
    .where('cron_next_at', '<=', now)
    .orderBy('cron_next_at')
    .limit(TASKS_PER_LOOK)
    .execute()
  for (let start = 0; start < due.length; start += TASKS_PER_TRANSACTION) {
    const group = due.slice(start, start + TASKS_PER_TRANSACTION)
    await deps.db.transaction().execute(async (trx) => {
      for (const { id } of group) {
        const task = await findTask(trx, TaskId.parse(id))
        if (task === undefined || task.cronNextAt === null || task.cronNextAt > now) continue
        const next = nextAfter(deps, task, now)
        await trx.updateTable('task').set({ cron_next_at: next }).where('id', '=', id).execute()
        const work = workOf(task)
        const request = {
          of: runSubjectOf(task),
          trigger: 'cron',
          work,
          attemptLimit: deps.attemptLimit,
        } as const
        await deps.onTriggered(trx, task, await requestRun(trx, request, now), now)
      }
    })
  }
  return due.length
}

async function nextDue(deps: Deps): Promise<number | undefined> {
  const { due } = await deps.db
    .selectFrom('task')
    .select((eb) => eb.fn.min('cron_next_at').as('due'))
    .where('cron_next_at', 'is not', null)
    .executeTakeFirstOrThrow()
  return due === null ? undefined : Number(due)
}

function nextAfter(
  deps: Deps,
  { cron, timezone }: Pick<Task, 'cron' | 'timezone'>,
  now: number,
): number | null {
  if (cron === null) return null
  const parsed = parseCron(cron, timezone ?? deps.timezone)
  return parsed.kind === 'ok' ? parsed.schedule.nextAfter(now) : null
}
