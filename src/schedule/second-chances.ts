import { runSubjectOf } from '../binding/binding.ts'
import type { Binding } from '../binding/binding.ts'
import { findBinding, rowToBinding } from '../binding/bindings.ts'
import type { Clock } from '../clock.ts'
import { MINUTE, SECOND } from '../clock.ts'
import type { Database } from '../db/database.ts'
import { BindingId } from '../ids.ts'
import type { Logger } from '../log.ts'
import { SECOND_LOOK_AFTER } from '../run/evidence.ts'
import { requestRun } from '../run/request.ts'

type Deps = {
  readonly db: Database
  readonly clock: Clock
  readonly logger: Logger
  readonly attemptLimit: number
  readonly wakeQueue: () => void
}

const LOOK_EVERY = 5 * SECOND
const MOST_PER_LOOK = 200
// When a look that was asked for could not be had.
const ASK_AGAIN_AFTER = 5 * MINUTE

/**
 * Asks for the runs that come back to something: a paused binding is tried again at its time, and a ref that a
 * side has lacked is looked for once more, so that a deletion can be told from a slip.
 */
export function startSecondChances(deps: Deps): AsyncDisposable {
  let isStopped = false
  let timer: Disposable | undefined
  const look = async (): Promise<void> => {
    try {
      const requested = (await tryPaused(deps)) + (await lookForMissing(deps))
      if (requested > 0) deps.wakeQueue()
    } catch (error) {
      deps.logger.error({ err: error }, 'looking for bindings to try again failed')
    }
    if (!isStopped) timer = deps.clock.after(LOOK_EVERY, () => void (looking = look()))
  }
  let looking = look()
  return {
    [Symbol.asyncDispose]: async () => {
      isStopped = true
      timer?.[Symbol.dispose]()
      await looking
    },
  }
}

async function tryPaused(deps: Deps): Promise<number> {
  const now = deps.clock.now()
  const due = await deps.db
    .selectFrom('binding')
    .selectAll()
    .where('enabled', '=', 1)
    .where('probe_at', '<=', now)
    .orderBy('probe_at')
    .limit(MOST_PER_LOOK)
    .execute()
  for (const row of due) {
    // The end of the run sets the next time; until then this one is not due again.
    await deps.db
      .updateTable('binding')
      .set({ probe_at: now + ASK_AGAIN_AFTER })
      .where('id', '=', row.id)
      .execute()
    await requestComparison(deps, rowToBinding(row))
  }
  return due.length
}

async function lookForMissing(deps: Deps): Promise<number> {
  const now = deps.clock.now()
  const due = await deps.db
    .selectFrom('missing_ref')
    .select('subject')
    .distinct()
    .where('since', '<=', now - SECOND_LOOK_AFTER)
    .where((is) => is.or([is('asked_at', 'is', null), is('asked_at', '<=', now - ASK_AGAIN_AFTER)]))
    .limit(MOST_PER_LOOK)
    .execute()
  for (const { subject } of due) {
    const id = BindingId.safeParse(/^binding:(\d+)$/.exec(subject)?.[1])
    const binding = id.success ? await findBinding(deps.db, id.data) : undefined
    await deps.db
      .updateTable('missing_ref')
      .set({ asked_at: now })
      .where('subject', '=', subject)
      .where('since', '<=', now - SECOND_LOOK_AFTER)
      .execute()
    if (binding?.enabled === true) await requestComparison(deps, binding)
  }
  return due.length
}

async function requestComparison(deps: Deps, binding: Binding): Promise<void> {
  const request = {
    // Its time has come.
    of: { ...runSubjectOf(binding), notBefore: null },
    trigger: 'reconcile' as const,
    work: [{ direction: binding.direction, scope: 'all' as const, force: false, named: false }],
    attemptLimit: deps.attemptLimit,
  }
  await deps.db.transaction().execute((trx) => requestRun(trx, request, deps.clock.now()))
}
