import { Hono } from 'hono'
import type { Context } from 'hono'
import { hasRole } from '../../access.ts'
import { auditAlongside } from '../../audit/request-trail.ts'
import type { Binding, Direction, Granularity, Side } from '../../binding/binding.ts'
import type { BindingDeps, Page } from '../../binding/bindings.ts'
import { createBinding, deleteBinding, listBindings } from '../../binding/bindings.ts'
import type { BranchScope } from '../../binding/branches.ts'
import {
  bindingToSync,
  branchToSync,
  createBranch,
  deleteBranch,
  listBranches,
  setBranchEnabled,
} from '../../binding/branches.ts'
import { updateBinding } from '../../binding/update.ts'
import type { BindingChange } from '../../binding/update.ts'
import type { Alongside } from '../../db/database.ts'
import { DomainError } from '../../domain-error.ts'
import type { BranchBindingId, RunId } from '../../ids.ts'
import { accept, answerError, fail, succeed } from './answer.ts'
import type { Failure } from './answer.ts'
import { answerWithFacts } from './audit.ts'
import type { Call } from './call.ts'
import { resolveCall } from './call.ts'
import type { Parameters } from './parameters.ts'
import { fitParameters, ParameterError, readParameters } from './parameters.ts'
import * as wire from './wire.ts'

// The documented reposync API, to be mounted at `/cerobot/sync`. A call is parsed, done by one
// verb and answered; nothing is decided here.

export type CerobotDeps = BindingDeps & {
  readonly requestRun: (request: {
    readonly binding: Binding
    readonly direction: Direction
    readonly scope: 'all' | readonly BranchScope[]
    readonly force: boolean
    /** Somebody waits for the answer. */
    readonly wait: boolean
    readonly by: string | undefined
    readonly alongside: Alongside<RunId>
  }) => Promise<RunId>
  /** Resolves when an attempt has ended; rejects when the signal aborts. */
  readonly waitForRun: (id: RunId, signal: AbortSignal) => Promise<Failure>
  /** Refuses a branch that the forge it would come from is known not to have. */
  readonly requireBranch: (binding: string, names: Readonly<Record<Side, string>>) => Promise<void>
  readonly listSyncLogs: (
    filter: SyncLogFilter,
  ) => Promise<{ readonly rows: readonly wire.SyncLogRow[]; readonly total: number }>
  readonly onBindingDeleted: (binding: Binding) => Promise<void>
  /** Runs that waited for a pause to end need not wait any more. */
  readonly onBindingResumed: (binding: Binding) => Promise<void>
}

/** Names and ids narrow each other; left out, they allow all. */
type SyncLogFilter = Page & {
  readonly repoNames?: readonly string[]
  readonly branchIds?: readonly BranchBindingId[]
  /** Only rows that are about a whole repository. */
  readonly branchless: boolean
}

const MOUNT = '/cerobot/sync'

export function cerobotRoutes(deps: CerobotDeps): Hono {
  const app = new Hono()
  app.onError((error, c) => answerError(c, error))
  app.all('/*', async (c) => {
    const parameters = await readParameters(c)
    const given = new Set([...Object.keys(parameters.query), ...Object.keys(parameters.body)])
    const call = resolveCall(c.req.method, rawPath(c.req.url), given)
    if (call === undefined) return c.notFound()
    return answerWithFacts(deps, c, call, parameters, () => answer(deps, c, call, parameters))
  })
  return app
}

// The path as sent: a decoded one cannot tell a slash in a name from one between names.
function rawPath(url: string): string {
  const path = url.replace(/^[a-z]+:\/\/[^/?#]*/i, '').replace(/[?#].*$/s, '')
  return path.slice(path.indexOf(MOUNT) + MOUNT.length)
}

async function answer(deps: CerobotDeps, c: Context, call: Call, given: Parameters): Promise<Response> {
  switch (call.kind) {
    case 'create_repo': {
      const repo = fitParameters(wire.CreateRepo, given)
      const binding = await createBinding(deps, {
        name: repo.repo_name,
        enabled: repo.enable,
        granularity: requireGranularity(repo.sync_granularity),
        direction: requireDirection(repo.sync_direction),
        addresses: { internal: repo.internal_repo_address, external: repo.external_repo_address },
        tokens: { internal: repo.inter_token, external: repo.exter_token },
      })
      return succeed(c, wire.bindingToRepo(binding))
    }
    case 'list_repos': {
      const { bindings, total } = await listBindings(deps, toPage(fitParameters(wire.Paging, given)))
      return succeed(c, bindings.map(wire.bindingToListedRepo), total)
    }
    case 'set_repo_enabled':
      await change(deps, call.repo, { enabled: fitParameters(wire.SetEnabled, given).enable })
      return succeed(c, null)
    case 'delete_repo':
      fitParameters(wire.NoParameters, given)
      await deps.onBindingDeleted(await deleteBinding(deps, call.repo))
      return succeed(c, null)
    case 'update_addresses':
      return answerAddresses(deps, c, call.repo, given)
    case 'sync_repo': {
      const { force_flag: force } = fitParameters(wire.SyncRepo, given)
      const { binding, scope } = await bindingToSync(deps, call.repo)
      return answerSync(deps, c, { binding, scope, direction: binding.direction, force })
    }
    case 'create_branch': {
      const branch = fitParameters(wire.CreateBranch, given)
      await deps.requireBranch(call.repo, {
        internal: branch.internal_branch_name,
        external: branch.external_branch_name,
      })
      const created = await createBranch(deps, call.repo, {
        enabled: branch.enable,
        internalBranch: branch.internal_branch_name,
        externalBranch: branch.external_branch_name,
      })
      return succeed(c, wire.branchToBranch(created))
    }
    case 'list_branches': {
      const { branches, total } = await listBranches(
        deps,
        call.repo,
        toPage(fitParameters(wire.Paging, given)),
      )
      if (branches.length === 0) throw noData()
      return succeed(c, branches.map(wire.branchToListedBranch), total)
    }
    case 'set_branch_enabled':
      await setBranchEnabled(deps, call.repo, call.branch, fitParameters(wire.SetEnabled, given).enable)
      return succeed(c, null)
    case 'delete_branch':
      fitParameters(wire.NoParameters, given)
      await deleteBranch(deps, call.repo, call.branch)
      return succeed(c, null)
    case 'sync_branch': {
      const { sync_direct, force_flag: force } = fitParameters(wire.SyncBranch, given)
      const direction = requireDirection(sync_direct)
      const target = await branchToSync(deps, call.repo, call.branch, direction)
      return answerSync(deps, c, { ...target, direction, force })
    }
    case 'list_logs':
      return answerLogs(deps, c, call.repo, given)
  }
}

async function answerAddresses(
  deps: CerobotDeps,
  c: Context,
  repo: string,
  given: Parameters,
): Promise<Response> {
  const wanted = fitParameters(wire.UpdateAddresses, given)
  if (Object.values(wanted).every((value) => value === undefined)) {
    throw new ParameterError([{ loc: ['body'], msg: 'nothing to change', type: 'value_error.missing' }])
  }
  await change(deps, repo, {
    addresses: { internal: wanted.internal_repo_address, external: wanted.external_repo_address },
    tokens: { internal: wanted.inter_token, external: wanted.exter_token },
    mayMoveTokens: hasRole(c.get('caller'), 'admin'),
  })
  return succeed(c, null)
}

async function change(deps: CerobotDeps, repo: string, wanted: BindingChange): Promise<void> {
  const { after, isResumed } = await updateBinding(deps, repo, wanted)
  if (isResumed) await deps.onBindingResumed(after)
}

async function answerSync(
  deps: CerobotDeps,
  c: Context,
  sync: {
    readonly binding: Binding
    readonly scope: 'all' | readonly BranchScope[]
    readonly direction: Direction
    readonly force: boolean
  },
): Promise<Response> {
  const wait = !/\brespond-async\b/i.test(c.req.header('prefer') ?? '')
  const { direction, force } = sync
  const alongside = auditAlongside(c, (id: RunId) => ({ after: { run_id: id, direction, force } }))
  const run = await deps.requestRun({ ...sync, wait, by: c.get('caller')?.name, alongside })
  if (!wait) return accept(c, { run_id: run })
  const { signal } = c.req.raw
  try {
    const outcome = await deps.waitForRun(run, signal)
    return outcome.code === 0 ? succeed(c, null) : fail(c, outcome)
  } catch (error) {
    // The client has gone; the run goes on, and nobody reads this.
    if (signal.aborted) return new Response(null, { status: 499 })
    throw error
  }
}

async function answerLogs(
  deps: CerobotDeps,
  c: Context,
  repo: string | undefined,
  given: Parameters,
): Promise<Response> {
  const { repo_name: names, branch_id: branchIds, ...paging } = fitParameters(wire.ListLogs, given)
  const repoNames = repo === undefined ? (names ?? undefined) : [repo]
  const hasBranchIds = branchIds !== undefined && branchIds !== null && branchIds.length > 0
  if (repoNames === undefined && !hasBranchIds) return succeed(c, [], 0)
  const { rows, total } = await deps.listSyncLogs({
    ...toPage(paging),
    ...(repoNames === undefined ? {} : { repoNames }),
    ...(hasBranchIds ? { branchIds } : {}),
    branchless: repo !== undefined && !hasBranchIds,
  })
  return succeed(c, rows.map(wire.syncLogToLog), total)
}

function toPage(paging: {
  readonly page_num: number
  readonly page_size: number
  readonly create_sort: boolean
}): Page {
  return { page: paging.page_num, pageSize: paging.page_size, newestFirst: !paging.create_sort }
}

function requireGranularity(granularity: Granularity | null): Granularity {
  if (granularity !== null) return granularity
  throw new DomainError('invalid', 'sync_granularity', {
    zh: 'sync_granularity 只能是 1 或 2',
    en: 'sync_granularity must be 1 (whole repository) or 2 (single branches)',
  })
}

function requireDirection<D extends Direction>(direction: D | null): D {
  if (direction !== null) return direction
  throw new DomainError('invalid', 'sync_direction', {
    zh: '同步方向只能是 1 或 2（绑定仓库时还可以是 3：双向）',
    en: 'the direction must be 1 (internal to external) or 2 (external to internal); a repository may also be bound with 3 (both ways)',
  })
}

function noData(): DomainError {
  return new DomainError('not_found', 'no_data', {
    zh: '这一页没有分支',
    en: 'this page holds no branches',
  })
}
