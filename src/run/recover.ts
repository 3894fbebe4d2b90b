import type { Clock } from '../clock.ts'
import type { Database } from '../db/database.ts'
import type { Logger } from '../log.ts'
import { outcomeCode, bothLanguages } from './codes.ts'
import { giveBackRun } from './record.ts'
import { rowToRun } from './runs.ts'

/** A run that was running at this many crashes is suspected of causing them. */
const MAX_INTERRUPTIONS = 3

/**
 * After a crash: runs that were running wait again, without it counting as an attempt. One that was
 * running at three crashes ends as failed, so that it cannot keep the daemon from starting for ever.
 */
export async function recoverRuns(deps: {
  readonly db: Database
  readonly clock: Clock
  readonly logger: Logger
}): Promise<void> {
  const rows = await deps.db.selectFrom('run').selectAll().where('status', '=', 'running').execute()
  for (const row of rows) {
    const run = rowToRun(row)
    const interrupted = run.interrupted + 1
    await deps.db.updateTable('run').set({ interrupted }).where('id', '=', run.id).execute()
    if (interrupted < MAX_INTERRUPTIONS) {
      await giveBackRun(deps, run, row.log)
      continue
    }
    const { code, message, hint } = outcomeCode('unknown')
    await deps.db
      .updateTable('run')
      .set({
        status: 'failed',
        code,
        message,
        hint: bothLanguages(hint),
        detail: `the service stopped ${interrupted} times while this run was running; it is not tried again by itself`,
        finished_at: deps.clock.now(),
      })
      .where('id', '=', run.id)
      .execute()
    deps.logger.error(
      { run: run.id, subject: run.subjectName },
      'a run was interrupted too often and is given up',
    )
  }
  if (rows.length > 0) deps.logger.warn({ runs: rows.length }, 'runs interrupted by a crash wait again')
}
