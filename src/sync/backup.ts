import { open, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Side } from '../binding/binding.ts'
import type { GitOutcome } from '../git/git-error.ts'
import { copyTo, initBare } from '../git/mirror-repository.ts'
import { whenFree } from './fence.ts'
import { toFileFailure } from './file-failure.ts'
import type { SyncContext } from './context.ts'
import { repositoryDir, trackingRef } from './mirror.ts'
import { failedOn } from './outcome.ts'
import type { Failed } from './outcome.ts'
import type { Listing } from './plan.ts'
import type { Backup } from './sync.ts'

// Overwritten heads are kept in a repository of their own: a mirror may be thrown away, a backup never is.

/** Copies heads out of the mirror to where nothing removes them; resolves when they are on the disk. */
export async function keepHeads(
  context: SyncContext,
  side: Side,
  heads: Listing,
): Promise<{ readonly ok: true; readonly backups: readonly Backup[] } | Failed> {
  if (heads.size === 0) return { ok: true, backups: [] }
  try {
    return await context.timed('backup', () => keepAll(context, side, heads))
  } catch (error) {
    const failure = toFileFailure(error)
    if (failure === undefined) throw error
    return failedOn(undefined, failure)
  }
}

async function keepAll(
  context: SyncContext,
  side: Side,
  heads: Listing,
): Promise<{ readonly ok: true; readonly backups: readonly Backup[] } | Failed> {
  const vault = repositoryDir(context.deps.backupDir, context.request.subject)
  if (!(await exists(join(vault, 'HEAD')))) await initBare(vault)
  const folder = await unusedFolder(vault, context.deps.clock.now())
  const backups: Backup[] = []
  for (const [ref, sha] of heads) {
    const backup = { side, ref, sha, backupRef: `${folder}/${trackingRef(side, ref).replace(/^refs\//, '')}` }
    const kept = await keepHead(context, vault, backup)
    if (!kept.ok) return failedOn(undefined, kept.failure)
    backups.push(backup)
    context.log('INFO', `备份 / backup: ${backup.backupRef} ${sha}`)
  }
  return { ok: true, backups }
}

async function keepHead(context: SyncContext, vault: string, backup: Backup): Promise<GitOutcome<object>> {
  const { deps, mirror, signal } = context
  const copied = await whenFree(
    context,
    () => copyTo(deps.git, mirror, vault, { sha: backup.sha, ref: backup.backupRef, durable: true, signal }),
    vault,
  )
  if (!copied.ok) return copied
  await flushFolders(vault, backup.backupRef)
  return { ok: true }
}

/** `refs/backup/20260131T080000-1`; the number tells apart what was kept within one second. */
async function unusedFolder(vault: string, now: number): Promise<string> {
  const time = new Date(now).toISOString().slice(0, 19).replace(/[-:]/g, '')
  for (let number = 1; ; number += 1) {
    const folder = `refs/backup/${time}-${number}`
    if (!(await exists(join(vault, folder)))) return folder
  }
}

// Git flushes the files it writes but not the folders that name them.
async function flushFolders(vault: string, ref: string): Promise<void> {
  const folders = [join(vault, 'objects', 'pack'), join(vault, 'objects')]
  for (let folder = dirname(join(vault, ref)); folder !== dirname(vault); folder = dirname(folder))
    folders.push(folder)
  for (const path of [join(vault, 'HEAD'), join(vault, 'config'), ...folders, dirname(vault)]) {
    await using file = await open(path, 'r')
    await file.sync()
  }
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}
