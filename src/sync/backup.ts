import { open, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Side } from '../binding/binding.ts'
import { copyTo, initBare, listLocalRefs } from '../git/mirror-repository.ts'
import type { Copy } from '../git/mirror-repository.ts'
import type { RefName, Sha } from '../git/refs.ts'
import { removeLeftovers, whenFree } from './fence.ts'
import { toFileFailure } from './file-failure.ts'
import type { SyncContext } from './context.ts'
import { repositoryDir, trackingRef } from './mirror.ts'
import { failedOn } from './outcome.ts'
import type { Failed } from './outcome.ts'
import type { Backup, BackupReason } from './sync.ts'

// Heads that are taken away are kept in a repository of their own: a mirror may be thrown away, a backup never is.

/** A head that the mirror holds and that a side is about to lose. */
export type Doomed = { readonly ref: RefName; readonly sha: Sha; readonly reason: BackupReason }

type Kept = { readonly ok: true } | Failed

/** Copies heads out of the mirror to where nothing removes them; resolves when they are on the disk and written down. */
export async function keepHeads(context: SyncContext, side: Side, doomed: readonly Doomed[]): Promise<Kept> {
  if (doomed.length === 0) return { ok: true }
  try {
    return await context.timed('backup', () => keepAll(context, side, doomed))
  } catch (error) {
    const failure = toFileFailure(error)
    if (failure === undefined) throw error
    return failedOn(undefined, failure)
  }
}

async function keepAll(context: SyncContext, side: Side, doomed: readonly Doomed[]): Promise<Kept> {
  const { deps, mirror, signal } = context
  const vault = repositoryDir(deps.backupDir, context.request.subject)
  if (!(await exists(join(vault, 'HEAD')))) await initBare(vault)
  const known = await listLocalRefs(deps.git, vault, 'refs/backup/', signal)
  if (!known.ok) return failedOn(undefined, known.failure)
  const folder = await unusedFolder(vault, deps.clock.now())
  const earlier = new Map(
    Array.from(known.refs, ([old, head]) => [`${old.replace(/^refs\/backup\/[^/]+\//, '')} ${head}`, old]),
  )
  const backups = doomed.map(({ ref, sha, reason }): Backup => {
    const name = trackingRef(side, ref).replace(/^refs\//, '')
    // Kept already, by an attempt that did not come to its end.
    return { side, ref, sha, reason, backupRef: earlier.get(`${name} ${sha}`) ?? `${folder}/${name}` }
  })
  const copies = backups
    .filter(({ backupRef }) => !known.refs.has(backupRef))
    .map(({ sha, backupRef }) => ({ sha, ref: backupRef }))
  if (copies.length > 0) {
    // A copy that a crash broke off may have been large, and nothing else ever tidies up here.
    await removeLeftovers(context, vault)
    const copied = await whenFree(
      context,
      () => copyTo(deps.git, mirror, vault, copies, { durable: true, signal }),
      vault,
    )
    if (!copied.ok) return failedOn(undefined, copied.failure)
    await flushFolders(vault, copies)
  }
  for (const { backupRef, sha } of backups) context.log('INFO', `备份 / backup: ${backupRef} ${sha}`)
  await context.recordBackups(backups)
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
async function flushFolders(vault: string, copies: readonly Copy[]): Promise<void> {
  const folders = new Set([join(vault, 'objects', 'pack'), join(vault, 'objects'), dirname(vault)])
  for (const { ref } of copies) {
    for (let folder = dirname(join(vault, ref)); folder !== dirname(vault); folder = dirname(folder))
      folders.add(folder)
  }
  for (const path of [join(vault, 'HEAD'), join(vault, 'config'), ...folders]) {
    await using file = await open(path, 'r')
    await file.sync()
  }
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}
