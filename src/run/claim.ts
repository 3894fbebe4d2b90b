import { sql } from 'kysely'
import type { Clock } from '../clock.ts'
import type { Database } from '../db/database.ts'
import type { Run } from './run.ts'
import { rowToRun } from './runs.ts'

// What the queue takes its work from: the move of the state machine in `run.ts` that starts an attempt.

type Deps = { readonly db: Database; readonly clock: Clock }

export type ClaimedRun = {
  readonly id: number
  readonly hosts: readonly string[]
  readonly run: Run
  /** The log of its earlier attempts. */
  readonly log: string
}

/**
 * queued → running, for the first due run whose subject is free and whose hosts are not busy. Servers (`host:port`)
 * that are parked are used only when a person asks.
 */
export async function claimRun(
  deps: Deps,
  busyHosts: readonly string[],
  parked: readonly string[] = [],
): Promise<ClaimedRun | undefined> {
  const now = deps.clock.now()
  const row = await deps.db
    .updateTable('run')
    .set((eb) => ({
      status: 'running' as const,
      started_at: sql<number>`coalesce(started_at, ${now})`,
      attempts: eb('attempts', '+', 1),
    }))
    .where('id', '=', (eb) => {
      const due = eb
        .selectFrom('run as due')
        .select('due.id')
        .where('due.status', '=', 'queued')
        .where('due.run_after', '<=', now)
        .where(({ not, exists, selectFrom }) =>
          not(
            exists(
              selectFrom('run as other')
                .select('other.id')
                .whereRef('other.subject', '=', 'due.subject')
                .where('other.status', '=', 'running'),
            ),
          ),
        )
        .orderBy('due.priority', 'desc')
        .orderBy('due.run_after')
        .orderBy('due.id')
        .limit(1)
        .$if(busyHosts.length > 0, (query) =>
          query
            .where('due.internal_host', 'not in', busyHosts)
            .where('due.external_host', 'not in', busyHosts),
        )
        .$if(parked.length > 0, (query) =>
          query.where(({ and, or, eb: is }) =>
            or([
              is('due.trigger', '=', 'manual'),
              and([
                is('due.internal_endpoint', 'not in', parked),
                is('due.external_endpoint', 'not in', parked),
              ]),
            ]),
          ),
        )
      return due
    })
    .returningAll()
    .executeTakeFirst()
  if (row === undefined) return undefined
  const hosts = [...new Set([row.internal_host, row.external_host])]
  return { id: row.id, hosts, run: rowToRun(row), log: row.log }
}

/** When the first run that was not yet due at `after` becomes so. */
export async function nextDue(deps: Deps, after: number): Promise<number | undefined> {
  const { due } = await deps.db
    .selectFrom('run')
    .select((eb) => eb.fn.min('run_after').as('due'))
    .where('status', '=', 'queued')
    .where('run_after', '>', after)
    .executeTakeFirstOrThrow()
  return due === null ? undefined : Number(due)
}
