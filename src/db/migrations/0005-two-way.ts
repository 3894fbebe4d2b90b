import type { Kysely } from 'kysely'
import { sql } from 'kysely'
import { addIndex, withId } from '../definition.ts'

// What two people at two forges need: rules of a binding, conflicts, and heads that can be brought back.
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('binding')
    .addColumn('rules', 'text', (c) => c.notNull().defaultTo('{}'))
    .execute()
  await db.schema.alterTable('binding').addColumn('pause_kind', 'text').execute()
  await db.schema.alterTable('binding').addColumn('pause_detail', 'text').execute()
  await db.schema.alterTable('binding').addColumn('paused_at', 'bigint').execute()
  await db.schema.alterTable('binding').addColumn('probe_at', 'bigint').execute()

  await db.schema.alterTable('run').addColumn('requested_by', 'text').execute()
  await db.schema
    .alterTable('run')
    .addColumn('dry_run', 'integer', (c) => c.notNull().defaultTo(0))
    .execute()
  for (const side of ['internal', 'external']) {
    await db.schema
      .alterTable('run')
      .addColumn(`${side}_endpoint`, 'text', (c) => c.notNull().defaultTo(''))
      .execute()
  }

  await db.schema
    .alterTable('backup')
    .addColumn('reason', 'text', (c) => c.notNull().defaultTo('force'))
    .execute()
  await db.schema.alterTable('backup').addColumn('actor', 'text').execute()
  await db.schema
    .createIndex('backup_ref_index')
    .on('backup')
    .columns(['subject', 'backup_ref'])
    .unique()
    .execute()
  await addIndex(db, 'backup', ['created_at'])

  await withId(db.schema.createTable('conflict'), db)
    .addColumn('subject', 'text', (c) => c.notNull())
    .addColumn('ref', 'text', (c) => c.notNull())
    .addColumn('external_ref', 'text', (c) => c.notNull())
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('direction', 'text', (c) => c.notNull())
    .addColumn('internal_sha', 'text')
    .addColumn('external_sha', 'text')
    .addColumn('divergence', 'text')
    .addColumn('reason', 'text')
    .addColumn('run_id', 'integer', (c) => c.notNull())
    .addColumn('opened_at', 'bigint', (c) => c.notNull())
    .addColumn('updated_at', 'bigint', (c) => c.notNull())
    .addColumn('closed_at', 'bigint')
    .addColumn('closed_because', 'text')
    .addColumn('closed_by_run', 'integer')
    .execute()
  // A ref is in one conflict at a time, however often it is found.
  await sql`create unique index conflict_one_open on conflict (subject, ref) where closed_at is null`.execute(
    db,
  )
  await addIndex(db, 'conflict', ['subject', 'id'])

  await db.schema
    .createTable('missing_ref')
    .addColumn('subject', 'text', (c) => c.notNull())
    .addColumn('ref', 'text', (c) => c.notNull())
    .addColumn('side', 'text', (c) => c.notNull())
    .addColumn('since', 'bigint', (c) => c.notNull())
    .addColumn('asked_at', 'bigint')
    .addPrimaryKeyConstraint('missing_ref_key', ['subject', 'ref'])
    .execute()
  await addIndex(db, 'missing_ref', ['since'])
  await sql`create index binding_probe on binding (probe_at) where probe_at is not null`.execute(db)
}
