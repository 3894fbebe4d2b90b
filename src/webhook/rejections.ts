import type { Clock } from '../clock.ts'
import type { Database } from '../db/database.ts'
import type { Signature } from '../forge/forge.ts'
import { recordArrivals } from '../hook/endpoint.ts'
import type { HookId } from '../ids.ts'

/** A delivery that was not taken in: listed without its body. */
export type Rejection = {
  readonly forge: string
  readonly reason: string
  readonly detail: string
  readonly signature: Signature
  readonly remoteAddress: string | null
  /** The hook it came to. */
  readonly hook: HookId | null
}

// Anyone who reaches the port can be rejected, so the list must not grow with them.
const KEPT_REJECTIONS = 1000

export async function storeRejections(
  deps: { readonly db: Database; readonly clock: Clock },
  rejections: readonly Rejection[],
): Promise<readonly true[]> {
  const now = deps.clock.now()
  await deps.db.transaction().execute(async (trx) => {
    await trx
      .insertInto('delivery')
      .values(
        rejections.map(({ forge, reason, detail, signature, remoteAddress, hook }) => ({
          forge,
          received_at: now,
          remote_address: remoteAddress,
          status: 'rejected' as const,
          reason,
          detail,
          signature,
          changes: '[]',
          bindings: '[]',
          hook_id: hook,
        })),
      )
      .execute()
    const arrivals = rejections.map(({ hook }) => ({ hook, status: 'rejected' as const }))
    await recordArrivals(trx, arrivals, now)
    await trx
      .deleteFrom('delivery')
      .where('status', '=', 'rejected')
      .where('id', '<=', (eb) =>
        eb
          .selectFrom('delivery as kept')
          .select('kept.id')
          .where('kept.status', '=', 'rejected')
          .orderBy('kept.id', 'desc')
          .limit(1)
          .offset(KEPT_REJECTIONS),
      )
      .execute()
  })
  return rejections.map(() => true)
}
