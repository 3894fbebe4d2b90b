import type { Insertable, Selectable } from 'kysely'
import type { Clock } from '../clock.ts'
import type { Vault } from '../credential/vault.ts'
import type { Database, Executor } from '../db/database.ts'
import { countRows } from '../db/page.ts'
import type { BindingAddressTable, BindingTable } from '../db/schema.ts'
import { BindingId, SshKeyId } from '../ids.ts'
import type { Logger } from '../log.ts'
import type { Address, AddressRules } from './address.ts'
import { endpointOf, parseAddress, readAddress } from './address.ts'
import { addressKeys } from './address-key.ts'
import type { Binding, BindingSide, Direction, Granularity, Side } from './binding.ts'
import { bindingSubject, SIDES } from './binding.ts'
import {
  addressRefused,
  bindingExists,
  bindingNameRefused,
  bindingUnknown,
  sameRepository,
} from './binding-error.ts'
import { credentialColumns, warnOfOpenTokens } from './credential.ts'
import type { SideKeys } from './credential.ts'
import { rowToPause } from './pause.ts'
import { DEFAULT_RULES, readRules } from './rules.ts'
import type { Rules } from './rules.ts'
import { checkRules } from './rules-check.ts'
import { requireKeys } from './side-keys.ts'

export type BindingDeps = {
  readonly db: Database
  readonly clock: Clock
  readonly vault: Vault
  readonly addressRules: AddressRules
  readonly logger: Logger
  /** 0: bindings are never compared without being asked. */
  readonly reconcileIntervalMs: number
}

export type NewBinding = {
  readonly name: string
  readonly enabled: boolean
  readonly granularity: Granularity
  readonly direction: Direction
  readonly addresses: Readonly<Record<Side, string>>
  readonly tokens: PerSide
  readonly keys?: SideKeys
  readonly rules?: Rules
}

export type PerSide = Readonly<Record<Side, string | undefined>>

export type Page = { readonly page: number; readonly pageSize: number; readonly newestFirst: boolean }

// No control characters, half characters, line ends, or marks that turn the reading direction.
const NAME = /^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]{1,200}$/u

/** Throws `binding_name`, `address_…`, `token`, `rules`, `ssh_key_unknown`, `ssh_key_address` or `binding_exists`. */
export async function createBinding(deps: BindingDeps, input: NewBinding): Promise<Binding> {
  if (!isBindingName(input.name)) throw bindingNameRefused()
  const internal = acceptAddress(deps, 'internal', input.addresses.internal)
  const external = acceptAddress(deps, 'external', input.addresses.external)
  refuseSameRepository(internal, external)
  const rules = input.rules ?? DEFAULT_RULES
  checkRules(rules, input.direction)
  const now = deps.clock.now()
  const row: Insertable<BindingTable> = {
    name: input.name,
    enabled: input.enabled ? 1 : 0,
    granularity: input.granularity,
    direction: input.direction,
    internal_address: internal.display,
    external_address: external.display,
    internal_host: internal.host,
    external_host: external.host,
    ...credentialColumns(deps.vault, input.name, input),
    rules: JSON.stringify(rules),
    reconcile_at: now + deps.reconcileIntervalMs,
    created_at: now,
    updated_at: now,
  }
  const created = await deps.db.transaction().execute(async (trx) => {
    await requireKeys(trx, { internal, external }, input.keys)
    const inserted = await trx
      .insertInto('binding')
      .values(row)
      .onConflict((conflict) => conflict.column('name').doNothing())
      .returningAll()
      .executeTakeFirst()
    if (inserted === undefined) throw bindingExists(input.name)
    await insertAddressKeys(trx, inserted.id, { internal, external })
    return rowToBinding(inserted)
  })
  warnOfOpenTokens(deps, created)
  return created
}

export async function listBindings(
  deps: { readonly db: Database },
  { page, pageSize, newestFirst }: Page,
): Promise<{ readonly bindings: readonly Binding[]; readonly total: number }> {
  const total = await countRows(deps.db.selectFrom('binding'))
  const rows = await deps.db
    .selectFrom('binding')
    .selectAll()
    .orderBy('id', newestFirst ? 'desc' : 'asc')
    .limit(pageSize)
    .offset((page - 1) * pageSize)
    .execute()
  return { bindings: rows.map(rowToBinding), total }
}

export async function findBinding(db: Executor, id: BindingId): Promise<Binding | undefined> {
  const row = await db.selectFrom('binding').selectAll().where('id', '=', id).executeTakeFirst()
  return row === undefined ? undefined : rowToBinding(row)
}

/** Throws `binding_unknown` when there is none of this name. */
export async function getBinding(db: Executor, name: string): Promise<Binding> {
  const row = await db.selectFrom('binding').selectAll().where('name', '=', name).executeTakeFirst()
  if (row === undefined) throw bindingUnknown(name)
  return rowToBinding(row)
}

/**
 * Removes the binding, its branch bindings and what both sides had agreed on, and returns what it was:
 * runs that wait for it and its mirror are the caller's to clean up. Throws `binding_unknown`.
 */
export async function deleteBinding(deps: { readonly db: Database }, name: string): Promise<Binding> {
  return deps.db.transaction().execute(async (trx) => {
    const binding = await getBinding(trx, name)
    await trx.deleteFrom('agreed_ref').where('subject', '=', bindingSubject(binding.id)).execute()
    await trx.deleteFrom('missing_ref').where('subject', '=', bindingSubject(binding.id)).execute()
    await trx.deleteFrom('binding').where('id', '=', binding.id).execute()
    return binding
  })
}

export function rowToBinding(row: Selectable<BindingTable>): Binding {
  return {
    id: BindingId.parse(row.id),
    name: row.name,
    enabled: row.enabled === 1,
    granularity: row.granularity,
    direction: row.direction,
    internal: storedSide(row.name, row.internal_address, row.internal_credential, row.internal_ssh_key_id),
    external: storedSide(row.name, row.external_address, row.external_credential, row.external_ssh_key_id),
    rules: readRules(row.rules),
    pause: rowToPause(row),
    createdAt: Number(row.created_at),
    updatedAt: Number(row.updated_at),
  }
}

function storedSide(
  name: string,
  address: string,
  credential: string | null,
  sshKeyId: number | null,
): BindingSide {
  const parsed = readAddress(address)
  if (parsed.kind === 'refused')
    throw new Error(`the stored address of the binding ${name}: ${parsed.detail.en}`)
  const { url, host } = parsed.address
  return {
    address,
    url,
    host,
    endpoint: endpointOf(parsed.address),
    hasCredential: credential !== null,
    sshKeyId: sshKeyId === null ? null : SshKeyId.parse(sshKeyId),
  }
}

// Any name that %-escapes carry through a URL; it never becomes a path. Clients resolve the two dots away.
function isBindingName(name: string): boolean {
  return NAME.test(name) && name === name.trim() && name !== '.' && name !== '..'
}

export function acceptAddress(deps: BindingDeps, side: Side, text: string): Address {
  const parsed = parseAddress(text, deps.addressRules)
  if (parsed.kind === 'refused') throw addressRefused(side, parsed)
  return parsed.address
}

// Two ports may be two forges, and so may a web and an ssh address of one host.
export function refuseSameRepository(internal: Address, external: Address): void {
  const externalKeys = addressKeys(external.display)
  const isSame = addressKeys(internal.display).some((key) =>
    externalKeys.some(
      (other) =>
        other.exactKey === key.exactKey &&
        other.webPort === key.webPort &&
        (key.webPort !== null || internal.port === external.port),
    ),
  )
  if (isSame) throw sameRepository()
}

export async function insertAddressKeys(
  trx: Executor,
  bindingId: number,
  addresses: Readonly<Record<Side, Address>>,
): Promise<void> {
  const rows = SIDES.flatMap((side) =>
    addressKeys(addresses[side].display).map((key): Insertable<BindingAddressTable> => ({
      binding_id: bindingId,
      side,
      match_key: key.matchKey,
      exact_key: key.exactKey,
      web_port: key.webPort,
    })),
  )
  await trx.insertInto('binding_address').values(rows).execute()
}
