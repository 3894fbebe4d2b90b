import type { Clock } from '../clock.ts'
import type { FindKeyUsers } from '../credential/ssh-key.ts'
import { requireSshKey } from '../credential/ssh-keys.ts'
import type { Alongside, Database } from '../db/database.ts'
import { SshKeyId } from '../ids.ts'
import { readAddress } from './address.ts'
import type { Binding, Side } from './binding.ts'
import { SIDES } from './binding.ts'
import { keyNeedsSsh } from './binding-error.ts'
import { getBinding, rowToBinding } from './bindings.ts'

// SSH keys that sides of bindings name in place of a credential of their own.

/**
 * Lets a side log in with this key, or with none, from the next sync on. A side has one credential: what was
 * stored for it goes when it names a key. Throws `binding_unknown`, `ssh_key_unknown` or `ssh_key_address`.
 */
export async function setSideKey(
  deps: { readonly db: Database; readonly clock: Clock },
  name: string,
  side: Side,
  id: SshKeyId | null,
  alongside: Alongside<{ readonly before: Binding; readonly after: Binding }> = () => Promise.resolve(),
): Promise<Binding> {
  const now = deps.clock.now()
  return deps.db.transaction().execute(async (trx) => {
    const before = await getBinding(trx, name)
    if (id !== null) {
      await requireSshKey(trx, id)
      if (!isSsh(before[side].address)) throw keyNeedsSsh()
    }
    const row = await trx
      .updateTable('binding')
      .set({
        [`${side}_ssh_key_id`]: id,
        ...(id === null ? {} : { [`${side}_credential`]: null }),
        // Whoever names a key wants to see it work.
        reconcile_at: now,
        updated_at: now,
      })
      .where('id', '=', before.id)
      .returningAll()
      .executeTakeFirstOrThrow()
    const after = rowToBinding(row)
    await alongside(trx, { before, after })
    return after
  })
}

function isSsh(address: string): boolean {
  const parsed = readAddress(address)
  return parsed.kind === 'ok' && parsed.address.scheme === 'ssh'
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
