import type { Selectable } from 'kysely'
import type { Clock } from '../clock.ts'
import type { Alongside, Database, Executor } from '../db/database.ts'
import { countRows } from '../db/page.ts'
import type { Page } from '../db/page.ts'
import type { SshKeyTable } from '../db/credential-schema.ts'
import { SshKeyId } from '../ids.ts'
import type { Logger } from '../log.ts'
import { toMaterial } from './key-material.ts'
import type { KeySource, KeyTools } from './key-material.ts'
import { isKeyName } from './ssh-key.ts'
import type { FindKeyUsers, KeyUser, SshKey } from './ssh-key.ts'
import { sshKeyExists, sshKeyInUse, sshKeyNameRefused, sshKeyUnknown } from './ssh-key-error.ts'
import type { Vault } from './vault.ts'

// SSH keys at rest. A private key goes in and comes out for a sync only; its passphrase is used once, when
// the key comes in, and never kept.

export type SshKeyDeps = KeyTools & {
  readonly db: Database
  readonly clock: Clock
  readonly vault: Vault
  /** Every room that may name a key. */
  readonly keyUsers: readonly FindKeyUsers[]
}

export type NewSshKey = { readonly name: string; readonly description: string; readonly source: KeySource }

/** What is left out stays. */
export type SshKeyChange = {
  readonly name: string | undefined
  readonly description: string | undefined
  readonly source: KeySource | undefined
}

/** A key with everybody who uses it. */
export type UsedSshKey = SshKey & { readonly usedBy: readonly KeyUser[] }

/** Throws `ssh_key_name`, `ssh_key_exists`, or what is wrong with the key: `ssh_key_…`. */
export async function createSshKey(
  deps: SshKeyDeps,
  { name, description, source }: NewSshKey,
  alongside: Alongside<SshKey>,
): Promise<SshKey> {
  if (!isKeyName(name)) throw sshKeyNameRefused()
  const material = await toMaterial(deps, source)
  const now = deps.clock.now()
  return deps.db.transaction().execute(async (trx) => {
    const inserted = await trx
      .insertInto('ssh_key')
      // Its ciphertext is bound to the id, which is known only now.
      .values({ name, description, ...material.row, private_key: '', created_at: now, updated_at: now })
      .onConflict((conflict) => conflict.column('name').doNothing())
      .returning('id')
      .executeTakeFirst()
    if (inserted === undefined) throw sshKeyExists(name)
    const key = await update(trx, SshKeyId.parse(inserted.id), {
      private_key: deps.vault.seal(material.privateKey, purpose(inserted.id)),
    })
    await alongside(trx, key)
    return key
  })
}

/** Oldest first. */
export async function listSshKeys(
  { db, keyUsers }: Pick<SshKeyDeps, 'db' | 'keyUsers'>,
  { page, pageSize }: Page,
): Promise<{ readonly keys: readonly UsedSshKey[]; readonly total: number }> {
  const total = await countRows(db.selectFrom('ssh_key'))
  const rows = await db
    .selectFrom('ssh_key')
    .selectAll()
    .orderBy('id')
    .limit(pageSize)
    .offset((page - 1) * pageSize)
    .execute()
  return { keys: await withUsers(db, keyUsers, rows.map(rowToSshKey)), total }
}

/** Throws `ssh_key_unknown`. */
export async function getSshKey(
  { db, keyUsers }: Pick<SshKeyDeps, 'db' | 'keyUsers'>,
  id: SshKeyId,
): Promise<UsedSshKey> {
  const key = await requireSshKey(db, id)
  const [used] = await withUsers(db, keyUsers, [key])
  return used ?? { ...key, usedBy: [] }
}

/**
 * Changes a key in place; with a new source everybody who names it uses the new one from the next sync on.
 * Throws as `createSshKey`, or `ssh_key_unknown`.
 */
export async function updateSshKey(
  deps: SshKeyDeps,
  id: SshKeyId,
  { name, description, source }: SshKeyChange,
  alongside: Alongside<{ readonly before: SshKey; readonly after: SshKey }>,
): Promise<SshKey> {
  if (name !== undefined && !isKeyName(name)) throw sshKeyNameRefused()
  await requireSshKey(deps.db, id)
  const material = source === undefined ? undefined : await toMaterial(deps, source)
  return deps.db.transaction().execute(async (trx) => {
    const before = await requireSshKey(trx, id)
    if (name !== undefined && name !== before.name && (await isNameTaken(trx, name))) throw sshKeyExists(name)
    const after = await update(trx, id, {
      name: name ?? before.name,
      description: description ?? before.description,
      updated_at: deps.clock.now(),
      ...material?.row,
      ...(material === undefined ? {} : { private_key: deps.vault.seal(material.privateKey, purpose(id)) }),
    })
    await alongside(trx, { before, after })
    return after
  })
}

/** Throws `ssh_key_unknown`, or `ssh_key_in_use` with those who would be left without a key. */
export async function deleteSshKey(
  { db, keyUsers }: Pick<SshKeyDeps, 'db' | 'keyUsers'>,
  id: SshKeyId,
  alongside: Alongside<SshKey>,
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const key = await requireSshKey(trx, id)
    const [used] = await withUsers(trx, keyUsers, [key])
    if (used !== undefined && used.usedBy.length > 0) throw sshKeyInUse(used.usedBy)
    await trx.deleteFrom('ssh_key').where('id', '=', id).execute()
    await alongside(trx, key)
  })
}

/** The key itself, for git; undefined when there is none of this id. */
export async function findSshKey(
  { db, vault }: { readonly db: Executor; readonly vault: Vault },
  id: SshKeyId,
): Promise<{ readonly privateKey: string } | undefined> {
  const row = await db
    .selectFrom('ssh_key')
    .select(['name', 'private_key'])
    .where('id', '=', id)
    .executeTakeFirst()
  if (row === undefined) return undefined
  try {
    return { privateKey: vault.open(row.private_key, purpose(id)) }
  } catch (cause) {
    throw new Error(`opening the SSH key ${row.name}`, { cause })
  }
}

/** Throws `ssh_key_unknown`. */
export async function requireSshKey(db: Executor, id: SshKeyId): Promise<SshKey> {
  const row = await db.selectFrom('ssh_key').selectAll().where('id', '=', id).executeTakeFirst()
  if (row === undefined) throw sshKeyUnknown(id)
  return rowToSshKey(row)
}

/** Tells at the start when the secret key is not the one that stored SSH keys were sealed with. */
export async function warnOfLostSshKeys(deps: {
  readonly db: Database
  readonly vault: Vault
  readonly logger: Logger
}): Promise<void> {
  const rows = await deps.db.selectFrom('ssh_key').select(['id', 'name', 'private_key']).execute()
  const unreadable = rows.filter(({ id, private_key: sealed }) => {
    try {
      deps.vault.open(sealed, purpose(id))
      return false
    } catch {
      return true
    }
  })
  if (unreadable.length === 0) return
  deps.logger.error(
    { keys: unreadable.length, first: unreadable[0]?.name },
    'stored SSH keys cannot be read with this SECRET_KEY: put the former key back, or rotate them',
  )
}

async function update(
  trx: Executor,
  id: SshKeyId,
  change: Partial<Omit<Selectable<SshKeyTable>, 'id'>>,
): Promise<SshKey> {
  const row = await trx
    .updateTable('ssh_key')
    .set(change)
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow()
  return rowToSshKey(row)
}

async function isNameTaken(trx: Executor, name: string): Promise<boolean> {
  return (
    (await trx.selectFrom('ssh_key').select('id').where('name', '=', name).executeTakeFirst()) !== undefined
  )
}

async function withUsers(
  db: Executor,
  keyUsers: readonly FindKeyUsers[],
  keys: readonly SshKey[],
): Promise<readonly UsedSshKey[]> {
  const ids = keys.map(({ id }) => id)
  const found = ids.length === 0 ? [] : await Promise.all(keyUsers.map((find) => find(db, ids)))
  const usersById = Map.groupBy(found.flat(), ({ keyId }) => keyId)
  return keys.map((key) => ({ ...key, usedBy: usersById.get(key.id) ?? [] }))
}

function rowToSshKey(row: Selectable<SshKeyTable>): SshKey {
  return {
    id: SshKeyId.parse(row.id),
    name: row.name,
    description: row.description,
    type: row.key_type,
    publicKey: row.public_key,
    fingerprint: row.fingerprint,
    hasPassphrase: row.has_passphrase === 1,
    createdAt: Number(row.created_at),
    updatedAt: Number(row.updated_at),
  }
}

function purpose(id: number): string {
  return `ssh_key:${id}`
}
