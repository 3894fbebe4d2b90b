import { runSubjectOf } from '../binding/binding.ts'
import { MINUTE } from '../clock.ts'
import type { Clock } from '../clock.ts'
import type { Database } from '../db/database.ts'
import { BindingId } from '../ids.ts'
import type { Logger } from '../log.ts'
import { requestRun } from '../run/request.ts'

type Deps = {
  readonly db: Database
  readonly clock: Clock
  readonly logger: Logger
  /** 0: never. */
  readonly intervalMs: number
  readonly attemptLimit: number
  readonly wakeQueue: () => void
  readonly random?: () => number
}

const LOOK_EVERY = MINUTE
// Of what is due at one look; the rest follows at the next, so a long pause does not become a flood.
const BINDINGS_PER_LOOK = 100

/**
 * Asks for a comparison of both sides of every enabled binding once per interval, so that a webhook that
 * never came costs a delay and not a commit. The first look happens at once: pushes made while the
 * daemon was down have left no webhook.
 */
export function startReconcile(deps: Deps): AsyncDisposable {
  let isStopped = false
  let timer: Disposable | undefined
  let looking = Promise.resolve()
  const look = (): void => {
    looking = requestDue(deps)
      .then((requested) => (requested > 0 ? deps.wakeQueue() : undefined))
      .catch((error: unknown) => deps.logger.error({ err: error }, 'looking for bindings to compare failed'))
      .then(() => {
        if (!isStopped) timer = deps.clock.after(Math.min(LOOK_EVERY, deps.intervalMs), look)
      })
  }
  if (deps.intervalMs > 0) look()
  return {
    [Symbol.asyncDispose]: async () => {
      isStopped = true
      timer?.[Symbol.dispose]()
      await looking
    },
  }
}

async function requestDue(deps: Deps): Promise<number> {
  const now = deps.clock.now()
  const due = await deps.db
    .selectFrom('binding')
    .select(['id', 'name', 'direction', 'internal_host', 'external_host'])
    .where('enabled', '=', 1)
    .where('reconcile_at', '<=', now)
    .orderBy('reconcile_at')
    .limit(BINDINGS_PER_LOOK)
    .execute()
  for (const binding of due) {
    await deps.db.transaction().execute(async (trx) => {
      await trx
        .updateTable('binding')
        .set({ reconcile_at: now + jittered(deps) })
        .where('id', '=', binding.id)
        .execute()
      await requestRun(
        trx,
        {
          of: runSubjectOf({
            id: BindingId.parse(binding.id),
            name: binding.name,
            internal: { host: binding.internal_host },
            external: { host: binding.external_host },
          }),
          trigger: 'reconcile',
          work: [{ direction: binding.direction, scope: 'all', force: false, named: false }],
          attemptLimit: deps.attemptLimit,
        },
        now,
      )
    })
  }
  return due.length
}

// ±20 %, so that bindings made together are not compared together for ever.
function jittered({ intervalMs, random = Math.random }: Deps): number {
  return Math.round(intervalMs * (0.8 + 0.4 * random()))
}
