import { chmod, lstat, mkdir } from 'node:fs/promises'
import type { SyncDeps } from './context.ts'

/**
 * Creates the folders for mirrors and backups, readable by this service only. Rejects with a sentence for the
 * operator when one of them belongs to somebody else, who could otherwise plant configuration for git in it.
 */
export async function prepareFolders(deps: Pick<SyncDeps, 'syncDir' | 'backupDir'>): Promise<void> {
  await preparePrivateFolder('SYNC_DIR', deps.syncDir)
  await preparePrivateFolder('the backup folder', deps.backupDir)
}

async function preparePrivateFolder(name: string, path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 })
  // Of the name itself: in a shared folder such as /tmp a link may have been put there by anybody.
  const found = await lstat(path.replace(/(?<=.)\/+$/, ''))
  const me = process.getuid?.()
  if (me !== undefined && found.uid !== me) {
    throw new Error(`${name} ${path} belongs to user ${found.uid}, not to this service (user ${me})`)
  }
  if (found.isDirectory() && (found.mode & 0o077) !== 0) await chmod(path, 0o700)
}
