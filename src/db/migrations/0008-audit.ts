import type { Kysely } from 'kysely'
import { sql } from 'kysely'
import { addIndex, isPostgres, withId } from '../definition.ts'

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
  await addIndex(db, 'audit_log', ['at', 'id'])
  for (const column of ['action', 'object_type', 'object_id', 'object_name', 'actor', 'outcome']) {
    await addIndex(db, 'audit_log', [column, 'at', 'id'])
  }
  await addIndex(db, 'audit_log', ['object_type', 'action', 'at', 'id'])
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
