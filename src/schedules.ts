import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import type { Database } from './db/database.ts'
import type { Logger } from './log.ts'
import { startPruning } from './schedule/prune.ts'
import { startReconcile } from './schedule/reconcile.ts'
import { startSecondChances } from './schedule/second-chances.ts'

/** Starts what happens by the clock alone, whoever asks for something; disposing stops it. */
export function startSchedules(
  config: Config,
  given: {
    readonly db: Database
    readonly clock: Clock
    readonly logger: Logger
    readonly wakeQueue: () => void
    readonly dropBackups: Parameters<typeof startPruning>[0]['dropBackups']
  },
): AsyncDisposable {
  const started = new AsyncDisposableStack()
  const deps = { ...given, logger: given.logger.child({ stage: 'schedule' }) }
  started.use(
    startReconcile({
      ...deps,
      intervalMs: config.reconcileIntervalMs,
      attemptLimit: config.sync.attempts,
    }),
  )
  started.use(startSecondChances({ ...deps, attemptLimit: config.sync.attempts }))
  started.use(
    startPruning({
      ...deps,
      runRetentionMs: config.retention.runMs,
      deliveryRetentionMs: config.retention.deliveryMs,
      backupRetentionMs: config.retention.backupMs,
    }),
  )
  return started
}
