import { mkdir, readdir, rm, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { DAY } from '../clock.ts'
import type { LfsPointer } from '../git/lfs-pointers.ts'
import type { GitOutcome } from '../git/git-error.ts'
import { failed } from '../git/git-error.ts'
import { MINIMUM_FREE_BYTES } from './fetch.ts'
import type { SyncContext } from './context.ts'

// LFS objects on their way, one file each, in the mirror of their subject. A file is there only from its
// first byte until the target has it; what an interruption leaves is where the next try goes on.

// Longer than any series of tries; a branch that was deleted meanwhile must not fill the disk.
const RETENTION = 1 * DAY

export type LfsStore = {
  /** Where the object is, or as much of it as has arrived. */
  readonly pathOf: (object: LfsPointer) => string
  /** Makes sure that the object fits on the disk beside those that are arriving; disposing frees its place. */
  readonly reserve: (object: LfsPointer) => Promise<GitOutcome<{ readonly place: Disposable }>>
  readonly remove: (object: LfsPointer) => Promise<void>
  /** Removes what earlier tries left and nobody came back for. */
  readonly removeOld: () => Promise<void>
}

export async function openStore({ deps, mirror }: SyncContext): Promise<LfsStore> {
  const folder = join(mirror, 'lfs', 'objects')
  await mkdir(folder, { recursive: true })
  const minimum = deps.minimumFreeBytes ?? MINIMUM_FREE_BYTES
  let reserved = 0
  const pathOf = ({ oid }: LfsPointer): string => join(folder, oid)
  return {
    pathOf,
    reserve: async (object) => {
      const { bavail, bsize } = await statfs(folder)
      const arrived = await stat(pathOf(object)).then(
        ({ size }) => size,
        () => 0,
      )
      const needed = Math.max(0, object.size - arrived)
      if (bavail * bsize - reserved - needed < minimum) {
        const megabytes = Math.ceil((needed + minimum) / 2 ** 20)
        return failed('disk_full', `an LFS object needs ${megabytes} MB free where mirrors are kept`)
      }
      reserved += needed
      return { ok: true, place: { [Symbol.dispose]: () => void (reserved -= needed) } }
    },
    remove: (object) => rm(pathOf(object), { force: true }),
    removeOld: async () => {
      const oldest = deps.clock.now() - RETENTION
      const paths = (await readdir(folder)).map((name) => join(folder, name))
      const times = await Promise.all(paths.map(async (path) => (await stat(path)).mtimeMs))
      const old = paths.filter((_, index) => (times[index] ?? 0) < oldest)
      await Promise.all(old.map((path) => rm(path, { force: true })))
    },
  }
}
