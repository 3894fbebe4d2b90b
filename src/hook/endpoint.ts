import type { Side } from '../binding/binding.ts'
import type { Clock } from '../clock.ts'
import type { Vault } from '../credential/vault.ts'
import type { Database, Executor } from '../db/database.ts'
import type { HookTable } from '../db/schema.ts'
import type { BindingId } from '../ids.ts'
import { HookId } from '../ids.ts'
import { openSecrets } from './secrets.ts'

// What the intake of deliveries needs to know of hooks, and what it tells about them.

export type HookEndpoint = {
  readonly id: HookId
  /** Those that may have signed a delivery now: two during a rotation. */
  readonly secrets: readonly string[]
}

/** Undefined when no binding has a hook at `/webhooks/<forge>/<slug>`. */
export async function findEndpoint(
  deps: { readonly db: Database; readonly vault: Vault; readonly clock: Clock },
  forge: string,
  slug: string,
): Promise<HookEndpoint | undefined> {
  const row = await deps.db
    .selectFrom('hook')
    .select(['id', 'slug', 'secret', 'previous_secret', 'previous_until'])
    .where('slug', '=', slug)
    .where('forge', '=', forge)
    .where('binding_id', 'is not', null)
    .executeTakeFirst()
  if (row === undefined) return undefined
  return { id: HookId.parse(row.id), secrets: openSecrets(deps, row) }
}

/** The hook of one side of a binding. */
export type SideHook = {
  readonly id: HookId
  /** The repository at whose forge it is known to be: made there, or seen delivering. */
  readonly registeredFor: string | undefined
}

/** The hooks of the bindings, by binding and side. */
export async function hooksOf(
  db: Executor,
  bindings: readonly BindingId[],
): Promise<(binding: BindingId, side: Side) => SideHook | undefined> {
  if (bindings.length === 0) return () => undefined
  const rows = await db
    .selectFrom('hook')
    .select(['id', 'binding_id', 'side', 'address', 'forge_hook_id', 'last_delivery_at'])
    .where('binding_id', 'in', bindings)
    .execute()
  const hooks = new Map(
    rows.map((row) => [
      `${row.binding_id ?? ''} ${row.side}`,
      { id: HookId.parse(row.id), registeredFor: isKnownThere(row) ? row.address : undefined },
    ]),
  )
  return (binding, side) => hooks.get(`${binding} ${side}`)
}

function isKnownThere(row: Pick<HookTable, 'forge_hook_id' | 'last_delivery_at'>): boolean {
  return row.forge_hook_id !== null || row.last_delivery_at !== null
}

/** Remembers what became of the last delivery of each hook. */
export async function recordArrivals(
  db: Executor,
  arrivals: readonly {
    readonly hook: HookId | null
    readonly status: NonNullable<HookTable['last_status']>
  }[],
  now: number,
): Promise<void> {
  const lastByHook = new Map(
    arrivals.flatMap(({ hook, status }) => (hook === null ? [] : [[hook, status] as const])),
  )
  for (const [hook, status] of lastByHook) {
    await db
      .updateTable('hook')
      .set({ last_delivery_at: now, last_status: status })
      .where('id', '=', hook)
      .execute()
  }
}
