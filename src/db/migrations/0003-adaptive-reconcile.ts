import type { Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('binding').addColumn('reconciled_at', 'bigint').execute()
}
