import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { GitOutcome } from '../git/git-error.ts'
import { deleteLocalRefs, dropUnreachable, listLocalRefs } from '../git/mirror-repository.ts'
import type { SyncDeps } from './context.ts'
import { repositoryDir } from './mirror.ts'

// The repository that keeps the backups of a subject, apart from the syncs that fill it.

type Deps = Pick<SyncDeps, 'git' | 'backupDir'>

/** Bytes on the disk; 0 when nothing was ever kept. */
export async function backupBytes({ backupDir }: Pick<Deps, 'backupDir'>, subject: string): Promise<number> {
  const dir = repositoryDir(backupDir, subject)
  const names = await readdir(dir, { recursive: true }).catch(() => [])
  const sizes = await Promise.all(names.map((name) => stat(join(dir, name)).then(sizeOf, () => 0)))
  return sizes.reduce((sum, size) => sum + size, 0)
}

/** Forgets kept heads and frees what only they needed; those that are gone already are no failure. */
export async function dropBackups(
  { git, backupDir }: Deps,
  subject: string,
  refs: readonly string[],
  signal: AbortSignal,
): Promise<GitOutcome<object>> {
  const dir = repositoryDir(backupDir, subject)
  if ((await stat(join(dir, 'HEAD')).catch(() => undefined)) === undefined) return { ok: true }
  const deleted = await deleteLocalRefs(git, dir, refs, signal)
  if (!deleted.ok) return deleted
  const left = await listLocalRefs(git, dir, 'refs/', signal)
  if (!left.ok) return left
  if (left.refs.size > 0) return dropUnreachable(git, dir, signal)
  await rm(dir, { recursive: true, force: true, maxRetries: 3 })
  return { ok: true }
}

function sizeOf(file: { readonly isFile: () => boolean; readonly size: number }): number {
  return file.isFile() ? file.size : 0
}
