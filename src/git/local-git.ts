import type { BranchSwitch } from './switch-branch.ts'
import { switchBranch } from './switch-branch.ts'
import type { RunDeps } from './git.ts'
import { runGit } from './git.ts'
import type { GitOutcome } from './git-error.ts'
import type { BranchDetails, BranchKind, LocalBranch } from './local-branches.ts'
import { describeBranches, isContained, listOwnBranches } from './local-branches.ts'
import type { LocalConfig } from './local-config.ts'
import { readLocalConfig } from './local-config.ts'
import type { RefMove } from './local-refs.ts'
import { moveOwnRefs } from './local-refs.ts'
import type { Head, LocalRepository } from './local-repository.ts'
import { branchesInUse, readHead, unfinishedWork } from './local-repository.ts'
import type { RefName, Sha } from './refs.ts'

/** What can be asked of a repository on this machine, for those who may not start git themselves. */
export type LocalGit = {
  readonly readHead: (repository: LocalRepository) => Promise<Head>
  readonly unfinishedWork: (repository: LocalRepository) => Promise<string | undefined>
  readonly branchesInUse: (repository: LocalRepository) => Promise<ReadonlyMap<RefName, string>>
  readonly readConfig: (repository: LocalRepository) => Promise<GitOutcome<{ readonly config: LocalConfig }>>
  readonly listBranches: (
    repository: LocalRepository,
    kinds: readonly BranchKind[],
  ) => Promise<GitOutcome<{ readonly branches: readonly LocalBranch[] }>>
  readonly describe: (
    repository: LocalRepository,
    refs: readonly string[],
  ) => Promise<GitOutcome<{ readonly details: ReadonlyMap<string, BranchDetails> }>>
  readonly isContained: (
    repository: LocalRepository,
    sha: Sha,
    other: Sha,
  ) => Promise<GitOutcome<{ readonly isContained: boolean }>>
  readonly moveRefs: (
    repository: LocalRepository,
    moves: readonly RefMove[],
    message: string,
  ) => Promise<GitOutcome<object>>
  readonly switchBranch: (
    repository: LocalRepository,
    target: { readonly ref: RefName; readonly sha: Sha },
  ) => Promise<BranchSwitch>
  /** Bytes that its objects take. */
  readonly sizeOf: (repository: LocalRepository) => Promise<GitOutcome<{ readonly bytes: number }>>
}

/** Calls end early when the signal aborts. */
export function createLocalGit(deps: RunDeps, signal: AbortSignal): LocalGit {
  return {
    readHead,
    unfinishedWork,
    branchesInUse,
    readConfig: (repository) => readLocalConfig(deps, repository, signal),
    listBranches: (repository, kinds) => listOwnBranches(deps, repository, kinds, signal),
    describe: (repository, refs) => describeBranches(deps, repository, refs, signal),
    isContained: (repository, sha, other) => isContained(deps, repository, sha, other, signal),
    moveRefs: (repository, moves, message) => moveOwnRefs(deps, repository, moves, { message, signal }),
    switchBranch: (repository, target) => switchBranch(deps, repository, target, signal),
    sizeOf: (repository) => sizeOf(deps, repository, signal),
  }
}

async function sizeOf(
  deps: RunDeps,
  { commonDir }: LocalRepository,
  signal: AbortSignal,
): Promise<GitOutcome<{ readonly bytes: number }>> {
  const args = ['count-objects', '--verbose']
  const result = await runGit(deps, { operation: 'count-objects', args, gitDir: commonDir, signal })
  if (result.kind === 'stopped' || result.exitCode !== 0) return { ok: false, failure: result.failure }
  const kilobytes = Array.from(result.stdout.matchAll(/^size(?:-pack|-garbage)?: (\d+)$/gm), ([, size]) =>
    Number(size),
  )
  return { ok: true, bytes: kilobytes.reduce((sum, size) => sum + size, 0) * 1024 }
}
