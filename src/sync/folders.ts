import { chmod, lstat, mkdir, stat } from 'node:fs/promises'
import type { SyncDeps } from './context.ts'

const STICKY = 0o1000

/**
 * Creates the folders for mirrors and backups, readable by this service only. Rejects with a sentence for the
 * operator when one of them belongs to somebody else, who could otherwise plant configuration for git in it.
 */
export async function prepareFolders(deps: Pick<SyncDeps, 'syncDir' | 'backupDir'>): Promise<void> {
  await preparePrivateFolder('SYNC_DIR', deps.syncDir)
  await preparePrivateFolder('the backup folder', deps.backupDir)
}

async function preparePrivateFolder(name: string, path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw new Error(`${name} ${path} cannot be made`, { cause: error })
  })
  // The name itself counts too: in a shared folder such as /tmp a link may have been put there by anybody.
  const link = await lstat(path.replace(/(?<=.)\/+$/, ''))
  const folder = await stat(path)
  const me = process.getuid?.()
  const foreign = [link.uid, folder.uid].find((owner) => owner !== me)
  if (me !== undefined && foreign !== undefined) {
    throw new Error(`${name} ${path} belongs to user ${foreign}, not to this service (user ${me})`)
  }
  // Closing `/tmp` itself would stop everybody else who works there.
  if ((folder.mode & STICKY) !== 0) throw new Error(`${name} ${path} is shared; name a folder below it`)
  if ((folder.mode & 0o077) !== 0) await chmod(path, 0o700)
}
