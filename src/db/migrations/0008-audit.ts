import type { CreateTableBuilder, Kysely } from 'kysely'
import { sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await withId(db.schema.createTable('audit_log'), db)
    .addColumn('at', 'bigint', (c) => c.notNull())
    .addColumn('actor', 'text', (c) => c.notNull())
    .addColumn('role', 'text')
    .addColumn('address', 'text')
    .addColumn('user_agent', 'text')
    .addColumn('request_id', 'text')
    .addColumn('action', 'text', (c) => c.notNull())
    .addColumn('object_type', 'text', (c) => c.notNull())
    .addColumn('object_id', 'text')
    .addColumn('object_name', 'text')
    .addColumn('before', 'text')
    .addColumn('after', 'text')
    .addColumn('outcome', 'text', (c) => c.notNull())
    .addColumn('reason', 'text')
    .execute()
  // Each filter finds and orders its rows within one index.
  await index(db, ['at', 'id'])
  for (const column of ['action', 'object_type', 'object_id', 'object_name', 'actor', 'outcome']) {
    await index(db, [column, 'at', 'id'])
  }
  await index(db, ['object_type', 'action', 'at', 'id'])
  await forbidChanges(db)
}

// No program needs to change an entry, and a person who does it by hand has to take this away first.
async function forbidChanges(db: Kysely<unknown>): Promise<void> {
  if (isPostgres(db)) {
    await sql`create function audit_log_refuse() returns trigger language plpgsql as $$
      begin raise exception 'the audit log is append-only'; end $$`.execute(db)
    await sql`create trigger audit_log_append_only before update or delete or truncate on audit_log
      for each statement execute function audit_log_refuse()`.execute(db)
    return
  }
  await sql`create trigger audit_log_no_update before update on audit_log
    begin select raise(abort, 'the audit log is append-only'); end`.execute(db)
  await sql`create trigger audit_log_no_delete before delete on audit_log
    begin select raise(abort, 'the audit log is append-only'); end`.execute(db)
  // "insert or replace" deletes without asking the trigger above.
  await sql`create trigger audit_log_no_replace before insert on audit_log
    when exists (select 1 from audit_log where id = new.id)
    begin select raise(abort, 'the audit log is append-only'); end`.execute(db)
}

async function index(db: Kysely<unknown>, columns: readonly string[]): Promise<void> {
  await db.schema
    .createIndex(`audit_log_${columns.join('_')}_index`)
    .on('audit_log')
    .columns([...columns])
    .execute()
}

function withId(table: CreateTableBuilder<string>, db: Kysely<unknown>): CreateTableBuilder<string, 'id'> {
  return isPostgres(db)
    ? table.addColumn('id', 'serial', (c) => c.primaryKey())
    : table.addColumn('id', 'integer', (c) => c.primaryKey().autoIncrement())
}

function isPostgres(db: Kysely<unknown>): boolean {
  return db.getExecutor().adapter.constructor.name === 'PostgresAdapter'
}
