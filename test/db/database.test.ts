import { execFile } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { sql } from 'kysely'
import { expect, onTestFinished, test } from 'vitest'
import type { Database } from '../../src/db/database.ts'
import { openDatabase } from '../../src/db/database.ts'

function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'reposync-db-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return folder
}

async function opened(file: string): Promise<Database> {
  const db = await openDatabase(file)
  onTestFinished(() => db.destroy())
  return db
}

function token(name: string) {
  return { name, role: 'read', hash: name, created_at: 0 } as const
}

test('a database is created with its folder, for its owner only', async () => {
  const file = join(emptyFolder(), 'deep', 'reposync.db')

  const db = await opened(file)
  await db.insertInto('token').values(token('one')).execute()

  const modes = [join(file, '..'), file, `${file}-wal`].map((path) => statSync(path).mode & 0o777)
  expect(modes).toEqual([0o700, 0o600, 0o600])
})

test('a database that was copied for everybody to read is private again once it is opened', async () => {
  const file = join(emptyFolder(), 'reposync.db')
  await (await openDatabase(file)).destroy()
  chmodSync(file, 0o644)

  await opened(file)

  expect(statSync(file).mode & 0o777).toBe(0o600)
})

test('opening a database again changes nothing in it', async () => {
  const file = join(emptyFolder(), 'reposync.db')
  const first = await openDatabase(file)
  await first.insertInto('token').values(token('one')).execute()
  await first.destroy()

  const db = await opened(file)

  const names = await db.selectFrom('token').select('name').execute()
  expect(names).toEqual([{ name: 'one' }])
})

test('every commit is on the disk before it returns', async () => {
  const folder = emptyFolder()
  const flushes = async (commits: number): Promise<number> => {
    const trace = join(folder, `trace-${commits}`)
    const script = `
      import { openDatabase } from ${JSON.stringify(new URL('../../src/db/database.ts', import.meta.url))}
      const db = await openDatabase(${JSON.stringify(join(folder, `${commits}.db`))})
      for (let i = 0; i < ${commits}; i++) {
        const row = { name: String(i), role: 'read', hash: String(i), created_at: 0 }
        await db.insertInto('token').values(row).execute()
      }
      await db.destroy()`
    const node = [process.execPath, '--input-type=module', '--eval', script]
    await promisify(execFile)('strace', ['-f', '-e', 'trace=fsync,fdatasync', '-o', trace, ...node])
    return readFileSync(trace, 'utf8').match(/f(?:data)?sync\(/g)?.length ?? 0
  }

  const [withNone, withTwenty] = [await flushes(0), await flushes(20)]

  expect(withTwenty - withNone).toBeGreaterThanOrEqual(20)
})

test('a deleted row gives its id to no other', async () => {
  const db = await opened(join(emptyFolder(), 'reposync.db'))
  await db.insertInto('token').values(token('one')).execute()
  await db.deleteFrom('token').execute()

  await db.insertInto('token').values(token('two')).execute()

  expect(await db.selectFrom('token').select('id').execute()).toEqual([{ id: 2 }])
})

test('a database of a newer version is refused with a sentence that says so', async () => {
  const file = join(emptyFolder(), 'reposync.db')
  const newer = await openDatabase(file)
  await sql`insert into kysely_migration (name, timestamp) values ('9999-future', '2030')`.execute(newer)
  await newer.destroy()

  const opening = openDatabase(file)

  await expect(opening).rejects.toThrow(
    `the database ${file} belongs to a newer version of reposync (it has the migration 9999-future); ` +
      'start that version, or restore a copy from before the upgrade',
  )
})

test('a file that is no database is left as it is', async () => {
  const file = join(emptyFolder(), 'reposync.db')
  writeFileSync(file, 'these are my notes, not a database\n'.repeat(100))

  const opening = openDatabase(file)

  await expect(opening).rejects.toThrow(`opening the database ${file}`)
  expect(readFileSync(file, 'utf8')).toMatch(/^these are my notes/)
})
