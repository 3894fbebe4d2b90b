import { readFile, realpath, stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, resolve, sep } from 'node:path'
import type { LocalRepository } from '../git/local-repository.ts'

// Which folders may be registered.
//
// In:  a path that a person named, or one that was registered and may have changed since.
// Out: where git keeps what belongs to it, or why this service must not touch it.
// A link, a `.git` file, a shared folder of objects: each may lead elsewhere, so every real place is checked.

export type PlaceRules = {
  /** Folders below which repositories may be; empty: see `allowsAny`. */
  readonly roots: readonly string[]
  /** Without roots: whether any repository of this user will do, or none. */
  readonly allowsAny: boolean
  /** Folders of this service, in which nothing may be registered. */
  readonly ownFolders: readonly string[]
  /** The user whose repositories they must be; undefined where there are no users. */
  readonly owner: number | undefined
}

export type PlaceProblem =
  'no_roots' | 'outside_roots' | 'own_folder' | 'missing' | 'not_git' | 'not_top' | 'foreign_owner'

export type Place =
  | { readonly kind: 'ok'; readonly repository: LocalRepository }
  | { readonly kind: 'refused'; readonly problem: PlaceProblem }

const MAX_FILE_BYTES = 64 * 1024
// As deep as git itself follows them.
const MAX_ALTERNATES = 5

/** Starts no process; rejects only when the file system fails. */
export async function findPlace(rules: PlaceRules, path: string): Promise<Place> {
  if (rules.roots.length === 0 && !rules.allowsAny) return refused('no_roots')
  const roots = await Promise.all(rules.roots.map(realOrSame))
  const own = await Promise.all(rules.ownFolders.map(realOrSame))
  const judge = (real: string): PlaceProblem | undefined => {
    if (roots.length > 0 && !isBelow(real, roots)) return 'outside_roots'
    return isBelow(real, own) ? 'own_folder' : undefined
  }
  const real = await realpath(path).catch(() => undefined)
  if (real === undefined) {
    // Whether something exists outside the roots is nobody's business.
    const isNamed = rules.roots.length === 0 || isBelow(path, [...rules.roots, ...roots])
    return refused(isNamed ? 'missing' : 'outside_roots')
  }
  const problem = judge(real)
  if (problem !== undefined) return refused(problem)
  if (!(await isFolder(real))) return refused('missing')
  const repository = await findGit(real)
  if (typeof repository === 'string') return refused(repository)
  const { gitDir, commonDir, objectsDir } = repository
  const borrowed = await alternatesOf(objectsDir)
  for (const found of [gitDir, commonDir, objectsDir, ...borrowed, ...(await linkedParts(repository))]) {
    const outside = judge(found)
    if (outside !== undefined) return refused(outside)
  }
  for (const folder of new Set([real, gitDir, commonDir, objectsDir, ...borrowed])) {
    if (!(await isOwned(folder, rules.owner))) return refused('foreign_owner')
  }
  return { kind: 'ok', repository }
}

async function findGit(path: string): Promise<LocalRepository | PlaceProblem> {
  const named = join(path, '.git')
  if (await isGitDir(named)) return withFolders(path, named, path)
  const file = await readText(named)
  if (file !== undefined) {
    const [, target] = /^gitdir: (.+?)\s*$/.exec(file) ?? []
    if (target === undefined) return 'not_git'
    const linked = resolve(path, target)
    return (await isGitDir(linked)) ? withFolders(path, linked, path) : 'not_git'
  }
  if (await isGitDir(path)) return basename(path) === '.git' ? 'not_top' : withFolders(path, path, undefined)
  return (await isBelowRepository(path)) ? 'not_top' : 'not_git'
}

async function withFolders(
  path: string,
  gitDir: string,
  workTree: string | undefined,
): Promise<LocalRepository | PlaceProblem> {
  try {
    const real = await realpath(gitDir)
    const common = await commonDirOf(real)
    return {
      path,
      gitDir: real,
      commonDir: common,
      objectsDir: await realpath(join(common, 'objects')),
      workTree,
    }
  } catch {
    return 'not_git'
  }
}

async function commonDirOf(gitDir: string): Promise<string> {
  const text = await readText(join(gitDir, 'commondir'))
  return text === undefined ? gitDir : realpath(resolve(gitDir, text.trim()))
}

async function isGitDir(path: string): Promise<boolean> {
  if (!(await isFolder(path)) || (await stat(join(path, 'HEAD')).catch(() => undefined)) === undefined)
    return false
  const common = await commonDirOf(path).catch(() => path)
  return (await isFolder(join(common, 'objects'))) && isFolder(join(common, 'refs'))
}

async function isBelowRepository(path: string): Promise<boolean> {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if ((await stat(join(folder, '.git')).catch(() => undefined)) !== undefined) return true
    if (folder === dirname(folder)) return false
  }
}

// What git writes to, or takes for its own.
const PARTS = [
  'HEAD',
  'index',
  'config',
  'packed-refs',
  'refs',
  'refs/heads',
  'refs/tags',
  'refs/remotes',
  'logs',
]

/** Where parts of a repository really are; one that is not there is nowhere. */
async function linkedParts({ gitDir, commonDir }: LocalRepository): Promise<readonly string[]> {
  const paths = [gitDir, commonDir].flatMap((folder) => PARTS.map((part) => join(folder, part)))
  const real = await Promise.all([...new Set(paths)].map((path) => realpath(path).catch(() => undefined)))
  return real.filter((path) => path !== undefined)
}

/** Other folders of objects that git would read from here. */
async function alternatesOf(objectsDir: string, depth = 0): Promise<readonly string[]> {
  if (depth === MAX_ALTERNATES) return []
  const text = (await readText(join(objectsDir, 'info', 'alternates'))) ?? ''
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  const folders = await Promise.all(
    lines.map((line) => realpath(isAbsolute(line) ? line : join(objectsDir, line)).catch(() => undefined)),
  )
  const found = folders.filter((folder) => folder !== undefined)
  const further = await Promise.all(found.map((folder) => alternatesOf(folder, depth + 1)))
  return [...found, ...further.flat()]
}

async function isOwned(path: string, owner: number | undefined): Promise<boolean> {
  return owner === undefined || (await stat(path).catch(() => undefined))?.uid === owner
}

function isBelow(path: string, folders: readonly string[]): boolean {
  return folders.some(
    (folder) => path === folder || path.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`),
  )
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true
}

async function readText(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined || !found.isFile() || found.size > MAX_FILE_BYTES) return undefined
  return readFile(path, 'utf8').catch(() => undefined)
}

function realOrSame(path: string): Promise<string> {
  return realpath(path).catch(() => path)
}

function refused(problem: PlaceProblem): Place {
  return { kind: 'refused', problem }
}
