import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import Sqlite from 'better-sqlite3'
import type { Transaction } from 'kysely'
import { Kysely, sql, SqliteDialect } from 'kysely'
import { Migrator } from 'kysely/migration'
import * as foundation from './migrations/0001-foundation.ts'
import * as hooks from './migrations/0002-hooks.ts'
import * as adaptiveReconcile from './migrations/0003-adaptive-reconcile.ts'
import * as forgeAccess from './migrations/0004-forge-access.ts'
import * as twoWay from './migrations/0005-two-way.ts'
import * as notifications from './migrations/0006-notifications.ts'
import * as sshKeys from './migrations/0007-ssh-keys.ts'
import * as audit from './migrations/0008-audit.ts'
import * as tokens from './migrations/0009-tokens.ts'
import * as listPages from './migrations/0010-list-pages.ts'
import type { Tables } from './schema.ts'
import { keepStatements } from './statements.ts'

export type Database = Kysely<Tables>
/** A transaction, or the database itself where one statement is all there is. */
export type Executor = Database | Transaction<Tables>
/** What a caller has written in the transaction of a verb, such as the entry about it in the audit log. */
export type Alongside<Value> = (trx: Executor, value: Value) => Promise<void>

// A static record instead of a folder scan: the code decides which migrations exist.
const migrations = {
  '0001-foundation': foundation,
  '0002-hooks': hooks,
  '0003-adaptive-reconcile': adaptiveReconcile,
  '0004-forge-access': forgeAccess,
  '0005-two-way': twoWay,
  '0006-notifications': notifications,
  '0007-ssh-keys': sshKeys,
  '0008-audit': audit,
  '0009-tokens': tokens,
  '0010-list-pages': listPages,
}

// better-sqlite3 waits synchronously for another process's lock, and the whole daemon with it.
const BUSY_TIMEOUT_MS = 200

/** Opens the SQLite file, creates it and its folder when missing, and brings its schema up to date. */
export async function openDatabase(file: string): Promise<Database> {
  const db = new Kysely<Tables>({ dialect: new SqliteDialect({ database: keepStatements(openFile(file)) }) })
  try {
    await refuseNewer(db, file)
    await migrate(db)
    return db
  } catch (error) {
    await db.destroy()
    throw error
  }
}

function openFile(file: string): Sqlite.Database {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    // SQLite would create it readable for everybody; its journal files take over the mode.
    closeSync(openSync(file, 'a', 0o600))
    // A restored copy may be readable for everybody again.
    chmodSync(file, 0o600)
    const sqlite = new Sqlite(file, { timeout: BUSY_TIMEOUT_MS })
    sqlite.pragma('journal_mode = WAL')
    // Said explicitly: in WAL mode the bundled SQLite defaults to NORMAL at the first write,
    // and then an answered webhook could vanish with the power.
    sqlite.pragma('synchronous = FULL')
    sqlite.pragma('foreign_keys = ON')
    sqlite.pragma('journal_size_limit = 67108864')
    // Statement journals of multi-row inserts; what must survive is in the WAL.
    sqlite.pragma('temp_store = MEMORY')
    return sqlite
  } catch (error) {
    throw new Error(`opening the database ${file}`, { cause: error })
  }
}

/** An older program would misread what a newer one wrote. */
async function refuseNewer(db: Database, file: string): Promise<void> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true })
  if (!tables.some(({ name }) => name === 'kysely_migration')) return
  const { rows } = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(db)
  const unknown = rows.find(({ name }) => !Object.hasOwn(migrations, name))
  if (unknown === undefined) return
  throw new Error(
    `the database ${file} belongs to a newer version of reposync (it has the migration ${unknown.name}); ` +
      'start that version, or restore a copy from before the upgrade',
  )
}

async function migrate(db: Database): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: () => Promise.resolve(migrations) } })
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined) throw new Error('bringing the database schema up to date', { cause: error })
}
