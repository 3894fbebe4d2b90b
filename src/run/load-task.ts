import { hash } from 'node:crypto'
import type { AddressRules } from '../binding/address.ts'
import { DEFAULT_RULES } from '../binding/rules.ts'
import type { Database } from '../db/database.ts'
import { DomainError } from '../domain-error.ts'
import type { GitFailure } from '../git/git-error.ts'
import type { LocalEnd } from '../git/local-remote.ts'
import type { RepositoryId } from '../ids.ts'
import { TaskId } from '../ids.ts'
import { toServers } from '../task/definition.ts'
import { resolveEnd, trackingPrefix } from '../task/ends.ts'
import type { OpenedRepository } from '../task/ends.ts'
import { takesTags } from '../task/push-options.ts'
import { taskSubject, workOf } from '../task/task.ts'
import type { Task } from '../task/task.ts'
import { findTask, noteEnds } from '../task/tasks.ts'
import type { SubjectForRun } from './subject.ts'

type Deps = {
  readonly db: Database
  readonly addressRules: AddressRules
  readonly openRepository: (id: RepositoryId) => Promise<OpenedRepository<LocalEnd>>
}

/** The task as a run needs it now: its remotes lead where the configuration of the repository says today. */
export async function loadTask(deps: Deps, id: number): Promise<SubjectForRun | undefined> {
  const task = await findTask(deps.db, TaskId.parse(id))
  if (task === undefined) return undefined
  const opened = await open(deps, task)
  if ('failure' in opened) return opened
  const source = resolveEnd(opened, task.source.remote, 'source', deps.addressRules)
  if (source.kind === 'refused') return toFailure(source.problem, source.detail.en)
  const target = resolveEnd(opened, task.target.remote, 'target', deps.addressRules)
  if (target.kind === 'refused') return toFailure(target.problem, target.detail.en)
  const digest = hash('sha256', `${source.end.url}\n${target.end.url}`, 'base64url')
  await noteEnds(deps.db, task.id, digest, toServers(source.end, target.end))
  const tracking = {
    internal: trackingPrefix(opened.remotes, task.target.remote),
    external: trackingPrefix(opened.remotes, task.source.remote),
  }
  return {
    binding: {
      enabled: task.enabled,
      direction: 'to_outer',
      granularity: task.mode === 'single' ? 'one' : 'all',
      rules: { ...DEFAULT_RULES, tagPolicy: takesTags(task.pushOptions) ? 'new-only' : 'off' },
    },
    subject: taskSubject(task.id),
    remotes: {
      internal: withTracking(source.end, tracking.internal),
      external: withTracking(target.end, tracking.external),
    },
    denied: undefined,
    mirror: undefined,
    branches: [],
    work: workOf(task),
  }
}

async function open(
  deps: Deps,
  task: Task,
): Promise<OpenedRepository<LocalEnd> | { readonly failure: GitFailure }> {
  try {
    return await deps.openRepository(task.repositoryId)
  } catch (error) {
    if (!(error instanceof DomainError)) throw error
    return { failure: { kind: 'not_found', detail: `the registered repository: ${error.detail.en}` } }
  }
}

function withTracking<End extends { readonly local?: LocalEnd }>(
  end: End,
  tracking: string | undefined,
): End {
  return end.local === undefined || tracking === undefined
    ? end
    : { ...end, local: { ...end.local, tracking } }
}

function toFailure(problem: string, detail: string): { readonly failure: GitFailure } {
  return { failure: { kind: problem === 'remote_address' ? 'address_denied' : 'not_found', detail } }
}
