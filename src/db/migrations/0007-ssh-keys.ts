import type { Kysely } from 'kysely'
import { withId } from '../definition.ts'

export async function up(db: Kysely<unknown>): Promise<void> {
  await withId(db.schema.createTable('ssh_key'), db)
    .addColumn('name', 'text', (c) => c.notNull().unique())
    .addColumn('description', 'text', (c) => c.notNull())
    .addColumn('key_type', 'text', (c) => c.notNull())
    .addColumn('public_key', 'text', (c) => c.notNull())
    .addColumn('fingerprint', 'text', (c) => c.notNull())
    .addColumn('private_key', 'text', (c) => c.notNull())
    .addColumn('has_passphrase', 'integer', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('updated_at', 'bigint', (c) => c.notNull())
    .execute()
  for (const side of ['internal', 'external']) {
    await db.schema
      .alterTable('binding')
      // The database itself keeps a key from going while somebody needs it.
      .addColumn(`${side}_ssh_key_id`, 'integer', (c) => c.references('ssh_key.id').onDelete('restrict'))
      .execute()
  }
  await db.schema
    .alterTable('host_key')
    .addColumn('trusted_by', 'text', (c) => c.notNull().defaultTo('first_use'))
    .execute()
}

// AUTOINCREMENT: the id is handed out, and must never mean another key.
