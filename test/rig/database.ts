import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDatabase } from '../../src/db/database.ts'
import type { Database } from '../../src/db/database.ts'

export type TestDatabase = AsyncDisposable & { readonly db: Database; readonly file: string }

/** A real SQLite file of its own, with the current schema; disposing it closes and removes it. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const folder = await mkdtemp(join(tmpdir(), 'rs-db-'))
  const file = join(folder, 'reposync.db')
  const db = await openDatabase(file)
  return {
    db,
    file,
    [Symbol.asyncDispose]: async () => {
      await db.destroy()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
