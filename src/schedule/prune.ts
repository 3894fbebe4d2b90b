import { MINUTE } from '../clock.ts'
import type { Clock } from '../clock.ts'
import type { Database } from '../db/database.ts'
import type { Logger } from '../log.ts'
import { deleteBackups, oldestBackups } from '../run/backups.ts'

type Deps = {
  readonly db: Database
  readonly clock: Clock
  readonly logger: Logger
  /** 0: for ever. */
  readonly runRetentionMs: number
  readonly deliveryRetentionMs: number
  readonly backupRetentionMs: number
  /** Removes kept heads of a subject from the disk; resolves to whether they are gone. */
  readonly dropBackups: (subject: string, refs: readonly string[], signal: AbortSignal) => Promise<boolean>
}

const LOOK_EVERY = 10 * MINUTE
const BACKUPS_PER_LOOK = 1000
// One delete may block deliveries for as long as it takes.
const ROWS_PER_DELETE = 500

/** Removes ended runs, old deliveries and old backups in small batches; what is waiting or running stays. */
export function startPruning(deps: Deps): AsyncDisposable {
  let isStopped = false
  const stopped = new AbortController()
  let timer: Disposable | undefined
  let pruning = Promise.resolve()
  const prune = (): void => {
    pruning = pruneOnce(deps, () => isStopped)
      .then(() => pruneBackups(deps, stopped.signal))
      .catch((error: unknown) => deps.logger.error({ err: error }, 'removing old records failed'))
      .then(() => {
        if (!isStopped) timer = deps.clock.after(LOOK_EVERY, prune)
      })
  }
  prune()
  return {
    [Symbol.asyncDispose]: async () => {
      isStopped = true
      stopped.abort()
      timer?.[Symbol.dispose]()
      await pruning
    },
  }
}

async function pruneOnce(deps: Deps, isStopped: () => boolean): Promise<void> {
  const now = deps.clock.now()
  const keepsRuns = deps.runRetentionMs === 0
  const keepsDeliveries = deps.deliveryRetentionMs === 0
  while (!keepsRuns && !isStopped() && (await pruneRuns(deps.db, now - deps.runRetentionMs)));
  while (
    !keepsDeliveries &&
    !isStopped() &&
    (await pruneDeliveries(deps.db, now - deps.deliveryRetentionMs))
  );
  while (
    !keepsDeliveries &&
    !isStopped() &&
    (await pruneNotifications(deps.db, now - deps.deliveryRetentionMs))
  );
}

async function pruneBackups(deps: Deps, signal: AbortSignal): Promise<void> {
  if (deps.backupRetentionMs === 0) return
  while (!signal.aborted) {
    const old = await oldestBackups(deps.db, deps.clock.now() - deps.backupRetentionMs, BACKUPS_PER_LOOK)
    const [first] = old
    if (first === undefined) return
    const refs = old.map(({ backupRef }) => backupRef)
    // What is still on the disk stays listed, and is tried again at the next look.
    if (!(await deps.dropBackups(first.subject, refs, signal))) return
    await deleteBackups(
      deps.db,
      old.map(({ id }) => id),
    )
    deps.logger.info({ subject: first.subject, backups: old.length }, 'old backups were removed')
  }
}

async function pruneRuns(db: Database, before: number): Promise<boolean> {
  const rows = await db
    .selectFrom('run')
    .select('id')
    .where('finished_at', '<', before)
    .limit(ROWS_PER_DELETE)
    .execute()
  if (rows.length === 0) return false
  const ids = rows.map(({ id }) => id)
  await db.transaction().execute(async (trx) => {
    await trx.deleteFrom('sync_log').where('run_id', 'in', ids).execute()
    await trx.deleteFrom('delivery_run').where('run_id', 'in', ids).execute()
    await trx.deleteFrom('run').where('id', 'in', ids).execute()
  })
  return rows.length === ROWS_PER_DELETE
}

async function pruneDeliveries(db: Database, before: number): Promise<boolean> {
  const rows = await db
    .selectFrom('delivery')
    .select('id')
    .where('received_at', '<', before)
    // A run that still waits shows which deliveries asked for it.
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('delivery_run')
            .innerJoin('run', 'run.id', 'delivery_run.run_id')
            .select('run.id')
            .whereRef('delivery_run.delivery_id', '=', 'delivery.id')
            .where('run.status', 'in', ['queued', 'running']),
        ),
      ),
    )
    .limit(ROWS_PER_DELETE)
    .execute()
  if (rows.length === 0) return false
  const ids = rows.map(({ id }) => id)
  await db.deleteFrom('delivery').where('id', 'in', ids).execute()
  return rows.length === ROWS_PER_DELETE
}

/** What was told, and to whom; what still waits to be told stays. */
async function pruneNotifications(db: Database, before: number): Promise<boolean> {
  const rows = await db
    .selectFrom('notification_delivery')
    .select('id')
    .where('created_at', '<', before)
    .where('status', '!=', 'waiting')
    .orderBy('created_at')
    .limit(ROWS_PER_DELETE)
    .execute()
  const ids = rows.map(({ id }) => id)
  await db.transaction().execute(async (trx) => {
    if (ids.length > 0) await trx.deleteFrom('notification_delivery').where('id', 'in', ids).execute()
    await trx
      .deleteFrom('notice')
      .where('id', 'in', (eb) =>
        eb
          .selectFrom('notice as told')
          .select('told.id')
          .where('told.created_at', '<', before)
          .where(({ not, exists, selectFrom }) =>
            not(
              exists(
                selectFrom('notification_delivery')
                  .select('notification_delivery.id')
                  .whereRef('notification_delivery.notice_id', '=', 'told.id'),
              ),
            ),
          )
          .limit(ROWS_PER_DELETE),
      )
      .execute()
    // A binding that is gone is never heard of again, and neither is what was wrong with it.
    await trx.deleteFrom('notification_problem').where('seen_at', '<', before).execute()
  })
  return rows.length === ROWS_PER_DELETE
}
