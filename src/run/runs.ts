import type { Selectable } from 'kysely'
import type { Database, Executor } from '../db/database.ts'
import { countRows, newestFirst, placeOf, talliedPlaceOf } from '../db/page.ts'
import type { Page, Tally } from '../db/page.ts'
import type { RunTable } from '../db/run-schema.ts'
import { DomainError } from '../domain-error.ts'
import { BindingId, RunId } from '../ids.ts'
import type { Run, RunStatus, Trigger } from './run.ts'
import { RunRefs, RunSteps, Work } from './run.ts'

const SHOWN_COLUMNS = [
  'id',
  'subject',
  'binding_id',
  'task_id',
  'subject_name',
  'trigger',
  'direction',
  'internal_host',
  'external_host',
  'internal_endpoint',
  'external_endpoint',
  'requested_by',
  'dry_run',
  'status',
  'priority',
  'work',
  'code',
  'message',
  'hint',
  'detail',
  'attempts',
  'attempt_limit',
  'interrupted',
  'run_after',
  'queued_at',
  'started_at',
  'finished_at',
  'refs',
  'steps',
] as const

export type RunFilter = {
  readonly binding?: string | undefined
  readonly taskId?: number | undefined
  readonly status?: RunStatus | undefined
  readonly trigger?: Trigger | undefined
}

/** Newest first, without their logs. */
export async function listRuns(
  deps: { readonly db: Database },
  filter: RunFilter,
  page: Page,
): Promise<{ readonly runs: readonly Run[]; readonly total: number }> {
  const { binding, taskId, status, trigger } = filter
  let query = deps.db.selectFrom('run')
  if (binding !== undefined) query = query.where('subject_name', '=', binding)
  if (taskId !== undefined) query = query.where('task_id', '=', taskId)
  if (status !== undefined) query = query.where('status', '=', status)
  if (trigger !== undefined) query = query.where('trigger', '=', trigger)
  const isTallied = binding === undefined && taskId === undefined
  const place = isTallied
    ? talliedPlaceOf(await tallyRuns(deps.db, filter), page)
    : placeOf(await countRows(query), page)
  const rows = await query
    .select(SHOWN_COLUMNS)
    .where('id', '<', place.endId)
    .orderBy('id', place.order)
    .limit(place.limit)
    .offset(place.offset)
    .execute()
  return { runs: newestFirst(rows, place).map(rowToRun), total: place.total }
}

function tallyRuns(db: Database, { status, trigger }: RunFilter): Promise<readonly Tally[]> {
  let query = db.selectFrom('run_tally')
  if (status !== undefined) query = query.where('status', '=', status)
  if (trigger !== undefined) query = query.where('trigger', '=', trigger)
  return query
    .select((eb) => ['bucket', eb.fn.sum<number>('count').as('count')])
    .groupBy('bucket')
    .execute()
}

async function findRun(db: Executor, id: RunId): Promise<Run | undefined> {
  const row = await db.selectFrom('run').select(SHOWN_COLUMNS).where('id', '=', id).executeTakeFirst()
  return row === undefined ? undefined : rowToRun(row)
}

/** Throws `run_not_found` when there is no such run. */
export async function getRun(deps: { readonly db: Database }, id: RunId): Promise<Run> {
  const run = await findRun(deps.db, id)
  if (run === undefined) throw runNotFound(id)
  return run
}

export async function readStoredLog(db: Executor, id: RunId): Promise<string> {
  const row = await db.selectFrom('run').select('log').where('id', '=', id).executeTakeFirst()
  if (row === undefined) throw runNotFound(id)
  return row.log
}

function runNotFound(id: RunId): DomainError {
  return new DomainError('not_found', 'run_not_found', {
    zh: `未找到运行记录 ${id}`,
    en: `there is no run ${id}`,
  })
}

export function rowToRun(row: Omit<Selectable<RunTable>, 'log'>): Run {
  return {
    id: RunId.parse(row.id),
    subject: row.subject,
    bindingId: row.binding_id === null ? null : BindingId.parse(row.binding_id),
    taskId: row.task_id,
    subjectName: row.subject_name,
    trigger: row.trigger,
    direction: row.direction,
    status: row.status,
    work: Work.parse(JSON.parse(row.work)),
    code: row.code,
    message: row.message,
    hint: row.hint,
    detail: row.detail,
    attempts: row.attempts,
    attemptLimit: row.attempt_limit,
    interrupted: row.interrupted,
    runAfter: row.run_after,
    requestedBy: row.requested_by,
    dryRun: row.dry_run === 1,
    hosts: { internal: row.internal_host, external: row.external_host },
    endpoints: { internal: row.internal_endpoint, external: row.external_endpoint },
    queuedAt: row.queued_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    refs: RunRefs.parse(JSON.parse(row.refs)),
    steps: RunSteps.parse(JSON.parse(row.steps)),
  }
}
