import { warnOfLostKey } from './binding/credential.ts'
import { createVault, loadSecretKey } from './credential/vault.ts'
import type { SecretKeySource, Vault } from './credential/vault.ts'
import type { Database } from './db/database.ts'
import type { Logger } from './log.ts'

/** The vault of all stored secrets. Rejects when its key is missing; warns when it is another one than before. */
export async function openVault(
  { db, logger }: { readonly db: Database; readonly logger: Logger },
  source: SecretKeySource,
): Promise<Vault> {
  const vault = createVault(loadSecretKey({ logger, mayMakeKey: !(await holdsSecrets(db)) }, source))
  await warnOfLostKey({ db, vault, logger })
  return vault
}

/** Whether anything is stored that only the key of before can open. */
async function holdsSecrets(db: Database): Promise<boolean> {
  const sealed = await Promise.all([
    db.selectFrom('binding').select('id').where('internal_credential', 'is not', null).executeTakeFirst(),
    db.selectFrom('binding').select('id').where('external_credential', 'is not', null).executeTakeFirst(),
    db.selectFrom('ssh_key').select('id').executeTakeFirst(),
    db.selectFrom('hook').select('id').executeTakeFirst(),
    db.selectFrom('binding_forge').select('side').where('api_token', '!=', '').executeTakeFirst(),
    db.selectFrom('notification_channel').select('id').executeTakeFirst(),
  ])
  return sealed.some((row) => row !== undefined)
}
