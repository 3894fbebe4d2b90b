import { readFile, readdir, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { RunDeps } from './git.ts'
import { runGit } from './git.ts'
import { stripControl } from './output.ts'
import type { Sha } from './refs.ts'
import { toSha } from './refs.ts'

// What a mirror knows of the size and the course of a history, for pushes that are too large for a server.
// Every question is about what `heads` lead to and `known` does not. All of it is an estimate, so a
// question that git cannot answer has no answer instead of a failure.

export type Range = { readonly heads: readonly Sha[]; readonly known: readonly Sha[] }

export type LargestFile = { readonly path: string; readonly bytes: number }

export type HistoryDeps = { readonly git: RunDeps; readonly dir: string; readonly signal: AbortSignal }

// A commit with more new files is not searched for the largest one.
const MOST_FILES = 100_000

/** About how many bytes a push of the range takes: what its objects take in the mirror. */
export async function sizeOf(deps: HistoryDeps, range: Range): Promise<number | undefined> {
  const text = await ask(deps, range, ['--objects', '--disk-usage'])
  const bytes = Number(text)
  return text === undefined || !Number.isSafeInteger(bytes) ? undefined : bytes
}

/** The commits that a branch would have been at, had each of its commits been pushed alone; oldest first. */
export async function firstParents(deps: HistoryDeps, range: Range): Promise<readonly Sha[]> {
  const line: Sha[] = []
  await ask(deps, range, ['--first-parent', '--reverse'], (text) => {
    const sha = toSha(text)
    if (sha !== undefined) line.push(sha)
  })
  return line
}

/** Whether the history of `head` contains `commit`. */
export async function contains(deps: HistoryDeps, head: Sha, commit: Sha): Promise<boolean> {
  const args = ['merge-base', '--is-ancestor', commit, head]
  const result = await runGit(deps.git, {
    operation: 'merge-base',
    args,
    gitDir: deps.dir,
    signal: deps.signal,
  })
  return result.kind === 'exited' && result.exitCode === 0
}

/** The largest file of the range; undefined when there are too many to tell cheaply. */
export async function largestFile(deps: HistoryDeps, range: Range): Promise<LargestFile | undefined> {
  const paths = new Map<string, string>()
  await ask(deps, range, ['--objects'], (line) => {
    const space = line.indexOf(' ')
    if (space > 0 && paths.size <= MOST_FILES) paths.set(line.slice(0, space), line.slice(space + 1))
  })
  if (paths.size === 0 || paths.size > MOST_FILES) return undefined
  let largest: LargestFile | undefined
  await runGit(deps.git, {
    operation: 'cat-file',
    args: ['cat-file', '--buffer', '--batch-check=%(objecttype) %(objectsize) %(objectname)'],
    gitDir: deps.dir,
    input: [...paths.keys()].map((sha) => `${sha}\n`).join(''),
    signal: deps.signal,
    onLine: (line) => {
      const [type = '', size = '', sha = ''] = line.split(' ')
      const bytes = Number(size)
      const path = paths.get(sha)
      if (type !== 'blob' || path === undefined || bytes <= (largest?.bytes ?? -1)) return
      largest = { path: stripControl(path), bytes }
    },
  })
  return largest
}

// Heads of a remote need not be in the mirror; those that are missing are left out.
async function ask(
  { git, dir, signal }: HistoryDeps,
  { heads, known }: Range,
  options: readonly string[],
  onLine?: (line: string) => void,
): Promise<string | undefined> {
  const result = await runGit(git, {
    operation: 'rev-list',
    args: ['rev-list', ...options, '--ignore-missing', '--stdin'],
    gitDir: dir,
    input: [...heads, ...known.map((sha) => `^${sha}`)].map((sha) => `${sha}\n`).join(''),
    signal,
    ...(onLine === undefined ? {} : { onLine }),
  })
  if (result.kind === 'stopped' || result.exitCode !== 0) return undefined
  return result.stdout.trim()
}

/** What all packs that a repository knows take together; no push from it is larger. */
export async function mirrorSize({ dir }: HistoryDeps): Promise<number> {
  const objects = join(dir, 'objects')
  const others = await readFile(join(objects, 'info', 'alternates'), 'utf8').catch(() => '')
  const folders = [objects, ...others.split('\n').filter((line) => line !== '')]
  const sizes = await Promise.all(folders.map((folder) => packsSize(resolve(objects, folder, 'pack'))))
  return sizes.reduce((sum, size) => sum + size, 0)
}

async function packsSize(folder: string): Promise<number> {
  const names = await readdir(folder).catch(() => [])
  const sizes = names
    .filter((name) => name.endsWith('.pack'))
    .map(async (name) => (await stat(join(folder, name)).catch(() => undefined))?.size ?? 0)
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}
