import type { Selectable } from 'kysely'
import { HOUR, MINUTE } from '../clock.ts'
import type { Executor } from '../db/database.ts'
import type { BindingTable } from '../db/schema.ts'
import type { BindingId } from '../ids.ts'
import type { Pause } from './binding.ts'

// A failure that nobody can mend from here, such as a revoked token, pauses the binding: asking again and again
// would lock accounts and drown what matters. It is tried once more soon, in case it was a slip of the forge,
// and then seldom; a change of token or address, a sync by hand that works, or enabling it ends the pause.

const FIRST_PROBE_AFTER = 1 * MINUTE
const PROBE_EVERY = 1 * HOUR
const MAX_DETAIL = 2000

/** Pauses a binding, or keeps it paused; resolves to when it is to be tried again and whether it was paused just now. */
export async function pauseBinding(
  trx: Executor,
  id: BindingId,
  failure: { readonly kind: string; readonly detail: string },
  now: number,
): Promise<{ readonly probeAt: number; readonly isNew: boolean } | undefined> {
  const row = await trx.selectFrom('binding').select('paused_at').where('id', '=', id).executeTakeFirst()
  if (row === undefined) return undefined
  const isNew = row.paused_at === null
  const probeAt = now + (isNew ? FIRST_PROBE_AFTER : PROBE_EVERY)
  await trx
    .updateTable('binding')
    .set({
      pause_kind: failure.kind,
      pause_detail: failure.detail.slice(0, MAX_DETAIL),
      paused_at: row.paused_at ?? now,
      probe_at: probeAt,
    })
    .where('id', '=', id)
    .execute()
  return { probeAt, isNew }
}

/** Resolves to whether the binding was paused. */
export async function endPause(trx: Executor, id: BindingId): Promise<boolean> {
  const result = await trx
    .updateTable('binding')
    .set(NO_PAUSE)
    .where('id', '=', id)
    .where('paused_at', 'is not', null)
    .executeTakeFirst()
  return result.numUpdatedRows > 0n
}

export const NO_PAUSE = { pause_kind: null, pause_detail: null, paused_at: null, probe_at: null } as const

export function rowToPause(
  row: Pick<Selectable<BindingTable>, 'pause_kind' | 'pause_detail' | 'paused_at' | 'probe_at'>,
): Pause | null {
  if (row.paused_at === null) return null
  return {
    kind: row.pause_kind ?? 'unknown',
    detail: row.pause_detail ?? '',
    since: Number(row.paused_at),
    probeAt: Number(row.probe_at ?? 0),
  }
}
