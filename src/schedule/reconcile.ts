import { runSubjectOf } from '../binding/binding.ts'
import { rowToBinding } from '../binding/bindings.ts'
import { MINUTE, SECOND } from '../clock.ts'
import type { Clock } from '../clock.ts'
import type { Database, Executor } from '../db/database.ts'
import type { Logger } from '../log.ts'
import { requestRun } from '../run/request.ts'
import { comparisonDelay } from './comparison-delay.ts'

type Deps = {
  readonly db: Database
  readonly clock: Clock
  readonly logger: Logger
  /** Of a binding of average activity; 0: never. */
  readonly intervalMs: number
  readonly attemptLimit: number
  readonly wakeQueue: () => void
  readonly random?: () => number
}

// Of what is due at one look; the rest follows at the next, so a long pause does not become a flood.
const BINDINGS_PER_LOOK = 1000
// What one host is asked for at one look, however many bindings it has.
const BINDINGS_PER_HOST = 60
// Webhooks wait while one is written.
const BINDINGS_PER_TRANSACTION = 50
const SHORTEST_LOOK_MS = SECOND / 10

/**
 * Asks for a comparison of both sides of every enabled binding again and again, the more often the more
 * recently it has changed, so that a webhook that never came costs a delay and not a commit. At the start
 * all are due: pushes made while the daemon was down have left no webhook.
 */
export function startReconcile(deps: Deps): AsyncDisposable {
  let isStopped = false
  let timer: Disposable | undefined
  const lookEvery = Math.max(SHORTEST_LOOK_MS, Math.min(MINUTE, deps.intervalMs / 10))
  let lookedAt = deps.clock.now()
  const look = async (): Promise<void> => {
    try {
      const now = deps.clock.now()
      await hastenChanged(deps, { since: lookedAt, at: now + lookEvery })
      lookedAt = now
      if ((await requestDue(deps, now)) > 0) deps.wakeQueue()
    } catch (error) {
      deps.logger.error({ err: error }, 'looking for bindings to compare failed')
    }
    if (!isStopped) timer = deps.clock.after(lookEvery, () => void (looking = look()))
  }
  let looking = deps.intervalMs === 0 ? Promise.resolve() : makeAllDue(deps).then(look)
  return {
    [Symbol.asyncDispose]: async () => {
      isStopped = true
      timer?.[Symbol.dispose]()
      await looking
    },
  }
}

/** After an outage of a server: what failed because of it is compared now, not in its turn. */
export async function compareFailed(
  deps: Pick<Deps, 'db' | 'clock'>,
  { endpoint, since }: { readonly endpoint: string; readonly since: number },
): Promise<void> {
  await deps.db
    .updateTable('binding')
    .set({ reconcile_at: deps.clock.now() })
    .where('id', 'in', (eb) =>
      eb
        .selectFrom('run')
        .select('binding_id')
        .$narrowType<{ binding_id: number }>()
        .where('finished_at', '>=', since)
        .where('status', '=', 'failed')
        .where('binding_id', 'is not', null)
        .where((is) =>
          is.or([is('internal_endpoint', '=', endpoint), is('external_endpoint', '=', endpoint)]),
        ),
    )
    .execute()
}

async function makeAllDue({ db, clock, logger }: Deps): Promise<void> {
  try {
    const now = clock.now()
    await db.updateTable('binding').set({ reconcile_at: now }).where('reconcile_at', '>', now).execute()
  } catch (error) {
    logger.error({ err: error }, 'the bindings could not be made due')
  }
}

/** A repository that was quiet for long had its next comparison put off for long. */
async function hastenChanged(
  { db }: Deps,
  { since, at }: { readonly since: number; readonly at: number },
): Promise<void> {
  await db
    .updateTable('binding')
    .set({ reconcile_at: at })
    .where('reconcile_at', '>', at)
    .where('id', 'in', (eb) =>
      eb
        .selectFrom('run')
        .select('binding_id')
        .$narrowType<{ binding_id: number }>()
        .where('finished_at', '>=', since)
        .where('status', '=', 'succeeded')
        .where('binding_id', 'is not', null),
    )
    .execute()
}

async function requestDue(deps: Deps, now: number): Promise<number> {
  const due = await selectDue(deps.db, now)
  for (let start = 0; start < due.length; start += BINDINGS_PER_TRANSACTION) {
    const group = due.slice(start, start + BINDINGS_PER_TRANSACTION)
    await deps.db.transaction().execute(async (trx) => {
      for (const binding of group) await requestComparison(trx, deps, binding, now)
    })
  }
  return due.length
}

async function requestComparison(trx: Executor, deps: Deps, binding: Due, now: number): Promise<void> {
  const delay = comparisonDelay({
    intervalMs: deps.intervalMs,
    random: deps.random,
    now,
    changedAt: (await lastChange(trx, binding)) ?? binding.created_at,
    previousMs: binding.reconciled_at === null ? null : binding.reconcile_at - binding.reconciled_at,
    hasFailed: await hasFailed(trx, binding),
  })
  await trx
    .updateTable('binding')
    .set({ reconcile_at: now + delay, reconciled_at: now })
    .where('id', '=', binding.id)
    .execute()
  await requestRun(
    trx,
    {
      of: runSubjectOf(rowToBinding(binding)),
      trigger: 'reconcile',
      work: [{ direction: binding.direction, scope: 'all', force: false, named: false }],
      attemptLimit: deps.attemptLimit,
    },
    now,
  )
}

type Due = Awaited<ReturnType<typeof selectDue>>[number]

/** The longest due first, but no more of one host than its share: a crowd on one must not starve the others. */
function selectDue(db: Executor, now: number) {
  return db
    .selectFrom((eb) =>
      eb
        .selectFrom('binding')
        .selectAll('binding')
        .select(({ fn }) => [
          fn
            .agg<number>('row_number')
            .over((over) => over.partitionBy('internal_host').orderBy('reconcile_at').orderBy('id'))
            .as('internal_turn'),
          fn
            .agg<number>('row_number')
            .over((over) => over.partitionBy('external_host').orderBy('reconcile_at').orderBy('id'))
            .as('external_turn'),
        ])
        .where('enabled', '=', 1)
        // A paused one is tried again at a time of its own.
        .where('paused_at', 'is', null)
        .where('reconcile_at', '<=', now)
        .as('due'),
    )
    .selectAll()
    .where('internal_turn', '<=', BINDINGS_PER_HOST)
    .where('external_turn', '<=', BINDINGS_PER_HOST)
    .orderBy('reconcile_at')
    .limit(BINDINGS_PER_LOOK)
    .execute()
}

/** When a run last changed something; a comparison that finds nothing leaves no run. */
async function lastChange(trx: Executor, { id, name }: Due): Promise<number | undefined> {
  const run = await trx
    .selectFrom('run')
    .select('finished_at')
    .where('subject_name', '=', name)
    .where('binding_id', '=', id)
    .where('status', '=', 'succeeded')
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
  return run?.finished_at ?? undefined
}

/** Whether a run has failed since the comparison before, and none has succeeded after it. */
async function hasFailed(trx: Executor, { id, name, reconciled_at: since }: Due): Promise<boolean> {
  if (since === null) return false
  const last = await trx
    .selectFrom('run')
    .select(['status', 'finished_at'])
    .where('subject_name', '=', name)
    .where('binding_id', '=', id)
    .where('finished_at', 'is not', null)
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
  return last?.status === 'failed' && (last.finished_at ?? 0) >= since
}
