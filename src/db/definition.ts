import type { CreateTableBuilder, Kysely } from 'kysely'

// What migrations say alike on every dialect.

/** Adds the primary key. AUTOINCREMENT, because an id names folders and is handed out: it must never come back. */
export function withId(
  table: CreateTableBuilder<string>,
  db: Kysely<unknown>,
): CreateTableBuilder<string, 'id'> {
  return isPostgres(db)
    ? table.addColumn('id', 'serial', (c) => c.primaryKey())
    : table.addColumn('id', 'integer', (c) => c.primaryKey().autoIncrement())
}

export async function addIndex(
  db: Kysely<unknown>,
  table: string,
  columns: readonly string[],
): Promise<void> {
  await db.schema
    .createIndex(`${table}_${columns.join('_')}_index`)
    .on(table)
    .columns([...columns])
    .execute()
}

export function isPostgres(db: Kysely<unknown>): boolean {
  return db.getExecutor().adapter.constructor.name === 'PostgresAdapter'
}
