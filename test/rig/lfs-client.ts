import { createHash } from 'node:crypto'
import { mkdtemp, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { git } from './repository.ts'
import type { WorkRepository } from './repository.ts'

// git-lfs itself, as people have it: it makes the pointers and brings the objects to a server, and it takes a
// clone apart again.
//
//   await useLfs(work, '*.bin')
//   await work.commit('first', { 'a.bin': randomBytes(1000) })   // the commit holds a pointer
//   await uploadObjects(work, withLogin(app.url, 'ada', 'secret'), 'main')
//   const clone = await cloneWithObjects(folder.path, withLogin(app.url, 'ada', 'secret'))

const SETTINGS: readonly (readonly [string, string])[] = [
  ['filter.lfs.clean', 'git-lfs clean -- %f'],
  ['filter.lfs.smudge', 'git-lfs smudge -- %f'],
  ['filter.lfs.process', 'git-lfs filter-process'],
  ['filter.lfs.required', 'true'],
  // git-lfs installs hooks by itself, and a push of a test is just a push.
  ['core.hooksPath', '/dev/null'],
  ['lfs.transfer.maxRetries', '1'],
]

/** From now on the work repository keeps files of these names as LFS objects. */
export async function useLfs({ dir, commit }: WorkRepository, pattern: string): Promise<void> {
  for (const [name, value] of SETTINGS) await git(dir, 'config', name, value)
  await commit('attributes', { '.gitattributes': `${pattern} filter=lfs diff=lfs merge=lfs -text\n` })
}

/** Brings every object of these refs to the server. */
export async function uploadObjects(
  { dir }: WorkRepository,
  url: string,
  ...refs: readonly string[]
): Promise<void> {
  await git(dir, 'lfs', 'push', '--all', url, ...refs)
}

/** A clone with all files of a branch as they were committed; fails when one object cannot be had. */
export async function cloneWithObjects(parent: string, url: string, branch = 'main'): Promise<string> {
  const dir = await mkdtemp(join(parent, 'clone-'))
  const settings = SETTINGS.flatMap(([name, value]) => ['-c', `${name}=${value}`])
  await git(parent, ...settings, 'clone', '--quiet', '--branch', branch, '--', url, dir)
  await git(dir, 'lfs', 'fsck')
  return dir
}

export function withLogin(url: string, username: string, password: string): string {
  const address = new URL(url)
  address.username = username
  address.password = password
  return address.href
}

export function oidOf(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex')
}

export async function oidOfFile(path: string): Promise<string> {
  return oidOf(await readFile(path))
}
