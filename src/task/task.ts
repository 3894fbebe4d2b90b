import { branchRef } from '../git/refs.ts'
import type { BranchName } from '../git/refs.ts'
import type { RepositoryId, TaskId } from '../ids.ts'
import { forces } from './push-options.ts'
import type { PushOption } from './push-options.ts'

// A task is a sync that somebody has set up for a registered repository: from one of its remotes to another,
// on request, by webhook or by the clock. It runs through the same engine as a binding that goes one way: its
// source stands where the internal side does, its target where the external side does.

/** `single`: one branch; `all-branch`: every branch, and with the push option `--tags` every tag. */
export type SyncMode = 'single' | 'all-branch'
export const SYNC_MODES = ['single', 'all-branch'] as const

/** In place of a remote: the repository itself. */
export const LOCAL = 'local'

export type TaskEnd = {
  /** A remote of the repository, or `local`. */
  readonly remote: string
  /** Null: all branches. */
  readonly branch: BranchName | null
  /** As the queue counts connections; empty: on this machine. */
  readonly host: string
  /** `host:port`, to tell servers apart; empty as above. */
  readonly endpoint: string
}

export type Task = {
  readonly id: TaskId
  readonly name: string
  readonly repositoryId: RepositoryId
  readonly mode: SyncMode
  readonly source: TaskEnd
  readonly target: TaskEnd
  readonly pushOptions: readonly PushOption[]
  readonly enabled: boolean
  readonly cron: string | null
  /** Null: that of the service. */
  readonly timezone: string | null
  readonly cronNextAt: number | null
  readonly createdAt: number
  readonly updatedAt: number
}

/** The key under which runs, agreed shas, mirrors and backups of a task are kept. */
export function taskSubject(id: TaskId): string {
  return `task:${id}`
}

/** The task as its runs remember it, also when it is gone. */
export function runSubjectOf({ id, name, source, target }: Pick<Task, 'id' | 'name' | 'source' | 'target'>) {
  return {
    subject: taskSubject(id),
    bindingId: null,
    taskId: id,
    name,
    hosts: { internal: source.host, external: target.host },
    endpoints: { internal: source.endpoint, external: target.endpoint },
    notBefore: null,
  } as const
}

/** What a run of the task is to make equal. */
export function workOf({ source, target, pushOptions }: Pick<Task, 'source' | 'target' | 'pushOptions'>) {
  const isSingle = source.branch !== null && target.branch !== null
  const pair = isSingle
    ? [
        {
          internal: branchRef(source.branch),
          external: branchRef(target.branch),
          branchId: null,
          after: null,
        },
      ]
    : ('all' as const)
  return [{ direction: 'to_outer' as const, scope: pair, force: forces(pushOptions), named: isSingle }]
}
