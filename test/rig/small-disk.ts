import { execFile } from 'node:child_process'
import { mkdir, readdir, rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

// A disk of its own in memory, so small that it can be filled. Mounting one needs root, or sudo without a password.
//
//   await using disk = await mountSmallDisk(join(folder, 'sync'), { megabytes: 256, files: 400 })
//   await disk.fillUp({ leaving: 3 })        // so many more files can be made, and no other
//   await disk.clear()
//   await using _ = await makeReadOnly(join(folder, 'sync/binding-1.git'))

export type SmallDisk = AsyncDisposable & {
  readonly resize: (megabytes: number) => Promise<void>
  /** Makes files until only so many more fit, or until no more bytes do. */
  readonly fillUp: (room: { readonly leaving: number } | 'bytes') => Promise<void>
  /** Removes what it was filled with. */
  readonly clear: () => Promise<void>
}

const run = promisify(execFile)
const BALLAST = '.ballast'
const CHUNK = Buffer.alloc(64 * 1024)

/** Mounts it at a folder that is empty or not there yet; disposing takes it away with all that is on it. */
export async function mountSmallDisk(
  path: string,
  { megabytes, files = 0 }: { readonly megabytes: number; readonly files?: number },
): Promise<SmallDisk> {
  await mkdir(path, { recursive: true })
  const owner = `uid=${process.getuid?.() ?? 0},gid=${process.getgid?.() ?? 0},mode=0700`
  await asRoot('mount', '-t', 'tmpfs', '-o', `size=${megabytes}m,nr_inodes=${files},${owner}`, 'none', path)
  const ballast = join(path, BALLAST)
  return {
    resize: (size) => asRoot('mount', '-o', `remount,size=${size}m`, path),
    fillUp: async (room) => {
      await mkdir(ballast, { recursive: true })
      if (room === 'bytes') return fillBytes(ballast)
      const { ffree } = await statfs(path)
      const names = Array.from({ length: ffree - room.leaving }, () => crypto.randomUUID())
      for (const name of names) await writeFile(join(ballast, name), '')
    },
    clear: () => rm(ballast, { recursive: true, force: true }),
    [Symbol.asyncDispose]: () => asRoot('umount', '--lazy', path),
  }
}

/** Nobody may write in a folder, not even root, until it is disposed of. */
export async function makeReadOnly(path: string): Promise<AsyncDisposable> {
  await asRoot('mount', '--bind', path, path)
  await asRoot('mount', '-o', 'remount,bind,ro', path)
  return { [Symbol.asyncDispose]: () => asRoot('umount', '--lazy', path) }
}

async function fillBytes(folder: string): Promise<void> {
  for (let number = (await readdir(folder)).length; ; number += 1) {
    const isFull = await writeFile(join(folder, String(number)), CHUNK).then(
      () => false,
      () => true,
    )
    if (isFull) return
  }
}

async function asRoot(file: string, ...args: readonly string[]): Promise<void> {
  if (process.getuid?.() === 0) await run(file, args)
  else await run('sudo', ['-n', file, ...args])
}
