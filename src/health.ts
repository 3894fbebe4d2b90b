import { statfs } from 'node:fs/promises'
import type { Database } from './db/database.ts'
import type { Health } from './http.ts'

/** Whether this service can do its work now; a forge that is down is not its fault and does not count. */
export async function checkHealth(deps: {
  readonly db: Database
  readonly folders: readonly string[]
  /** What each folder's disk must have left. */
  readonly minimumFreeBytes: number
  readonly isStopping: boolean
}): Promise<Health> {
  const problems = [
    ...((await canWrite(deps.db)) ? [] : ['database']),
    ...((await hasSpace(deps.folders, deps.minimumFreeBytes)) ? [] : ['disk']),
    ...(deps.isStopping ? ['stopping'] : []),
  ]
  return problems.length === 0 ? { status: 'ok' } : { status: 'degraded', problems }
}

// Takes the write lock and changes nothing.
async function canWrite(db: Database): Promise<boolean> {
  try {
    await db.deleteFrom('token').where('id', '=', -1).execute()
    return true
  } catch {
    return false
  }
}

async function hasSpace(folders: readonly string[], minimumFreeBytes: number): Promise<boolean> {
  const left = await Promise.all(
    folders.map(async (folder) => {
      const { bavail, bsize } = await statfs(folder)
      return bavail * bsize
    }),
  )
  return left.every((bytes) => bytes >= minimumFreeBytes)
}
