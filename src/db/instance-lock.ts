import { closeSync, existsSync, mkdirSync, openSync, realpathSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import Sqlite from 'better-sqlite3'

/**
 * Keeps a second daemon off the same database file until it is disposed or the process dies in any way.
 * Throws when another one is there: two daemons would execute each other's runs.
 */
export function lockInstance(file: string): Disposable {
  return lock(
    file,
    `another reposync works on the database ${file} already; stop it, or give this one another DATABASE_URL`,
  )
}

/** The same for the folder of mirrors: daemons with data of their own would end each other's git in it. */
export function lockMirrors(syncDir: string): MirrorLock {
  const take = (): FileLock =>
    lock(
      join(syncDir, '.mirrors'),
      `another reposync keeps its mirrors in ${syncDir} already; stop it, or give this one another SYNC_DIR`,
    )
  let held = take()
  return {
    renew: () => {
      if (held.isInPlace()) return
      const next = take()
      held[Symbol.dispose]()
      held = next
    },
    [Symbol.dispose]: () => held[Symbol.dispose](),
  }
}

type MirrorLock = Disposable & {
  /** Takes the lock again where its file was removed; throws when another daemon was faster. */
  readonly renew: () => void
}

type FileLock = Disposable & {
  /** Whether whoever comes next would meet this lock. */
  readonly isInPlace: () => boolean
}

function lock(file: string, refusal: string): FileLock {
  const held = openLock(file)
  if (!tryLock(held)) {
    held.close()
    throw new Error(refusal)
  }
  const { ino } = statSync(held.name)
  return {
    isInPlace: () => statSync(held.name, { throwIfNoEntry: false })?.ino === ino,
    [Symbol.dispose]: () => void held.close(),
  }
}

function openLock(file: string): Sqlite.Database {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    const lockFile = `${existsSync(file) ? realpathSync(file) : file}.lock`
    // Nobody else may hold it: whoever can read a file can lock it.
    closeSync(openSync(lockFile, 'a', 0o600))
    return new Sqlite(lockFile, { timeout: 0 })
  } catch (error) {
    throw new Error(`opening the database ${file}`, { cause: error })
  }
}

/** An open exclusive transaction is a lock that the kernel takes back with the process; nothing is written. */
function tryLock(lock: Sqlite.Database): boolean {
  try {
    lock.exec('begin exclusive')
    return true
  } catch (error) {
    if (error instanceof Sqlite.SqliteError && error.code.startsWith('SQLITE_BUSY')) return false
    lock.close()
    throw new Error(`locking ${lock.name}`, { cause: error })
  }
}
