import type { CreateTableBuilder, Kysely } from 'kysely'

/** Adds the primary key. AUTOINCREMENT, because an id names folders and is handed out: it must never come back. */
export function withId(
  table: CreateTableBuilder<string>,
  db: Kysely<unknown>,
): CreateTableBuilder<string, 'id'> {
  const isPostgres = db.getExecutor().adapter.constructor.name === 'PostgresAdapter'
  return isPostgres
    ? table.addColumn('id', 'serial', (c) => c.primaryKey())
    : table.addColumn('id', 'integer', (c) => c.primaryKey().autoIncrement())
}
