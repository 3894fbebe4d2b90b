import type { Selectable } from 'kysely'
import { HOUR, MINUTE } from '../clock.ts'
import type { Executor } from '../db/database.ts'
import type { BindingTable } from '../db/schema.ts'
import type { BindingId } from '../ids.ts'
import type { Pause } from './binding.ts'

// A failure that nobody can mend from here, such as a revoked token, is tried once more soon, in case it was a slip
// of the forge. The second one in a row pauses the binding: asking again and again would lock accounts and drown
// what matters. Then it is tried seldom; a change of token or address, a sync by hand that works, or enabling it
// ends the pause.

const FIRST_PROBE_AFTER = 1 * MINUTE
const PROBE_EVERY = 1 * HOUR
const MAX_DETAIL = 2000

/** Notes such a failure; resolves to whether it has paused the binding just now. */
export async function noteHopeless(
  trx: Executor,
  id: BindingId,
  failure: { readonly kind: string; readonly detail: string },
  now: number,
): Promise<boolean> {
  const row = await trx
    .selectFrom('binding')
    .select(['pause_kind', 'paused_at'])
    .where('id', '=', id)
    .executeTakeFirst()
  if (row === undefined) return false
  const isFirst = row.pause_kind === null
  await trx
    .updateTable('binding')
    .set({
      pause_kind: failure.kind,
      pause_detail: failure.detail.slice(0, MAX_DETAIL),
      paused_at: isFirst ? null : (row.paused_at ?? now),
      probe_at: now + (isFirst ? FIRST_PROBE_AFTER : PROBE_EVERY),
    })
    .where('id', '=', id)
    .execute()
  return !isFirst && row.paused_at === null
}

/** What went wrong is over; resolves to whether the binding was paused. */
export async function endPause(trx: Executor, id: BindingId): Promise<boolean> {
  const row = await trx
    .selectFrom('binding')
    .select(['pause_kind', 'paused_at'])
    .where('id', '=', id)
    .executeTakeFirst()
  if (row === undefined || row.pause_kind === null) return false
  await trx.updateTable('binding').set(NO_PAUSE).where('id', '=', id).execute()
  return row.paused_at !== null
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
