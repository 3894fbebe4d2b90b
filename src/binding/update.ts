import type { Updateable } from 'kysely'
import type { Clock } from '../clock.ts'
import type { Alongside, Executor } from '../db/database.ts'
import type { BindingTable } from '../db/schema.ts'
import type { Address } from './address.ts'
import { readAddress } from './address.ts'
import type { Binding, Direction, Granularity, Side } from './binding.ts'
import { bindingSubject, SIDES } from './binding.ts'
import { addressRefused, bindingUnknown, tokenWouldMove } from './binding-error.ts'
import {
  acceptAddress,
  getBinding,
  insertAddressKeys,
  refuseSameRepository,
  rowToBinding,
} from './bindings.ts'
import type { BindingDeps, PerSide } from './bindings.ts'
import { credentialColumns, sidesOfMovedTokens, warnOfOpenTokens } from './credential.ts'
import { forgetDefaultBranches } from './default-branches.ts'
import { NO_PAUSE } from './pause.ts'
import { pairsAlike } from './rules.ts'
import type { SideKeys } from './credential.ts'
import { requireKeys } from './side-keys.ts'
import type { Rules } from './rules.ts'
import { checkRules } from './rules-check.ts'

/** What is left out stays; an empty token takes the token away. */
export type BindingChange = {
  readonly enabled?: boolean
  readonly direction?: Direction
  readonly granularity?: Granularity
  readonly addresses?: PerSide
  readonly tokens?: PerSide
  /** SSH keys to log in with in place of a token; null: none. */
  readonly keys?: SideKeys
  readonly rules?: Partial<Rules>
  /** Whether a token that is left as it was may go to another server; whoever names that server can read it there. */
  readonly mayMoveTokens?: boolean
  /** End a pause although nothing else has changed. */
  readonly resume?: boolean
}

export type Updated = {
  readonly before: Binding
  readonly after: Binding
  /** A pause has ended with this change. */
  readonly isResumed: boolean
}

/**
 * Changes a binding. When its refs get other partners, because of another repository or other names, what both
 * sides had agreed on proves nothing any more and is forgotten. A side has one credential: a token takes the
 * place of a key, and a key that of a token. Throws `binding_unknown`, `address_…`, `token`, `token_would_move`,
 * `rules`, `ssh_key_unknown` or `ssh_key_address`.
 */
export async function updateBinding(
  deps: BindingDeps,
  name: string,
  change: BindingChange,
  alongside: Alongside<Updated> = () => Promise.resolve(),
): Promise<Updated> {
  const now = deps.clock.now()
  const updated = await deps.db.transaction().execute(async (trx): Promise<Updated> => {
    const before = await getBinding(trx, name)
    const { set, addresses } = planUpdate(deps, before, change)
    await requireKeys(trx, addresses, change.keys)
    const row = await trx
      .updateTable('binding')
      .set({ ...set, reconcile_at: now, updated_at: now })
      .where('id', '=', before.id)
      .returningAll()
      .executeTakeFirstOrThrow()
    const after = rowToBinding(row)
    const [movedToken] = sidesOfMovedTokens(before, after, change.tokens ?? NO_TOKENS)
    if (movedToken !== undefined && change.mayMoveTokens !== true) throw tokenWouldMove(movedToken)
    const hasMoved = after.internal.url !== before.internal.url || after.external.url !== before.external.url
    if (hasMoved) {
      await trx.deleteFrom('binding_address').where('binding_id', '=', before.id).execute()
      await insertAddressKeys(trx, before.id, addresses)
    }
    if (hasMoved || after.granularity !== before.granularity || !pairsAlike(before.rules, after.rules)) {
      await forget(trx, before)
    }
    const changed = { before, after, isResumed: before.pause !== null && after.pause === null }
    await alongside(trx, changed)
    return changed
  })
  const { before, after } = updated
  for (const side of sidesOfMovedTokens(before, after, change.tokens ?? NO_TOKENS)) {
    const { host } = after[side]
    deps.logger.warn({ binding: after.name, side, host }, 'a stored token now goes to another server')
  }
  warnOfOpenTokens(deps, updated.after)
  return updated
}

/** Throws `binding_unknown`. Enabling ends a pause too. */
export async function setEnabled(
  deps: { readonly db: Executor; readonly clock: Clock },
  name: string,
  enabled: boolean,
): Promise<void> {
  const now = deps.clock.now()
  const result = await deps.db
    .updateTable('binding')
    .set({ enabled: enabled ? 1 : 0, updated_at: now, ...(enabled ? NO_PAUSE : {}) })
    .where('name', '=', name)
    .executeTakeFirst()
  if (result.numUpdatedRows === 0n) throw bindingUnknown(name)
}

const NO_TOKENS: PerSide = { internal: undefined, external: undefined }

function planUpdate(
  deps: BindingDeps,
  before: Binding,
  change: BindingChange,
): {
  readonly set: Updateable<BindingTable>
  readonly addresses: Readonly<Record<Side, Address>>
} {
  const internal = changedAddress(deps, before, 'internal', change.addresses)
  const external = changedAddress(deps, before, 'external', change.addresses)
  refuseSameRepository(internal, external)
  const direction = change.direction ?? before.direction
  const rules = { ...before.rules, ...change.rules }
  checkRules(rules, direction)
  const tokens = change.tokens ?? NO_TOKENS
  const access = SIDES.flatMap((side) => [tokens[side], change.addresses?.[side], change.keys?.[side]])
  const endsPause =
    change.resume === true || change.enabled === true || access.some((value) => value !== undefined)
  return {
    addresses: { internal, external },
    set: {
      direction,
      granularity: change.granularity ?? before.granularity,
      enabled: (change.enabled ?? before.enabled) ? 1 : 0,
      rules: JSON.stringify(rules),
      internal_address: internal.display,
      external_address: external.display,
      internal_host: internal.host,
      external_host: external.host,
      ...credentialColumns(deps.vault, before.name, change),
      ...(endsPause ? NO_PAUSE : {}),
    },
  }
}

function changedAddress(
  deps: BindingDeps,
  before: Binding,
  side: Side,
  addresses: PerSide | undefined,
): Address {
  const text = addresses?.[side]
  if (text !== undefined) return acceptAddress(deps, side, text)
  const stored = readAddress(before[side].address)
  if (stored.kind === 'refused') throw addressRefused(side, stored)
  return stored.address
}

async function forget(trx: Executor, binding: Binding): Promise<void> {
  const subject = bindingSubject(binding.id)
  await trx.deleteFrom('agreed_ref').where('subject', '=', subject).execute()
  await trx.deleteFrom('missing_ref').where('subject', '=', subject).execute()
  await forgetDefaultBranches(trx, binding.id)
}
