import type { Insertable, Selectable } from 'kysely'
import type { Binding, Side } from '../binding/binding.ts'
import type { Clock } from '../clock.ts'
import type { Vault } from '../credential/vault.ts'
import type { Database } from '../db/database.ts'
import type { HookTable } from '../db/schema.ts'
import { BindingId, HookId } from '../ids.ts'
import { ForgeNameText } from './hook.ts'
import type { Hook } from './hook.ts'
import { hookUnknown } from './hook-error.ts'
import { openFor, openSecrets, sealFor } from './secrets.ts'

// The records of hooks; what happens at the forge is the business of the verbs beside.

export type HookStore = { readonly db: Database; readonly clock: Clock; readonly vault: Vault }

type NewHook = Pick<Hook, 'slug' | 'forge' | 'side' | 'address' | 'apiUrl'> & {
  readonly bindingId: BindingId
  readonly secret: string
  /** Undefined: a person makes the hook at the forge. */
  readonly apiToken: string | undefined
}

export async function insertHook(deps: HookStore, hook: NewHook): Promise<Hook> {
  const now = deps.clock.now()
  const row: Insertable<HookTable> = {
    slug: hook.slug,
    forge: hook.forge,
    binding_id: hook.bindingId,
    side: hook.side,
    address: hook.address,
    secret: sealFor(deps.vault, hook.slug, 'secret', hook.secret),
    api_token: hook.apiToken === undefined ? '' : sealFor(deps.vault, hook.slug, 'api_token', hook.apiToken),
    api_url: hook.apiUrl,
    created_at: now,
    history_at: now,
  }
  return rowToHook(await deps.db.insertInto('hook').values(row).returningAll().executeTakeFirstOrThrow())
}

/** Throws `hook_unknown` when the binding has none of this id. */
export async function getHook(
  { db }: Pick<HookStore, 'db'>,
  binding: Pick<Binding, 'id'>,
  id: HookId,
): Promise<Hook> {
  const row = await db
    .selectFrom('hook')
    .selectAll()
    .where('binding_id', '=', binding.id)
    .where('id', '=', id)
    .executeTakeFirst()
  if (row === undefined) throw hookUnknown(id)
  return rowToHook(row)
}

export async function findSideHook(
  { db }: Pick<HookStore, 'db'>,
  binding: Pick<Binding, 'id'>,
  side: Side,
): Promise<Hook | undefined> {
  const row = await db
    .selectFrom('hook')
    .selectAll()
    .where('binding_id', '=', binding.id)
    .where('side', '=', side)
    .executeTakeFirst()
  return row === undefined ? undefined : rowToHook(row)
}

export async function listHooks(
  { db }: Pick<HookStore, 'db'>,
  binding: Pick<Binding, 'id'>,
): Promise<readonly Hook[]> {
  const rows = await db
    .selectFrom('hook')
    .selectAll()
    .where('binding_id', '=', binding.id)
    .orderBy('id')
    .execute()
  return rows.map(rowToHook)
}

/** The hooks of all bindings that were not looked at for longest, those first; and which of them may ask for runs. */
export async function listLeastChecked({
  db,
}: Pick<HookStore, 'db'>): Promise<readonly { readonly hook: Hook; readonly isEnabled: boolean }[]> {
  const rows = await db
    .selectFrom('hook')
    .innerJoin('binding', 'binding.id', 'hook.binding_id')
    .selectAll('hook')
    .select('binding.enabled')
    .where('forge_hook_id', 'is not', null)
    .orderBy((eb) => eb.fn.coalesce('checked_at', 'hook.created_at'))
    .execute()
  return rows.map((row) => ({ hook: rowToHook(row), isEnabled: row.enabled === 1 }))
}

/** What deleted bindings have left behind at their forges. */
export async function listAbandoned({ db }: Pick<HookStore, 'db'>): Promise<readonly Hook[]> {
  const rows = await db.selectFrom('hook').selectAll().where('binding_id', 'is', null).execute()
  return rows.map(rowToHook)
}

/** The addresses of all hooks but this one, those that are still to be removed included. */
export async function otherSlugs({ db }: Pick<HookStore, 'db'>, slug: string): Promise<ReadonlySet<string>> {
  const rows = await db.selectFrom('hook').select('slug').where('slug', '!=', slug).execute()
  return new Set(rows.map((row) => row.slug))
}

type HookChange = {
  readonly forgeHookId?: string
  readonly problem?: string | null
  readonly apiToken?: string
  readonly apiUrl?: string | null
  readonly historyAt?: number
  readonly abandonedAt?: number
  /** Checked just now. */
  readonly isChecked?: boolean
}

export async function updateHook(deps: HookStore, hook: Hook, change: HookChange): Promise<Hook> {
  const { forgeHookId, problem, apiToken, apiUrl, historyAt, abandonedAt } = change
  const row = await deps.db
    .updateTable('hook')
    .set({
      // An update has to change something, and this changes nothing.
      slug: hook.slug,
      ...(forgeHookId === undefined ? {} : { forge_hook_id: forgeHookId }),
      ...(problem === undefined ? {} : { problem }),
      ...(apiToken === undefined ? {} : { api_token: sealFor(deps.vault, hook.slug, 'api_token', apiToken) }),
      ...(apiUrl === undefined ? {} : { api_url: apiUrl }),
      ...(historyAt === undefined ? {} : { history_at: historyAt }),
      ...(abandonedAt === undefined ? {} : { abandoned_at: abandonedAt }),
      ...(change.isChecked === true ? { checked_at: deps.clock.now() } : {}),
    })
    .where('id', '=', hook.id)
    .returningAll()
    .executeTakeFirst()
  if (row === undefined) throw hookUnknown(hook.id)
  return rowToHook(row)
}

type SecretsInForce = {
  readonly current: string
  readonly previous: string | null
  readonly previousUntil: number | null
}

/** Makes one secret the current one and lets the other count until then. */
export async function setSecrets(deps: HookStore, hook: Hook, secrets: SecretsInForce): Promise<Hook> {
  const row = await deps.db
    .updateTable('hook')
    .set({
      secret: sealFor(deps.vault, hook.slug, 'secret', secrets.current),
      previous_secret:
        secrets.previous === null ? null : sealFor(deps.vault, hook.slug, 'secret', secrets.previous),
      previous_until: secrets.previousUntil,
    })
    .where('id', '=', hook.id)
    .returningAll()
    .executeTakeFirst()
  if (row === undefined) throw hookUnknown(hook.id)
  return rowToHook(row)
}

export async function deleteHook({ db }: Pick<HookStore, 'db'>, hook: Hook): Promise<void> {
  await db.deleteFrom('hook').where('id', '=', hook.id).execute()
}

/** Takes the hook from its binding: nothing it delivers counts any more, and it waits to be removed at the forge. */
export async function abandonHook({ db }: Pick<HookStore, 'db'>, hook: Hook): Promise<void> {
  await db.updateTable('hook').set({ binding_id: null }).where('id', '=', hook.id).execute()
}

/** The secret with which the forge signs, and the token for its API, if there is one. */
export async function openHook(
  deps: HookStore,
  hook: Hook,
): Promise<{
  readonly secret: string
  /** The one before it, while it still counts. */
  readonly previous: string | null
  readonly apiToken: string | undefined
}> {
  const row = await deps.db
    .selectFrom('hook')
    .select(['slug', 'secret', 'previous_secret', 'previous_until', 'api_token'])
    .where('id', '=', hook.id)
    .executeTakeFirst()
  if (row === undefined) throw hookUnknown(hook.id)
  const [secret, previous = null] = openSecrets(deps, row)
  const apiToken =
    row.api_token === '' ? undefined : openFor(deps.vault, row.slug, 'api_token', row.api_token)
  return { secret, previous, apiToken }
}

function rowToHook(row: Selectable<HookTable>): Hook {
  return {
    id: HookId.parse(row.id),
    slug: row.slug,
    forge: ForgeNameText.parse(row.forge),
    bindingId: row.binding_id === null ? null : BindingId.parse(row.binding_id),
    side: row.side,
    address: row.address,
    apiUrl: row.api_url,
    isManaged: row.api_token !== '',
    forgeHookId: row.forge_hook_id,
    createdAt: row.created_at,
    lastDeliveryAt: row.last_delivery_at,
    lastStatus: row.last_status,
    problem: row.problem,
    checkedAt: row.checked_at,
    previousUntil: row.previous_until,
    historyAt: row.history_at,
    abandonedAt: row.abandoned_at,
  }
}
