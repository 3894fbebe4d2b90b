import { SECOND } from '../clock.ts'
import type { BranchDetails, BranchKind, LocalBranch } from '../git/local-branches.ts'
import type { LocalRepository } from '../git/local-repository.ts'
import { branchRef, refInTheWay, toBranchName } from '../git/refs.ts'
import type { RefName, Sha } from '../git/refs.ts'
import type { RepositoryId } from '../ids.ts'
import {
  baseUnknown,
  branchCurrent,
  branchExists,
  branchInTheWay,
  branchInUse,
  branchNameRefused,
  branchUnknown,
  branchUnmerged,
  filesRefused,
  noCommit,
  switchRefused,
  workUnfinished,
} from './branch-error.ts'
import { gitRefused, repositoryBusy } from './repository-error.ts'
import { openRepository } from './repositories.ts'
import type { RepositoryDeps } from './repositories.ts'

export type Branch = LocalBranch & {
  readonly isCurrent: boolean
  /** Null where the commit cannot be read. */
  readonly details: BranchDetails | null
}

export type BranchFilter = {
  readonly kinds: readonly BranchKind[]
  readonly page: number
  readonly pageSize: number
}

// Whoever waits longer than this is told that somebody works there.
const LONGEST_WAIT = 30 * SECOND

/** In the order of their names, local ones first. Throws `repository_…`. */
export async function listBranches(
  deps: RepositoryDeps,
  id: RepositoryId,
  { kinds, page, pageSize }: BranchFilter,
): Promise<{ readonly branches: readonly Branch[]; readonly total: number }> {
  const repository = await openRepository(deps, id)
  const all = await readBranches(deps, repository, kinds)
  const shown = all.slice((page - 1) * pageSize, page * pageSize)
  return { branches: await describe(deps, repository, shown), total: all.length }
}

/** A local branch, or a remote one by its full name. Throws `repository_…` or `branch_unknown`. */
export async function getBranch(deps: RepositoryDeps, id: RepositoryId, name: string): Promise<Branch> {
  const repository = await openRepository(deps, id)
  return requireBranch(deps, repository, name)
}

/**
 * Makes a branch at the head of `base`: a local branch, or a remote one such as `origin/main`; without it at what
 * is checked out. Throws `repository_…`, `branch_name`, `branch_exists`, `branch_in_the_way`, `base_unknown`.
 */
export async function createBranch(
  deps: RepositoryDeps,
  id: RepositoryId,
  { name, base }: { readonly name: string; readonly base: string | undefined },
): Promise<Branch> {
  const branch = toBranchName(name)
  if (branch === undefined) throw branchNameRefused()
  return atWork(deps, id, async (repository) => {
    const all = await readBranches(deps, repository, ['local', 'remote'])
    const ref = branchRef(branch)
    const obstacle = refInTheWay(
      ref,
      all.map((other) => other.ref),
    )
    if (obstacle === ref) throw branchExists(branch)
    if (obstacle !== undefined) throw branchInTheWay(branch, obstacle)
    const sha =
      base === undefined ? await headOf(deps, repository) : all.find((one) => one.name === base)?.sha
    if (sha === undefined) throw base === undefined ? noCommit() : baseUnknown(base)
    const message = `branch: Created from ${base ?? 'HEAD'}`
    await move(deps, repository, [{ ref, from: null, to: sha }], message)
    return requireBranch(deps, repository, branch)
  })
}

/**
 * Makes a local branch the current one, with its files. Throws `repository_…`, `branch_unknown`, `branch_in_use`,
 * `work_unfinished`, and `work_tree_dirty` or `files_in_the_way` with the names of the files.
 */
export async function switchToBranch(
  deps: RepositoryDeps,
  id: RepositoryId,
  name: string,
): Promise<Branch & { readonly unfiltered: readonly string[] }> {
  return atWork(deps, id, async (repository) => {
    const { ref, sha } = await requireLocal(deps, repository, name)
    const outcome = await deps.git.switchBranch(repository, { ref, sha })
    switch (outcome.kind) {
      case 'done':
        return { ...(await requireBranch(deps, repository, name)), unfiltered: outcome.unfiltered }
      case 'dirty':
      case 'in_the_way':
        throw filesRefused(outcome.kind, outcome.files)
      case 'unfinished':
        throw workUnfinished(outcome.work)
      case 'in_use':
        throw branchInUse(name, outcome.folder)
      case 'failed':
        throw gitRefused(outcome.failure)
      case 'sparse':
      case 'work_tree_elsewhere':
      case 'unreadable':
        throw switchRefused(outcome.kind)
    }
  })
}

/** What a deleted branch was; `backupRef` keeps commits that nothing else leads to. */
export type DeletedBranch = { readonly name: string; readonly sha: Sha; readonly backupRef: string | null }

/**
 * Deletes a local branch. Throws `repository_…`, `branch_unknown`, `branch_current`, `branch_in_use`, and
 * `branch_unmerged` unless that is allowed.
 */
export async function deleteBranch(
  deps: RepositoryDeps,
  id: RepositoryId,
  name: string,
  { allowsUnmerged }: { readonly allowsUnmerged: boolean },
): Promise<DeletedBranch> {
  return atWork(deps, id, async (repository) => {
    const { ref, sha } = await requireLocal(deps, repository, name)
    const head = await deps.git.readHead(repository)
    if (head.kind === 'branch' && head.ref === ref) throw branchCurrent(name)
    const folder = (await deps.git.branchesInUse(repository)).get(ref)
    if (folder !== undefined) throw branchInUse(name, folder)
    const into = await unmergedInto(deps, repository, { ref, sha })
    if (into !== undefined && !allowsUnmerged) throw branchUnmerged(name, into)
    const backupRef = into === undefined ? null : backupRefOf(name, deps.clock.now())
    const kept = backupRef === null ? [] : [{ ref: backupRef, from: null, to: sha }]
    await move(deps, repository, [...kept, { ref, from: sha, to: null }], `branch: Deleted ${name}`)
    return { name, sha, backupRef }
  })
}

async function atWork<T>(
  deps: RepositoryDeps,
  id: RepositoryId,
  work: (repository: LocalRepository) => Promise<T>,
): Promise<T> {
  await openRepository(deps, id)
  const limit = { ms: LONGEST_WAIT, refuse: repositoryBusy }
  // Looked up again when it is one's turn: what was there may be gone.
  return deps.locks.withLimit(id, limit, async () => work(await openRepository(deps, id)))
}

/** As git judges it: into its upstream, or into what is checked out. Undefined: everything is there. */
async function unmergedInto(
  deps: RepositoryDeps,
  repository: LocalRepository,
  { ref, sha }: { readonly ref: RefName; readonly sha: Sha },
): Promise<string | undefined> {
  const described = await deps.git.describe(repository, [ref])
  if (!described.ok) throw gitRefused(described.failure)
  const details = described.details.get(ref)
  if (typeof details?.ahead === 'number') {
    return details.ahead === 0 ? undefined : (details.upstream ?? 'its upstream')
  }
  const head = await headOf(deps, repository)
  if (head === undefined) return 'HEAD'
  const contained = await deps.git.isContained(repository, sha, head)
  if (!contained.ok) throw gitRefused(contained.failure)
  return contained.isContained ? undefined : 'HEAD'
}

async function headOf(deps: RepositoryDeps, repository: LocalRepository): Promise<Sha | undefined> {
  const head = await deps.git.readHead(repository)
  return head.kind === 'unreadable' ? undefined : head.sha
}

async function requireBranch(
  deps: RepositoryDeps,
  repository: LocalRepository,
  name: string,
): Promise<Branch> {
  const all = await readBranches(deps, repository, ['local', 'remote'])
  const [branch] = await describe(deps, repository, all.filter((one) => one.name === name).slice(0, 1))
  if (branch === undefined) throw branchUnknown(name, remotesOf(all, name))
  return branch
}

async function requireLocal(
  deps: RepositoryDeps,
  repository: LocalRepository,
  name: string,
): Promise<{ readonly ref: RefName; readonly sha: Sha }> {
  const branch = toBranchName(name)
  const all = await readBranches(deps, repository, ['local', 'remote'])
  const found = all.find((one) => one.kind === 'local' && one.name === branch)
  if (branch === undefined || found === undefined) throw branchUnknown(name, remotesOf(all, name))
  return { ref: branchRef(branch), sha: found.sha }
}

/** Remote branches that somebody who asks for a local one may have meant. */
function remotesOf(all: readonly LocalBranch[], name: string): readonly string[] {
  const remote = all.filter(({ kind }) => kind === 'remote')
  return remote.filter((one) => one.name === name || one.name.endsWith(`/${name}`)).map((one) => one.name)
}

async function readBranches(
  deps: RepositoryDeps,
  repository: LocalRepository,
  kinds: readonly BranchKind[],
): Promise<readonly LocalBranch[]> {
  const listed = await deps.git.listBranches(repository, kinds)
  if (!listed.ok) throw gitRefused(listed.failure)
  return listed.branches
}

async function describe(
  deps: RepositoryDeps,
  repository: LocalRepository,
  branches: readonly LocalBranch[],
): Promise<readonly Branch[]> {
  const head = await deps.git.readHead(repository)
  const current = head.kind === 'branch' ? head.ref : undefined
  const described = await deps.git.describe(
    repository,
    branches.map(({ ref }) => ref),
  )
  if (!described.ok) throw gitRefused(described.failure)
  return branches.map((branch) => ({
    ...branch,
    isCurrent: branch.ref === current,
    details: described.details.get(branch.ref) ?? null,
  }))
}

async function move(
  deps: RepositoryDeps,
  repository: LocalRepository,
  moves: Parameters<RepositoryDeps['git']['moveRefs']>[1],
  message: string,
): Promise<void> {
  const moved = await deps.git.moveRefs(repository, moves, message)
  if (!moved.ok) throw gitRefused(moved.failure)
}

function backupRefOf(name: string, now: number): string {
  return `refs/reposync/deleted/${new Date(now).toISOString().replace(/[-:.]/g, '')}/${name}`
}
