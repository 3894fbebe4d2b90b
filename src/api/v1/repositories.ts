import { Hono } from 'hono'
import type { Context } from 'hono'
import { z } from 'zod'
import { noteChange } from '../../audit/request-trail.ts'
import { bothLanguages } from '../../domain-error.ts'
import { RepositoryId, SshKeyId } from '../../ids.ts'
import {
  createBranch,
  deleteBranch,
  getBranch,
  listBranches,
  switchToBranch,
} from '../../repository/branches.ts'
import type { Branch } from '../../repository/branches.ts'
import { describeRepository } from '../../repository/details.ts'
import type { RepositoryDetails } from '../../repository/details.ts'
import {
  createRepository,
  deleteRepository,
  getRepository,
  listRepositories,
  lookAt,
  updateRepository,
} from '../../repository/repositories.ts'
import type { RepositoryDeps } from '../../repository/repositories.ts'
import type { Repository, RepositoryStatus } from '../../repository/repository.ts'
import { describeState } from '../../repository/repository-error.ts'
import { ok, page } from './envelope.ts'
import { isoTime, isoTimeOrNull, Paging } from './paging.ts'
import { read, readBody } from './read.ts'

const sshKeyId = z
  .int()
  .positive()
  .transform((id) => SshKeyId.parse(id))
  .nullable()

const NewRepository = z.object({ name: z.string(), path: z.string(), ssh_key_id: sshKeyId.default(null) })

const Change = z.object({
  name: z.string().optional(),
  path: z.string().optional(),
  ssh_key_id: sshKeyId.optional(),
})

const NewBranch = z.object({ name: z.string(), base_branch: z.string().optional() })
const Switch = z.object({ branch: z.string() })
const Removal = z.object({ force: z.enum(['true', 'false']).default('false') })

// Whoever does not ask for pages wants to see all of them, up to a number that still is an answer.
const BRANCHES_AT_ONCE = 1000
const BranchType = z.object({ type: z.enum(['local', 'remote', 'all']).default('local') })

/** `/repos`: local git repositories and their branches. */
export function repositoryRoutes(deps: RepositoryDeps): Hono {
  const routes = new Hono()
  const idOf = (c: Context): RepositoryId => read(RepositoryId, c.req.param('id'))
  const withStatus = async (repository: Repository): Promise<Record<string, unknown>> =>
    repositoryToWire({ ...repository, ...(await lookAt(deps, repository)) })

  routes.get('/', async (c) => {
    const { page: number, page_size: pageSize } = read(z.object(Paging), c.req.query())
    const { repositories, total } = await listRepositories(deps, { page: number, pageSize })
    return page(c, { items: repositories.map(repositoryToWire), total, page: number, pageSize }, 'repos')
  })

  routes.post('/', async (c) => {
    const { name, path, ssh_key_id: keyId } = await readBody(c, NewRepository)
    const made = await createRepository(deps, { name, path, sshKeyId: keyId })
    noteChange(c, { id: made.id, name: made.name, after: registrationOf(made) })
    return ok(c, await withStatus(made))
  })

  routes.get('/:id', async (c) => ok(c, detailsToWire(await describeRepository(deps, idOf(c)))))

  routes.put('/:id', async (c) => {
    const { name, path, ssh_key_id: keyId } = await readBody(c, Change)
    const before = await getRepository(deps.db, idOf(c))
    const after = await updateRepository(deps, before.id, { name, path, sshKeyId: keyId })
    noteChange(c, { name: before.name, before: registrationOf(before), after: registrationOf(after) })
    return ok(c, await withStatus(after))
  })

  routes.delete('/:id', async (c) => {
    const deleted = await deleteRepository(deps, idOf(c))
    noteChange(c, { name: deleted.name, before: registrationOf(deleted) })
    return ok(c, null)
  })

  addBranches(routes, deps, idOf)
  return routes
}

function addBranches(routes: Hono, deps: RepositoryDeps, idOf: (c: Context) => RepositoryId): void {
  routes.get('/:id/branches', async (c) => {
    const query = c.req.query()
    const { type } = read(BranchType, query)
    const isPaged = 'page' in query || 'page_size' in query
    const { page: number, page_size: pageSize } = isPaged
      ? read(z.object(Paging), query)
      : { page: 1, page_size: BRANCHES_AT_ONCE }
    const kinds = type === 'all' ? (['local', 'remote'] as const) : [type]
    const { branches, total } = await listBranches(deps, idOf(c), { kinds, page: number, pageSize })
    return page(c, { items: branches.map(branchToWire), total, page: number, pageSize }, 'branches')
  })

  routes.post('/:id/branches', async (c) => {
    const { name, base_branch: base } = await readBody(c, NewBranch)
    const made = await createBranch(deps, idOf(c), { name, base })
    noteChange(c, { id: made.name, after: { commit: made.sha } })
    return ok(c, branchToWire(made))
  })

  routes.post('/:id/branches/checkout', async (c) => {
    const { branch } = await readBody(c, Switch)
    const { unfiltered, ...switched } = await switchToBranch(deps, idOf(c), branch)
    noteChange(c, { id: branch, after: { commit: switched.sha } })
    // Files that a filter such as git-lfs was to change, which this service does not run.
    return ok(c, { ...branchToWire(switched), unfiltered_files: unfiltered })
  })

  routes.get('/:id/branches/:branch{.+}', async (c) =>
    ok(c, branchToWire(await getBranch(deps, idOf(c), c.req.param('branch')))),
  )

  routes.delete('/:id/branches/:branch{.+}', async (c) => {
    const allowsUnmerged = read(Removal, c.req.query()).force === 'true'
    const deleted = await deleteBranch(deps, idOf(c), c.req.param('branch'), { allowsUnmerged })
    const facts = { last_commit: deleted.sha, backup_ref: deleted.backupRef }
    noteChange(c, { before: facts })
    return ok(c, { name: deleted.name, ...facts })
  })
}

/** What people decide of a repository. */
function registrationOf({ name, path, sshKeyId: keyId }: Repository): Record<string, unknown> {
  return { name, path, ssh_key_id: keyId }
}

function repositoryToWire(repository: Repository & RepositoryStatus): Record<string, unknown> {
  const problem = describeState(repository.state)
  return {
    id: repository.id,
    name: repository.name,
    path: repository.path,
    current_branch: repository.currentBranch,
    head_commit: repository.headSha,
    bare: repository.isBare,
    state: repository.state,
    problem: problem === undefined ? null : bothLanguages(problem),
    ssh_key_id: repository.sshKeyId,
    created_at: isoTime(repository.createdAt),
    updated_at: isoTime(repository.updatedAt),
  }
}

function detailsToWire(details: RepositoryDetails): Record<string, unknown> {
  const { head, headSha } = details
  return {
    ...repositoryToWire(details),
    head:
      headSha === null
        ? null
        : {
            commit: headSha,
            subject: head?.subject ?? null,
            author: head?.author ?? null,
            committed_at: isoTimeOrNull(head?.committedAt ?? null),
          },
    remotes: details.remotes.map(({ name, url, pushUrl }) => ({ name, url, push_url: pushUrl })),
    size: details.sizeBytes,
    in_progress: details.unfinishedWork,
  }
}

function branchToWire({ name, kind, isCurrent, sha, details }: Branch): Record<string, unknown> {
  return {
    name,
    type: kind,
    is_current: isCurrent,
    last_commit: sha,
    subject: details?.subject ?? null,
    author: details?.author ?? null,
    committed_at: isoTimeOrNull(details?.committedAt ?? null),
    upstream: details?.upstream ?? null,
    ahead: details?.ahead ?? null,
    behind: details?.behind ?? null,
  }
}
