import { bothLanguages } from '../domain-error.ts'
import type { Clock } from '../clock.ts'
import type { Database } from '../db/database.ts'
import type { Logger } from '../log.ts'
import { outcomeCode } from './codes.ts'
import { finishAttempt, giveBackRun } from './record.ts'
import type { AttemptEnd, Run } from './run.ts'
import { rowToRun } from './runs.ts'

/** A run that was running at this many crashes is suspected of causing them. */
const SUSPICIOUS_INTERRUPTIONS = 3

/**
 * After a crash: runs that were running wait again, without it counting as an attempt. From the third crash
 * on it counts as a failed one, with its backoff and its limit: a run that brings the daemon down cannot keep
 * it down, and one that merely was there is still done.
 */
export async function recoverRuns(deps: {
  readonly db: Database
  readonly clock: Clock
  readonly logger: Logger
}): Promise<void> {
  const rows = await deps.db.selectFrom('run').selectAll().where('status', '=', 'running').execute()
  for (const row of rows) {
    const run = { ...rowToRun(row), interrupted: row.interrupted + 1 }
    await deps.db.updateTable('run').set({ interrupted: run.interrupted }).where('id', '=', run.id).execute()
    if (run.interrupted < SUSPICIOUS_INTERRUPTIONS) {
      await giveBackRun(deps, run, row.log)
      continue
    }
    await finishAttempt(deps, run, interruptedEnd(run), row.log)
    deps.logger.error(
      { run: run.id, subject: run.subjectName, interrupted: run.interrupted },
      'a run was interrupted again and again; that counts as a failed attempt',
    )
  }
  if (rows.length > 0) deps.logger.warn({ runs: rows.length }, 'runs interrupted by a crash wait again')
}

function interruptedEnd({ interrupted }: Run): AttemptEnd {
  const { code, message, hint } = outcomeCode('unknown')
  return {
    status: 'failed',
    code,
    message,
    hint: bothLanguages(hint),
    detail: `the service stopped ${interrupted} times while this run was running`,
    failure: null,
    canHeal: true,
    refs: [],
    steps: [],
    agreed: new Map(),
    missing: new Map(),
    defaultBranches: undefined,
  }
}
