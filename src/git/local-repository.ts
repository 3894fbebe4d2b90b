import { lstat, readFile, readdir, readlink, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { readRef } from './mirror-repository.ts'
import type { RefName, Sha } from './refs.ts'
import { toRefName, toSha } from './refs.ts'

// A repository of somebody else on this machine, as far as its files tell without starting git.
//
// Its configuration, hooks and attributes are input that nobody has checked. Git reads them only where nothing
// comes of it: to list and to move refs. Everything that moves objects or files goes through a shadow
// (`shadow.ts`), which has a configuration of ours.

export type LocalRepository = {
  /** The folder that was named. */
  readonly path: string
  /** Where HEAD and the index are; one per work tree. */
  readonly gitDir: string
  /** Where refs and configuration are; differs from `gitDir` in a linked work tree. */
  readonly commonDir: string
  readonly objectsDir: string
  /** Undefined: a bare repository. */
  readonly workTree: string | undefined
}

export type Head =
  /** `sha` is undefined for a branch without a commit. */
  | { readonly kind: 'branch'; readonly ref: RefName; readonly sha: Sha | undefined }
  | { readonly kind: 'detached'; readonly sha: Sha }
  | { readonly kind: 'unreadable' }

// A file of git's own that is longer is none.
const MAX_FILE_BYTES = 64 * 1024

/** What is checked out there. Starts no process and never throws. */
export async function readHead(repository: LocalRepository): Promise<Head> {
  const text = await headText(repository.gitDir)
  const sha = toSha(text)
  if (sha !== undefined) return { kind: 'detached', sha }
  const ref = toRefName(text.replace(/^ref: */, ''))
  if (ref === undefined || !text.startsWith('ref:')) return { kind: 'unreadable' }
  const found = await readRef(repository.commonDir, ref).catch(() => 'damaged' as const)
  return found === 'damaged' ? { kind: 'unreadable' } : { kind: 'branch', ref, sha: found }
}

/** What stops anybody from switching branches, e.g. `merge`; undefined when nothing does. */
export async function unfinishedWork({ gitDir }: LocalRepository): Promise<string | undefined> {
  for (const [file, work] of UNFINISHED) if (await exists(join(gitDir, file))) return work
  return undefined
}

const UNFINISHED = [
  ['MERGE_HEAD', 'merge'],
  ['rebase-merge', 'rebase'],
  ['rebase-apply', 'rebase'],
  ['CHERRY_PICK_HEAD', 'cherry-pick'],
  ['REVERT_HEAD', 'revert'],
  ['sequencer', 'cherry-pick'],
  ['BISECT_LOG', 'bisect'],
] as const

/** Branches that a work tree has checked out or comes back to, with the folder of that work tree. */
export async function branchesInUse(repository: LocalRepository): Promise<ReadonlyMap<RefName, string>> {
  const { commonDir } = repository
  const isBare = repository.workTree === undefined
  const main = isBare ? [] : [{ gitDir: commonDir, folder: dirname(commonDir) }]
  const names = await readdir(join(commonDir, 'worktrees')).catch(() => [])
  const linked = names.map(async (name) => {
    const gitDir = join(commonDir, 'worktrees', name)
    const file = (await readSmallFile(join(gitDir, 'gitdir'))) ?? ''
    return { gitDir, folder: file === '' ? gitDir : dirname(resolve(gitDir, file.trim())) }
  })
  const inUse = new Map<RefName, string>()
  for (const { gitDir, folder } of [...main, ...(await Promise.all(linked))]) {
    const own = gitDir === repository.gitDir ? (repository.workTree ?? folder) : folder
    for (const ref of await refsOfWorkTree(gitDir)) inUse.set(ref, own)
  }
  return inUse
}

/** A file of git's that people or programs may have put anything in place of; undefined when it is none. */
async function readSmallFile(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined || !found.isFile() || found.size > MAX_FILE_BYTES) return undefined
  return readFile(path, 'utf8').catch(() => undefined)
}

async function refsOfWorkTree(gitDir: string): Promise<readonly RefName[]> {
  const head = (await headText(gitDir)).replace(/^ref: */, '')
  const rebased = ['rebase-merge', 'rebase-apply'].map((dir) => readSmallFile(join(gitDir, dir, 'head-name')))
  const bisected = await readSmallFile(join(gitDir, 'BISECT_START'))
  const names = [head, ...(await Promise.all(rebased)), bisected && `refs/heads/${bisected.trim()}`]
  return names.flatMap((name) => toRefName(name?.trim() ?? '') ?? [])
}

// Before symbolic refs were files they were links.
async function headText(gitDir: string): Promise<string> {
  const path = join(gitDir, 'HEAD')
  const found = await lstat(path).catch(() => undefined)
  if (found?.isSymbolicLink() === true) return `ref: ${await readlink(path).catch(() => '')}`
  return ((await readSmallFile(path)) ?? '').trim()
}

async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined)) !== undefined
}
