import type { FindKeyUsers } from '../credential/ssh-key.ts'
import { requireSshKey } from '../credential/ssh-keys.ts'
import type { Executor } from '../db/database.ts'
import { SshKeyId } from '../ids.ts'
import type { Address } from './address.ts'
import type { Side } from './binding.ts'
import { SIDES } from './binding.ts'
import { keyNeedsSsh } from './binding-error.ts'
import type { SideKeys } from './credential.ts'

// SSH keys that sides of bindings name in place of a credential of their own.

/** Throws `ssh_key_unknown`, or `ssh_key_address` where an address does not speak SSH. */
export async function requireKeys(
  trx: Executor,
  addresses: Readonly<Record<Side, Address>>,
  keys: SideKeys = {},
): Promise<void> {
  for (const side of SIDES) {
    const key = keys[side]
    if (key === undefined || key === null) continue
    await requireSshKey(trx, key)
    if (addresses[side].scheme !== 'ssh') throw keyNeedsSsh()
  }
}

/** The sides of bindings that name one of these keys. */
export const bindingsUsingKeys: FindKeyUsers = async (db, ids) => {
  const rows = await db
    .selectFrom('binding')
    .select(['name', 'internal_ssh_key_id', 'external_ssh_key_id'])
    .where((eb) => eb.or([eb('internal_ssh_key_id', 'in', ids), eb('external_ssh_key_id', 'in', ids)]))
    .orderBy('id')
    .execute()
  return rows.flatMap((row) =>
    SIDES.flatMap((side) => {
      const keyId = row[`${side}_ssh_key_id`]
      const isAsked = keyId !== null && ids.some((id) => id === keyId)
      return isAsked ? [{ keyId: SshKeyId.parse(keyId), type: 'binding', name: row.name, place: side }] : []
    }),
  )
}
