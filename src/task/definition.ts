import type { Insertable } from 'kysely'
import type { AddressRules } from '../binding/address.ts'
import type { Clock } from '../clock.ts'
import type { Database } from '../db/database.ts'
import type { Text } from '../domain-error.ts'
import type { TaskTable } from '../db/task-schema.ts'
import { toBranchName } from '../git/refs.ts'
import type { BranchName } from '../git/refs.ts'
import type { RepositoryId } from '../ids.ts'
import { isTimezone, parseCron } from './cron.ts'
import { resolveEnd } from './ends.ts'
import type { OpenedRepository } from './ends.ts'
import { parsePushOptions, takesTags } from './push-options.ts'
import {
  branchMissing,
  cronRefused,
  endRefused,
  pushOptionRefused,
  sameEnds,
  taskNameRefused,
  timezoneRefused,
} from './task-error.ts'
import type { SyncMode, Task } from './task.ts'

// What a person says a task shall be, accepted or refused before any of it is stored.

export type TaskDeps = {
  readonly db: Database
  readonly clock: Clock
  /** Of tasks that name none. */
  readonly timezone: string
  readonly addressRules: AddressRules
  /** Throws when there is no such repository, or when it cannot be worked with now. */
  readonly openRepository: (id: RepositoryId) => Promise<OpenedRepository<unknown>>
}

export type NewTask = {
  readonly name: string
  readonly repositoryId: RepositoryId
  readonly mode: SyncMode
  readonly sourceRemote: string
  readonly sourceBranch: string | null
  readonly targetRemote: string
  readonly targetBranch: string | null
  readonly pushOptions: string | readonly string[]
  readonly enabled: boolean
  readonly cron: string | null
  readonly timezone: string | null
}

/** What is left out stays. */
export type TaskChange = { readonly [Key in keyof NewTask]: NewTask[Key] | undefined }

const NAME = /^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]{1,200}$/u

const TAGS_NEED_ALL: Text = {
  zh: '标签只在 sync_mode=all-branch 时同步',
  en: 'tags travel with the sync_mode all-branch only',
}

/** The columns that the addresses of both ends decide. */
export type Servers = Pick<TaskTable, 'source_host' | 'source_endpoint' | 'target_host' | 'target_endpoint'>

/** The columns that a person decides. */
export type Definition = Omit<
  Insertable<TaskTable>,
  'id' | keyof Servers | 'cron_next_at' | 'ends' | 'created_at' | 'updated_at'
>

/** Throws `task_…`, `cron`, `timezone` or `push_option`. */
export function accept(deps: TaskDeps, input: NewTask): Definition {
  if (!NAME.test(input.name) || input.name !== input.name.trim()) throw taskNameRefused()
  const parsed = parsePushOptions(input.pushOptions)
  if (parsed.kind === 'refused') throw pushOptionRefused(parsed.option, parsed.reason)
  const timezone = emptyToNull(input.timezone)
  if (timezone !== null && !isTimezone(timezone)) throw timezoneRefused(timezone)
  const cron = emptyToNull(input.cron)
  const schedule = cron === null ? undefined : parseCron(cron, timezone ?? deps.timezone)
  if (schedule?.kind === 'refused') throw cronRefused(schedule.reason)
  const isSingle = input.mode === 'single'
  if (isSingle && takesTags(parsed.options)) throw pushOptionRefused('--tags', TAGS_NEED_ALL)
  return {
    name: input.name,
    repository_id: input.repositoryId,
    sync_mode: input.mode,
    source_remote: input.sourceRemote,
    source_branch: isSingle ? requireBranch('source_branch', input.sourceBranch) : null,
    target_remote: input.targetRemote,
    target_branch: isSingle ? requireBranch('target_branch', input.targetBranch) : null,
    push_options: parsed.options.join(' '),
    enabled: input.enabled ? 1 : 0,
    cron_expression: cron,
    timezone,
  }
}

function requireBranch(field: 'source_branch' | 'target_branch', name: string | null): BranchName {
  const branch = name === null ? undefined : toBranchName(name)
  if (branch === undefined) throw branchMissing(field)
  return branch
}

/** The servers of both ends. Also refuses what cannot be synced, as far as the configuration of the repository tells. */
export async function findServers(deps: TaskDeps, input: NewTask): Promise<Servers> {
  const opened = await deps.openRepository(input.repositoryId)
  const source = resolveEnd(opened, input.sourceRemote, 'source', deps.addressRules)
  if (source.kind === 'refused') throw endRefused(source.problem, source.detail, source.hint)
  const target = resolveEnd(opened, input.targetRemote, 'target', deps.addressRules)
  if (target.kind === 'refused') throw endRefused(target.problem, target.detail, target.hint)
  const isSameBranch = input.mode === 'all-branch' || input.sourceBranch === input.targetBranch
  if (source.end.url === target.end.url && isSameBranch) throw sameEnds()
  return toServers(source.end, target.end)
}

export function toServers(source: Server, target: Server): Servers {
  return {
    source_host: source.host,
    source_endpoint: source.endpoint,
    target_host: target.host,
    target_endpoint: target.endpoint,
  }
}

type Server = { readonly host: string; readonly endpoint: string }

/** When cron is to ask for the first run. */
export function nextAt(deps: TaskDeps, definition: Definition, now: number): number | null {
  const { cron_expression: cron, timezone, enabled } = definition
  if (cron === null || cron === undefined || enabled === 0) return null
  const parsed = parseCron(cron, timezone ?? deps.timezone)
  return parsed.kind === 'ok' ? parsed.schedule.nextAfter(now) : null
}

export function merge(before: Task, change: TaskChange): NewTask {
  return {
    name: change.name ?? before.name,
    repositoryId: change.repositoryId ?? before.repositoryId,
    mode: change.mode ?? before.mode,
    sourceRemote: change.sourceRemote ?? before.source.remote,
    sourceBranch: change.sourceBranch === undefined ? before.source.branch : change.sourceBranch,
    targetRemote: change.targetRemote ?? before.target.remote,
    targetBranch: change.targetBranch === undefined ? before.target.branch : change.targetBranch,
    pushOptions: change.pushOptions ?? before.pushOptions,
    enabled: change.enabled ?? before.enabled,
    cron: change.cron === undefined ? before.cron : change.cron,
    timezone: change.timezone === undefined ? before.timezone : change.timezone,
  }
}

/** Whether what both ends agreed on still says something. */
export function isSameSync(before: Task, after: Definition): boolean {
  return (
    before.repositoryId === after.repository_id &&
    before.source.remote === after.source_remote &&
    before.source.branch === after.source_branch &&
    before.target.remote === after.target_remote &&
    before.target.branch === after.target_branch
  )
}

function emptyToNull(text: string | null): string | null {
  return text === null || text.trim() === '' ? null : text.trim()
}
