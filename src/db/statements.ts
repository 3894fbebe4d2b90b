import type Sqlite from 'better-sqlite3'
import type { SqliteDatabase, SqliteStatement } from 'kysely'

// Statements differ by their text, and lists of different length make different texts.
const KEPT_STATEMENTS = 300

/**
 * The database with its most recent statements kept ready: preparing one costs more than most of ours take
 * to run. Every statement runs to its end within one call, so none is ever in use twice.
 */
export function keepStatements(sqlite: Sqlite.Database): SqliteDatabase {
  const statements = new Map<string, SqliteStatement>()
  return {
    prepare: (text) => {
      const kept = statements.get(text)
      const statement = kept ?? sqlite.prepare<unknown[]>(text)
      // Last in, last out: the first of the map is the one that was not used for longest.
      if (kept !== undefined) statements.delete(text)
      statements.set(text, statement)
      if (statements.size > KEPT_STATEMENTS) {
        const [oldest = text] = statements.keys()
        statements.delete(oldest)
      }
      return statement
    },
    close: () => {
      statements.clear()
      sqlite.close()
    },
  }
}
