import { Hono } from 'hono'
import type { Context } from 'hono'
import { z } from 'zod'
import { noteChange } from '../../audit/request-trail.ts'
import type { Database } from '../../db/database.ts'
import { RepositoryId, TaskId } from '../../ids.ts'
import type { RunId } from '../../ids.ts'
import { lastRunsOf } from '../../run/last-runs.ts'
import type { LastRun } from '../../run/last-runs.ts'
import { getRun, listRuns } from '../../run/runs.ts'
import { parseCron } from '../../task/cron.ts'
import type { TaskDeps } from '../../task/definition.ts'
import { taskDisabled } from '../../task/task-error.ts'
import { SYNC_MODES } from '../../task/task.ts'
import type { Task } from '../../task/task.ts'
import { createTask, deleteTask, getTask, listTasks, updateTask } from '../../task/tasks.ts'
import { ok, page } from './envelope.ts'
import { isoTime, isoTimeOrNull, Paging } from './paging.ts'
import { read, readBody } from './read.ts'
import { runToWire } from './run-wire.ts'

export type TaskRouteDeps = TaskDeps & {
  readonly db: Database
  /** Somebody who waits gets the outcome of the first attempt. */
  readonly requestRun: (
    task: Task,
    options: { readonly wait: boolean; readonly by: string },
  ) => Promise<RunId>
  /** Resolves when an attempt has ended; rejects when the signal aborts. */
  readonly waitForRun: (id: RunId, signal: AbortSignal) => Promise<unknown>
  /** A task has another time than before. */
  readonly onTaskChanged: () => void
  readonly onTaskDeleted: (task: Task) => Promise<void>
}

const optionList = z.union([z.string(), z.array(z.string())])
const nullableText = z.string().nullable()

const Given = {
  name: z.string(),
  repo_id: z
    .int()
    .positive()
    .transform((id) => RepositoryId.parse(id)),
  source_remote: z.string(),
  source_branch: nullableText,
  target_remote: z.string(),
  target_branch: nullableText,
  cron_expression: nullableText,
  /** As clients of Git Manage Service call it. */
  cron: nullableText,
  timezone: nullableText,
  enabled: z.boolean(),
  push_options: optionList.nullable(),
  sync_mode: z.enum(SYNC_MODES),
}

const Change = z.object(Given).partial()

const NewTask = Change.required({
  name: true,
  repo_id: true,
  source_remote: true,
  target_remote: true,
})

const Filter = z.object({ repo_id: RepositoryId.optional(), ...Paging })
const RunQuery = z.object({ wait: z.enum(['true', 'false']).default('false') })

/** `/sync/tasks`: syncs between remotes of registered repositories. */
export function taskRoutes(deps: TaskRouteDeps): Hono {
  const routes = new Hono()
  const idOf = (c: Context): TaskId => read(TaskId, c.req.param('id'))
  const toWire = async (tasks: readonly Task[]): Promise<readonly Record<string, unknown>[]> => {
    const last = await lastRunsOf(
      deps.db,
      tasks.map(({ id }) => id),
    )
    return tasks.map((task) => taskToWire(deps, task, last.get(task.id)))
  }
  const one = async (c: Context, task: Task): Promise<Response> => ok(c, (await toWire([task]))[0])

  routes.get('/', async (c) => {
    const { repo_id: repositoryId, page: number, page_size: pageSize } = read(Filter, c.req.query())
    const { tasks, total } = await listTasks(deps, { repositoryId }, { page: number, pageSize })
    return page(c, { items: await toWire(tasks), total, page: number, pageSize }, 'tasks')
  })

  routes.post('/', async (c) => {
    const body = await readBody(c, NewTask)
    const task = await createTask(deps, {
      name: body.name,
      repositoryId: body.repo_id,
      mode: body.sync_mode ?? 'single',
      sourceRemote: body.source_remote,
      sourceBranch: body.source_branch ?? null,
      targetRemote: body.target_remote,
      targetBranch: body.target_branch ?? null,
      pushOptions: body.push_options ?? '',
      enabled: body.enabled ?? true,
      cron: body.cron_expression ?? body.cron ?? null,
      timezone: body.timezone ?? null,
    })
    noteChange(c, { id: task.id, name: task.name, after: definitionOf(task) })
    deps.onTaskChanged()
    return one(c, task)
  })

  routes.get('/:id', async (c) => one(c, await getTask(deps.db, idOf(c))))

  routes.put('/:id', async (c) => {
    const body = await readBody(c, Change)
    const before = await getTask(deps.db, idOf(c))
    const task = await updateTask(deps, before.id, {
      name: body.name,
      repositoryId: body.repo_id,
      mode: body.sync_mode,
      sourceRemote: body.source_remote,
      sourceBranch: body.source_branch,
      targetRemote: body.target_remote,
      targetBranch: body.target_branch,
      pushOptions: body.push_options === null ? '' : body.push_options,
      enabled: body.enabled,
      cron: body.cron_expression === undefined ? body.cron : body.cron_expression,
      timezone: body.timezone,
    })
    noteChange(c, { name: before.name, before: definitionOf(before), after: definitionOf(task) })
    deps.onTaskChanged()
    return one(c, task)
  })

  routes.delete('/:id', async (c) => {
    const task = await deleteTask(deps, idOf(c))
    noteChange(c, { name: task.name, before: definitionOf(task) })
    await deps.onTaskDeleted(task)
    return ok(c, null)
  })

  routes.post('/:id/run', async (c) => {
    const wait = read(RunQuery, c.req.query()).wait === 'true'
    const task = await getTask(deps.db, idOf(c))
    if (!task.enabled) throw taskDisabled(task.name)
    const id = await deps.requestRun(task, { wait, by: c.get('caller').name })
    noteChange(c, { name: task.name, after: { run_id: id } })
    if (!wait) return ok(c, { run_id: id, task_id: task.id, status: 'queued' }, 202)
    await deps.waitForRun(id, c.req.raw.signal)
    return ok(c, { run_id: id, ...runToWire(await getRun(deps, id)) })
  })

  routes.get('/:id/runs', async (c) => {
    const { page: number, page_size: pageSize } = read(z.object(Paging), c.req.query())
    const task = await getTask(deps.db, idOf(c))
    const { runs, total } = await listRuns(deps, { taskId: task.id }, { page: number, pageSize })
    return page(c, { items: runs.map(runToWire), total, page: number, pageSize }, 'runs')
  })

  return routes
}

/** What people decide of a task. */
function definitionOf(task: Task): Record<string, unknown> {
  return {
    name: task.name,
    repo_id: task.repositoryId,
    sync_mode: task.mode,
    source_remote: task.source.remote,
    source_branch: task.source.branch,
    target_remote: task.target.remote,
    target_branch: task.target.branch,
    cron_expression: task.cron,
    timezone: task.timezone,
    enabled: task.enabled,
    push_options: task.pushOptions.join(' '),
  }
}

const SHOWN_TIMES = 5

function taskToWire(deps: TaskDeps, task: Task, last: LastRun | undefined): Record<string, unknown> {
  return {
    id: task.id,
    ...definitionOf(task),
    cron: task.cron,
    timezone: task.timezone ?? deps.timezone,
    next_run_times: nextTimes(deps, task).map(isoTime),
    last_run_id: last?.id ?? null,
    last_run_at: isoTimeOrNull(last?.at ?? null),
    last_status: last?.status ?? null,
    created_at: isoTime(task.createdAt),
    updated_at: isoTime(task.updatedAt),
  }
}

function nextTimes({ clock, timezone }: TaskDeps, task: Task): readonly number[] {
  if (task.cron === null || !task.enabled) return []
  const parsed = parseCron(task.cron, task.timezone ?? timezone)
  return parsed.kind === 'ok' ? parsed.schedule.timesAfter(clock.now(), SHOWN_TIMES) : []
}
