import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import type { GitResult } from './git.ts'
import type { GitFailure } from './git-error.ts'
import type { Sha } from './refs.ts'

// The files of a work tree, from one commit to another.

export type SwitchedFiles =
  /** Files for which the repository wants a filter were written as they are stored. */
  | { readonly kind: 'done'; readonly unfiltered: readonly string[] }
  /** Files that are not as they were committed, or uncommitted ones that would be overwritten. */
  | { readonly kind: 'dirty' | 'in_the_way'; readonly files: readonly string[] }
  | { readonly kind: 'failed'; readonly failure: GitFailure }

/** Runs one git command on the index and the work tree. */
type Git = (command: readonly [operation: string, ...args: string[]], input?: string) => Promise<GitResult>

type Move = { readonly workTree: string; readonly from: string; readonly to: Sha }

const STATUS = ['--porcelain=v1', '-z', '--untracked-files=no', '--ignore-submodules=all', '--no-renames']

/** Writes all files of the new commit, or changes nothing and says which ones speak against it. */
export async function switchFiles({ workTree, from, to }: Move, git: Git): Promise<SwitchedFiles> {
  const status = await git(['status', ...STATUS])
  if (!hasSucceeded(status)) return failed(status)
  const uncommitted = split(status)
  if (uncommitted.length > 0 && !(await isCutOff(git, uncommitted, to))) {
    return { kind: 'dirty', files: uncommitted.map((entry) => entry.slice(3)) }
  }
  const compared = await git(['diff-tree', '-r', '-z', '--name-status', '--no-renames', from, to])
  if (!hasSucceeded(compared)) return failed(compared)
  const changes = toChanges(split(compared))
  if (uncommitted.length === 0) {
    const files = await existing(
      workTree,
      changes.filter(({ kind }) => kind === 'A').map(({ path }) => path),
    )
    if (files.length > 0) return { kind: 'in_the_way', files }
  }
  // So that what was merely touched is not taken for changed; it tells by its exit whether anything was.
  await git(['update-index', '-q', '--refresh', '--ignore-submodules'])
  // Progress keeps a large one from being taken for hung.
  const written = await git(['read-tree', '-m', '-u', '-v', '--no-recurse-submodules', from, to])
  if (!hasSucceeded(written)) return failed(written)
  const paths = changes.filter(({ kind }) => kind !== 'D').map(({ path }) => path)
  return { kind: 'done', unfiltered: await withFilter(git, paths) }
}

/** The end of a switch was cut off: what is staged is the new commit exactly, so that nothing can get lost. */
async function isCutOff(git: Git, uncommitted: readonly string[], to: Sha): Promise<boolean> {
  if (!uncommitted.every((entry) => /^[AMDT] /.test(entry))) return false
  return hasSucceeded(await git(['diff-index', '--cached', '--quiet', to]))
}

async function existing(workTree: string, paths: readonly string[]): Promise<readonly string[]> {
  const obstacles = await Promise.all(
    paths.map((path) =>
      lstat(join(workTree, path)).then(
        () => true,
        // A file stands where a folder is needed.
        (error: NodeJS.ErrnoException) => error.code === 'ENOTDIR',
      ),
    ),
  )
  return paths.filter((_, index) => obstacles[index])
}

/** Those among the paths for which the repository names a filter. */
async function withFilter(git: Git, paths: readonly string[]): Promise<readonly string[]> {
  if (paths.length === 0) return []
  const input = paths.map((path) => `${path}\0`).join('')
  const checked = await git(['check-attr', '--cached', '-z', '--stdin', 'filter'], input)
  const fields = split(checked)
  // Path, name of the attribute and value, one after the other and in the order of the paths.
  return paths.filter((_, index) => !/^(?:unspecified|unset|)$/.test(fields[3 * index + 2] ?? ''))
}

function toChanges(fields: readonly string[]): readonly { readonly kind: string; readonly path: string }[] {
  const changes: { readonly kind: string; readonly path: string }[] = []
  for (let at = 0; at + 1 < fields.length; at += 2) {
    changes.push({ kind: fields[at] ?? '', path: fields[at + 1] ?? '' })
  }
  return changes
}

function split(result: GitResult): readonly string[] {
  return result.kind === 'exited' ? result.stdout.split('\0').slice(0, -1) : []
}

function hasSucceeded(result: GitResult): boolean {
  return result.kind === 'exited' && result.exitCode === 0
}

function failed({ failure }: GitResult): SwitchedFiles {
  return { kind: 'failed', failure }
}
