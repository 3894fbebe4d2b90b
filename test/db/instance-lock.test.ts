import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openDatabase } from '../../src/db/database.ts'
import { lockInstance } from '../../src/db/instance-lock.ts'

function databaseFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'reposync-lock-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return join(folder, 'reposync.db')
}

/** Another process that holds the lock until it is killed. */
async function otherProcess(file: string) {
  const script = `
    import { lockInstance } from ${JSON.stringify(new URL('../../src/db/instance-lock.ts', import.meta.url))}
    globalThis.lock = lockInstance(${JSON.stringify(file)})
    process.stdout.write('locked')
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }
  onTestFinished(kill)
  await once(child.stdout, 'data')
  return { kill }
}

test('a second daemon on the same database is told so in one sentence', async () => {
  const file = databaseFile()
  await otherProcess(file)

  const locking = () => lockInstance(file)

  expect(locking).toThrow(
    `another reposync works on the database ${file} already; stop it, or give this one another DATABASE_URL`,
  )
})

test('a second name of the same database is locked too', async () => {
  const file = databaseFile()
  await (await openDatabase(file)).destroy()
  symlinkSync(file, `${file}-link`)
  using _lock = lockInstance(file)

  const locking = () => lockInstance(`${file}-link`)

  expect(locking).toThrow(/^another reposync works on/)
})

test('the lock dies with its process', async () => {
  const file = databaseFile()
  const other = await otherProcess(file)
  await other.kill()

  using lock = lockInstance(file)

  expect(lock).toBeDefined()
})

test('a lock that is given back can be taken again', () => {
  const file = databaseFile()
  lockInstance(file)[Symbol.dispose]()

  using lock = lockInstance(file)

  expect(lock).toBeDefined()
})

test('the lock does not keep its own process from the database', async () => {
  const file = databaseFile()
  using _lock = lockInstance(file)

  const db = await openDatabase(file)
  onTestFinished(() => db.destroy())

  expect(await db.selectFrom('token').selectAll().execute()).toEqual([])
})
