import type { Binding, Side } from '../binding/binding.ts'
import { bindingSubject, SIDES } from '../binding/binding.ts'
import { allowTry } from '../binding/default-branches.ts'
import type { ForgeName } from '../forge/forge.ts'
import { ForgeNameText } from './hook.ts'
import { findSideHook, openHook } from './hooks.ts'
import type { HookStore } from './hooks.ts'

// How the forge of a side is asked about its repository: with a token that was given for just that, or
// with the one of the side's hook.

export type ForgeAccess = {
  readonly forge: ForgeName
  /** Null: derived from the address. */
  readonly apiUrl: string | null
  readonly apiToken: string
  /** Nobody has to give a token twice. */
  readonly from: 'access' | 'hook'
  /** The forge itself fills this side from the other one. */
  readonly isMirror: boolean
}

/** Undefined when there is none, or when it was given for another repository than the side has now. */
export async function findAccess(
  deps: HookStore,
  binding: Binding,
  side: Side,
): Promise<ForgeAccess | undefined> {
  const { address } = binding[side]
  const row = await deps.db
    .selectFrom('binding_forge')
    .selectAll()
    .where('binding_id', '=', binding.id)
    .where('side', '=', side)
    .where('address', '=', address)
    .executeTakeFirst()
  if (row !== undefined) {
    return {
      forge: ForgeNameText.parse(row.forge),
      apiUrl: row.api_url,
      apiToken: openToken(deps, binding, side, row.api_token),
      from: 'access',
      isMirror: row.is_mirror === 1,
    }
  }
  const hook = await findSideHook(deps, binding, side)
  if (hook?.address !== address) return undefined
  const { apiToken } = await openHook(deps, hook)
  if (apiToken === undefined) return undefined
  return { forge: hook.forge, apiUrl: hook.apiUrl, apiToken, from: 'hook', isMirror: false }
}

/** Keeps it for the repository that the side has now, in place of what was kept before. */
export async function storeAccess(
  deps: HookStore,
  binding: Binding,
  side: Side,
  { forge, apiUrl, apiToken, isMirror }: Omit<ForgeAccess, 'from'>,
): Promise<void> {
  const kept = {
    forge,
    address: binding[side].address,
    api_url: apiUrl,
    api_token: deps.vault.seal(apiToken, purpose(binding, side)),
    is_mirror: isMirror ? (1 as const) : (0 as const),
  }
  await deps.db.transaction().execute(async (trx) => {
    await trx
      .insertInto('binding_forge')
      .values({ binding_id: binding.id, side, created_at: deps.clock.now(), ...kept })
      .onConflict((conflict) => conflict.columns(['binding_id', 'side']).doUpdateSet(kept))
      .execute()
    await allowTry(trx, binding.id, side)
    // What git had made equal says nothing of a side that is filled without it.
    if (isMirror) {
      await trx.deleteFrom('agreed_ref').where('subject', '=', bindingSubject(binding.id)).execute()
    }
  })
}

/** Whether there was one. */
export async function deleteAccess(
  { db }: Pick<HookStore, 'db'>,
  binding: Pick<Binding, 'id'>,
  side: Side,
): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('binding_forge')
    .where('binding_id', '=', binding.id)
    .where('side', '=', side)
    .executeTakeFirst()
  return numDeletedRows > 0n
}

export async function listAccess(
  deps: HookStore,
  binding: Binding,
): Promise<readonly { readonly side: Side; readonly access: ForgeAccess }[]> {
  const found = await Promise.all(
    SIDES.map(async (side) => ({ side, access: await findAccess(deps, binding, side) })),
  )
  return found.flatMap(({ side, access }) => (access === undefined ? [] : [{ side, access }]))
}

function openToken(
  { vault }: Pick<HookStore, 'vault'>,
  binding: Pick<Binding, 'id' | 'name'>,
  side: Side,
  sealed: string,
): string {
  try {
    return vault.open(sealed, purpose(binding, side))
  } catch (cause) {
    throw new Error(`opening the ${side} API token of the binding ${binding.name}`, { cause })
  }
}

function purpose({ id }: Pick<Binding, 'id'>, side: Side): string {
  return `binding_forge:${id}:${side}`
}
