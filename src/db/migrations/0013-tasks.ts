import type { Kysely } from 'kysely'
import { addIndex, withId } from '../definition.ts'

export async function up(db: Kysely<unknown>): Promise<void> {
  await withId(db.schema.createTable('task'), db)
    .addColumn('name', 'text', (c) => c.notNull().unique())
    .addColumn('repository_id', 'integer', (c) => c.notNull().references('repository.id'))
    .addColumn('sync_mode', 'text', (c) => c.notNull())
    .addColumn('source_remote', 'text', (c) => c.notNull())
    .addColumn('source_branch', 'text')
    .addColumn('source_host', 'text', (c) => c.notNull())
    .addColumn('source_endpoint', 'text', (c) => c.notNull())
    .addColumn('target_remote', 'text', (c) => c.notNull())
    .addColumn('target_branch', 'text')
    .addColumn('target_host', 'text', (c) => c.notNull())
    .addColumn('target_endpoint', 'text', (c) => c.notNull())
    .addColumn('push_options', 'text', (c) => c.notNull())
    .addColumn('enabled', 'integer', (c) => c.notNull())
    .addColumn('cron_expression', 'text')
    .addColumn('timezone', 'text')
    .addColumn('cron_next_at', 'bigint')
    .addColumn('ends', 'text')
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('updated_at', 'bigint', (c) => c.notNull())
    .execute()
  await addIndex(db, 'task', ['repository_id'])
  await addIndex(db, 'task', ['cron_next_at'])
}
