import type { Clock } from '../clock.ts'
import type { Database, Executor } from '../db/database.ts'
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

type Deps = {
  readonly db: Database
  readonly clock: Clock
  /** Tells people of them, in the same transaction. */
  readonly tell: (trx: Executor, rejected: readonly ToldRejection[], now: number) => Promise<void>
}

type ToldRejection = Pick<Rejection, 'forge' | 'reason'> & {
  readonly binding: { readonly id: number; readonly name: string } | null
}

export async function storeRejections(
  deps: Deps,
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
    await deps.tell(trx, await withBindings(trx, rejections), now)
  })
  return rejections.map(() => true)
}

async function withBindings(
  trx: Executor,
  rejections: readonly Rejection[],
): Promise<readonly ToldRejection[]> {
  const hooks = rejections.flatMap(({ hook }) => (hook === null ? [] : [hook]))
  const rows =
    hooks.length === 0
      ? []
      : await trx
          .selectFrom('hook')
          .innerJoin('binding', 'binding.id', 'hook.binding_id')
          .select(['hook.id as hook', 'binding.id', 'binding.name'])
          .where('hook.id', 'in', hooks)
          .execute()
  const bindings = new Map(rows.map(({ hook, id, name }) => [hook, { id, name }]))
  return rejections.map(({ forge, reason, hook }) => ({
    forge,
    reason,
    binding: hook === null ? null : (bindings.get(hook) ?? null),
  }))
}
