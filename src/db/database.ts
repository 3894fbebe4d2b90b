import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import Sqlite from 'better-sqlite3'
import type { Transaction } from 'kysely'
import { Kysely, SqliteDialect } from 'kysely'
import { Migrator } from 'kysely/migration'
import * as foundation from './migrations/0001-foundation.ts'
import type { Tables } from './schema.ts'

export type Database = Kysely<Tables>
/** A transaction, or the database itself where one statement is all there is. */
export type Executor = Database | Transaction<Tables>

// A static record instead of a folder scan: the code decides which migrations exist.
const migrations = {
  '0001-foundation': foundation,
}

// better-sqlite3 waits synchronously for another process's lock, and the whole daemon with it.
const BUSY_TIMEOUT_MS = 200

/** Opens the SQLite file, creates it and its folder when missing, and brings its schema up to date. */
export async function openDatabase(file: string): Promise<Database> {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const sqlite = new Sqlite(file, { timeout: BUSY_TIMEOUT_MS })
  sqlite.pragma('journal_mode = WAL')
  // Said explicitly: in WAL mode the bundled SQLite defaults to NORMAL at the first write,
  // and then an answered webhook could vanish with the power.
  sqlite.pragma('synchronous = FULL')
  sqlite.pragma('foreign_keys = ON')
  sqlite.pragma('journal_size_limit = 67108864')
  const db = new Kysely<Tables>({ dialect: new SqliteDialect({ database: sqlite }) })
  await migrate(db)
  return db
}

async function migrate(db: Database): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: () => Promise.resolve(migrations) } })
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined) throw new Error('bringing the database schema up to date', { cause: error })
}
