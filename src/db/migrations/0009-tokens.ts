import type { Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const column of ['expires_at', 'last_used_at'] as const) {
    await db.schema.alterTable('token').addColumn(column, 'bigint').execute()
  }
  await db.schema.alterTable('token').addColumn('prefix', 'text').execute()
  // The audit log names who did something, so a name must mean one token.
  await db.schema.createIndex('token_name_index').on('token').column('name').unique().execute()
}
