import type { Selectable } from 'kysely'
import type { Database, Executor } from '../db/database.ts'
import { countRows } from '../db/page.ts'
import type { Page } from '../db/page.ts'
import type { TaskTable } from '../db/task-schema.ts'
import { toBranchName } from '../git/refs.ts'
import type { BranchName } from '../git/refs.ts'
import { RepositoryId, TaskId } from '../ids.ts'
import { accept, findServers, isSameSync, merge, nextAt } from './definition.ts'
import type { NewTask, Servers, TaskChange, TaskDeps } from './definition.ts'
import { parsePushOptions } from './push-options.ts'
import type { PushOption } from './push-options.ts'
import { taskExists, taskUnknown } from './task-error.ts'
import { taskSubject } from './task.ts'
import type { Task } from './task.ts'

/** Throws `task_…`, `cron`, `timezone`, `push_option`, `remote_…` or `repository_…`. */
export async function createTask(deps: TaskDeps, input: NewTask): Promise<Task> {
  const definition = accept(deps, input)
  const servers = await findServers(deps, input)
  const now = deps.clock.now()
  return deps.db.transaction().execute(async (trx) => {
    await refuseTaken(trx, input.name)
    const row = await trx
      .insertInto('task')
      .values({
        ...definition,
        ...servers,
        cron_next_at: nextAt(deps, definition, now),
        ends: null,
        created_at: now,
        updated_at: now,
      })
      .returningAll()
      .executeTakeFirstOrThrow()
    return rowToTask(row)
  })
}

/**
 * With another repository, remote or branch, what both ends had agreed on is forgotten; a run that waits takes the
 * task as it is when it starts. Throws as `createTask`, or `task_unknown`.
 */
export async function updateTask(deps: TaskDeps, id: TaskId, change: TaskChange): Promise<Task> {
  const before = await getTask(deps.db, id)
  const input = merge(before, change)
  const definition = accept(deps, input)
  const movesEnds = !isSameSync(before, definition)
  const servers = movesEnds ? await findServers(deps, input) : {}
  const isSameTime =
    before.enabled === input.enabled &&
    before.cron === definition.cron_expression &&
    before.timezone === definition.timezone
  const now = deps.clock.now()
  return deps.db.transaction().execute(async (trx) => {
    await refuseTaken(trx, input.name, id)
    const row = await trx
      .updateTable('task')
      .set({
        ...definition,
        ...servers,
        ...(isSameTime ? {} : { cron_next_at: nextAt(deps, definition, now) }),
        updated_at: now,
      })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirst()
    if (row === undefined) throw taskUnknown(id)
    if (movesEnds) await forgetAgreed(trx, id)
    return rowToTask(row)
  })
}

/**
 * Removes the task and what its ends had agreed on, and returns what it was: runs that wait for it and its mirror
 * are the caller's to clean up. Throws `task_unknown`.
 */
export async function deleteTask(deps: { readonly db: Database }, id: TaskId): Promise<Task> {
  return deps.db.transaction().execute(async (trx) => {
    const task = await getTask(trx, id)
    await forgetAgreed(trx, id)
    await trx.deleteFrom('task').where('id', '=', id).execute()
    return task
  })
}

/** Oldest first. */
export async function listTasks(
  deps: { readonly db: Database },
  filter: { readonly repositoryId?: RepositoryId | undefined },
  { page, pageSize }: Page,
): Promise<{ readonly tasks: readonly Task[]; readonly total: number }> {
  let query = deps.db.selectFrom('task')
  if (filter.repositoryId !== undefined) query = query.where('repository_id', '=', filter.repositoryId)
  const total = await countRows(query)
  const rows = await query
    .selectAll()
    .orderBy('id')
    .limit(pageSize)
    .offset((page - 1) * pageSize)
    .execute()
  return { tasks: rows.map(rowToTask), total }
}

/** Throws `task_unknown`. */
export async function getTask(db: Executor, id: TaskId): Promise<Task> {
  const task = await findTask(db, id)
  if (task === undefined) throw taskUnknown(id)
  return task
}

export async function findTask(db: Executor, id: TaskId): Promise<Task | undefined> {
  const row = await db.selectFrom('task').selectAll().where('id', '=', id).executeTakeFirst()
  return row === undefined ? undefined : rowToTask(row)
}

/** Names of the tasks of a repository. */
export async function namesOfTasks(db: Executor, id: RepositoryId): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('task')
    .select('name')
    .where('repository_id', '=', id)
    .orderBy('id')
    .execute()
  return rows.map(({ name }) => name)
}

/** Notes where both ends lead now; what was agreed on while they led elsewhere is forgotten. */
export async function noteEnds(db: Database, id: TaskId, digest: string, servers: Servers): Promise<void> {
  const known = await db.selectFrom('task').select('ends').where('id', '=', id).executeTakeFirst()
  if (known === undefined || known.ends === digest) return
  await db.transaction().execute(async (trx) => {
    await trx
      .updateTable('task')
      .set({ ends: digest, ...servers })
      .where('id', '=', id)
      .execute()
    if (known.ends !== null) await forgetAgreed(trx, id)
  })
}

async function refuseTaken(trx: Executor, name: string, except?: TaskId): Promise<void> {
  const row = await trx.selectFrom('task').select('id').where('name', '=', name).executeTakeFirst()
  if (row !== undefined && row.id !== except) throw taskExists(name)
}

async function forgetAgreed(trx: Executor, id: TaskId): Promise<void> {
  await trx.deleteFrom('agreed_ref').where('subject', '=', taskSubject(id)).execute()
}

function rowToTask(row: Selectable<TaskTable>): Task {
  return {
    id: TaskId.parse(row.id),
    name: row.name,
    repositoryId: RepositoryId.parse(row.repository_id),
    mode: row.sync_mode,
    source: {
      remote: row.source_remote,
      branch: storedBranch(row.source_branch),
      host: row.source_host,
      endpoint: row.source_endpoint,
    },
    target: {
      remote: row.target_remote,
      branch: storedBranch(row.target_branch),
      host: row.target_host,
      endpoint: row.target_endpoint,
    },
    pushOptions: storedOptions(row.push_options),
    enabled: row.enabled === 1,
    cron: row.cron_expression,
    timezone: row.timezone,
    cronNextAt: row.cron_next_at === null ? null : Number(row.cron_next_at),
    createdAt: Number(row.created_at),
    updatedAt: Number(row.updated_at),
  }
}

function storedBranch(text: string | null): BranchName | null {
  return text === null ? null : (toBranchName(text) ?? null)
}

function storedOptions(text: string): readonly PushOption[] {
  const parsed = parsePushOptions(text)
  return parsed.kind === 'ok' ? parsed.options : []
}
