import type { Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('binding_forge')
    .addColumn('binding_id', 'integer', (c) => c.notNull().references('binding.id').onDelete('cascade'))
    .addColumn('side', 'text', (c) => c.notNull())
    .addColumn('forge', 'text', (c) => c.notNull())
    .addColumn('address', 'text', (c) => c.notNull())
    .addColumn('api_url', 'text')
    .addColumn('api_token', 'text', (c) => c.notNull())
    .addColumn('is_mirror', 'integer', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('binding_forge_side', ['binding_id', 'side'])
    .execute()
}
