import type { Kysely } from 'kysely'
import { withId } from '../definition.ts'

export async function up(db: Kysely<unknown>): Promise<void> {
  await withId(db.schema.createTable('hook'), db)
    .addColumn('slug', 'text', (c) => c.notNull().unique())
    .addColumn('forge', 'text', (c) => c.notNull())
    // What a deleted binding leaves behind is still to be removed at the forge.
    .addColumn('binding_id', 'integer', (c) => c.references('binding.id').onDelete('set null'))
    .addColumn('side', 'text', (c) => c.notNull())
    .addColumn('address', 'text', (c) => c.notNull())
    .addColumn('secret', 'text', (c) => c.notNull())
    .addColumn('previous_secret', 'text')
    .addColumn('previous_until', 'bigint')
    .addColumn('api_token', 'text', (c) => c.notNull())
    .addColumn('api_url', 'text')
    .addColumn('forge_hook_id', 'text')
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('last_delivery_at', 'bigint')
    .addColumn('last_status', 'text')
    .addColumn('problem', 'text')
    .addColumn('checked_at', 'bigint')
    .addColumn('history_at', 'bigint', (c) => c.notNull())
    .addColumn('abandoned_at', 'bigint')
    .addUniqueConstraint('hook_binding_side', ['binding_id', 'side'])
    .execute()
  await db.schema.alterTable('delivery').addColumn('hook_id', 'integer').execute()
}
