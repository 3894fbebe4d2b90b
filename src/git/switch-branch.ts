import { join, resolve } from 'node:path'
import type { RunDeps } from './git.ts'
import { runGit } from './git.ts'
import type { GitFailure } from './git-error.ts'
import { readLocalConfig } from './local-config.ts'
import { IDENTITY, keepsLog } from './local-refs.ts'
import type { Head, LocalRepository } from './local-repository.ts'
import { branchesInUse, readHead, unfinishedWork } from './local-repository.ts'
import type { RefName, Sha } from './refs.ts'
import { shortName } from './refs.ts'
import { openShadow } from './shadow.ts'
import type { SwitchedFiles } from './work-tree.ts'
import { switchFiles } from './work-tree.ts'

// Switches a repository on this machine to another branch as `git checkout` does, with the same care for what
// people have not committed, but in a shadow: no hook runs, no filter, and no submodule is entered.

export type BranchSwitch =
  | SwitchedFiles
  | { readonly kind: 'unfinished'; readonly work: string }
  /** In that folder. */
  | { readonly kind: 'in_use'; readonly folder: string }
  | { readonly kind: 'sparse' | 'work_tree_elsewhere' | 'unreadable' }

type Target = { readonly ref: RefName; readonly sha: Sha }

const EMPTY_TREE = {
  sha1: '4b825dc642cb6eb9a060e54bf8d69288fbee4904',
  sha256: '6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321',
} as const

/** In a bare repository this only says which branch is the current one. */
export async function switchBranch(
  deps: RunDeps,
  repository: LocalRepository,
  target: Target,
  signal: AbortSignal,
): Promise<BranchSwitch> {
  const head = await readHead(repository)
  if (head.kind === 'unreadable') return head
  if (head.kind === 'branch' && head.ref === target.ref) return { kind: 'done', unfiltered: [] }
  const { workTree } = repository
  const switched: BranchSwitch =
    workTree === undefined
      ? { kind: 'done', unfiltered: [] }
      : await switchWorkTree(deps, { ...repository, workTree }, { from: head.sha, target }, signal)
  if (switched.kind !== 'done') return switched
  const failure = await moveHead(deps, repository, head, target.ref, signal)
  return failure === undefined ? switched : { kind: 'failed', failure }
}

async function switchWorkTree(
  deps: RunDeps,
  repository: LocalRepository & { readonly workTree: string },
  { from, target }: { readonly from: Sha | undefined; readonly target: Target },
  signal: AbortSignal,
): Promise<BranchSwitch> {
  const { gitDir, workTree } = repository
  const work = await unfinishedWork(repository)
  if (work !== undefined) return { kind: 'unfinished', work }
  const folder = (await branchesInUse(repository)).get(target.ref)
  if (folder !== undefined) return { kind: 'in_use', folder }
  const read = await readLocalConfig(deps, repository, signal)
  if (!read.ok) return { kind: 'failed', failure: read.failure }
  const { config } = read
  if (config.isSparse) return { kind: 'sparse' }
  const isHere = config.workTree === undefined || resolve(gitDir, config.workTree) === workTree
  if (!isHere) return { kind: 'work_tree_elsewhere' }
  await using shadow = await openShadow(deps, repository, { objectFormat: config.objectFormat, head: from })
  const settings = [...OUR_SETTINGS, ...config.fileSettings].flatMap((setting) => ['-c', setting])
  const move = { workTree, from: from ?? EMPTY_TREE[config.objectFormat], to: target.sha }
  return await switchFiles(move, ([operation, ...args], input) =>
    runGit(deps, {
      operation,
      args: [...settings, operation, ...args],
      gitDir: shadow.dir,
      variables: { GIT_INDEX_FILE: join(gitDir, 'index'), GIT_WORK_TREE: workTree },
      durable: true,
      ...(input === undefined ? {} : { input }),
      signal,
    }),
  )
}

// An index in two halves is written as one: the larger half would end up in the shadow.
const OUR_SETTINGS = ['core.symlinks=true', 'core.splitIndex=false']

/** Resolves to why it was not moved. */
async function moveHead(
  deps: RunDeps,
  repository: LocalRepository,
  head: Exclude<Head, { readonly kind: 'unreadable' }>,
  ref: RefName,
  signal: AbortSignal,
): Promise<GitFailure | undefined> {
  // In the words of git, which finds the way back to the last branch by them.
  const before = head.kind === 'branch' ? shortName(head.ref) : head.sha
  const message = `checkout: moving from ${before} to ${shortName(ref)}`
  const result = await runGit(deps, {
    operation: 'symbolic-ref',
    args: [...keepsLog(repository), 'symbolic-ref', '-m', message, 'HEAD', ref],
    gitDir: repository.gitDir,
    variables: IDENTITY,
    durable: true,
    signal,
  })
  return result.kind === 'exited' && result.exitCode === 0 ? undefined : result.failure
}
