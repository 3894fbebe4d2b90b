import type { Kysely } from 'kysely'
import { withId } from '../definition.ts'

export async function up(db: Kysely<unknown>): Promise<void> {
  await withId(db.schema.createTable('repository'), db)
    .addColumn('name', 'text', (c) => c.notNull().unique())
    .addColumn('path', 'text', (c) => c.notNull())
    .addColumn('real_path', 'text', (c) => c.notNull().unique())
    .addColumn('ssh_key_id', 'integer')
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('updated_at', 'bigint', (c) => c.notNull())
    .execute()
}
