import type { Database, Executor } from '../db/database.ts'
import type { RunTable } from '../db/run-schema.ts'
import { DomainError } from '../domain-error.ts'
import { RunId } from '../ids.ts'
import type { Insertable } from 'kysely'
import type { RunEvents } from './events.ts'
import { mergeWork, PRIORITY, Work, workDirection } from './run.ts'
import type { Trigger, Work as WorkType } from './run.ts'

/** Who is to be synced; a binding or a task, as the run remembers it. */
export type RunSubject = {
  readonly subject: string
  readonly bindingId: number | null
  readonly taskId: number | null
  readonly name: string
  readonly hosts: { readonly internal: string; readonly external: string }
  /** `host:port` of each side; empty: not over a network. */
  readonly endpoints: { readonly internal: string; readonly external: string }
  /** The subject is paused: unless a person asks, nothing runs before this time. */
  readonly notBefore: number | null
}

export type RunRequest = {
  readonly of: RunSubject
  readonly trigger: Trigger
  readonly work: WorkType
  /** Attempts this request may cost; somebody who waits for the answer wants one. */
  readonly attemptLimit: number
  /** Who asks by hand. */
  readonly requestedBy?: string | undefined
  readonly dryRun?: boolean
}

/**
 * Puts the work into the subject's waiting run, or makes one. Inside the caller's transaction: the
 * request exists exactly when that commits. Work that waits for a retry keeps waiting, unless a person
 * asks: feeding a failing sync with every push would defeat its backoff.
 */
export async function requestRun(db: Executor, request: RunRequest, now: number): Promise<RunId> {
  const waiting = await db
    .selectFrom('run')
    .select(['id', 'work', 'trigger', 'priority', 'attempts', 'attempt_limit', 'run_after'])
    .where('subject', '=', request.of.subject)
    .where('status', '=', 'queued')
    .executeTakeFirst()
  if (waiting === undefined) return insertRun(db, { ...request, work: mergeWork([], request.work) }, now)

  const work = mergeWork(Work.parse(JSON.parse(waiting.work)), request.work)
  const priority = PRIORITY[request.trigger]
  const isManual = request.trigger === 'manual'
  // What waited for a pause to end need not; a retry keeps its time.
  const isEager = isManual || (waiting.attempts === 0 && request.of.notBefore === null)
  const runAfter = isEager ? Math.min(now, waiting.run_after) : waiting.run_after
  await db
    .updateTable('run')
    .set({
      work: JSON.stringify(work),
      direction: workDirection(work),
      trigger: priority > waiting.priority ? request.trigger : waiting.trigger,
      priority: Math.max(priority, waiting.priority),
      attempt_limit: Math.max(request.attemptLimit, waiting.attempt_limit),
      run_after: runAfter,
      ...(isManual ? { code: null, message: null } : {}),
      ...(request.requestedBy === undefined ? {} : { requested_by: request.requestedBy }),
    })
    .where('id', '=', waiting.id)
    .execute()
  return RunId.parse(waiting.id)
}

async function insertRun(db: Executor, request: RunRequest, now: number): Promise<RunId> {
  const row: Insertable<RunTable> = {
    subject: request.of.subject,
    binding_id: request.of.bindingId,
    task_id: request.of.taskId,
    subject_name: request.of.name,
    trigger: request.trigger,
    direction: workDirection(request.work),
    internal_host: request.of.hosts.internal,
    external_host: request.of.hosts.external,
    internal_endpoint: request.of.endpoints.internal,
    external_endpoint: request.of.endpoints.external,
    requested_by: request.requestedBy ?? null,
    dry_run: request.dryRun === true ? 1 : 0,
    status: 'queued',
    priority: PRIORITY[request.trigger],
    work: JSON.stringify(request.work),
    attempts: 0,
    attempt_limit: request.attemptLimit,
    interrupted: 0,
    run_after: earliest(request, now),
    queued_at: now,
    refs: '[]',
    steps: '[]',
    log: '',
  }
  const { id } = await db.insertInto('run').values(row).returning('id').executeTakeFirstOrThrow()
  return RunId.parse(id)
}

function earliest({ trigger, of }: RunRequest, now: number): number {
  return trigger === 'manual' ? now : Math.max(now, of.notBefore ?? 0)
}

/** How the attempt that served a request ended, in the documented numbers and words. */
export type RunAnswer = {
  readonly code: number
  readonly message: string
  readonly detail: string | null
  readonly hint: string | null
}

/**
 * Resolves when the run's next attempt has ended, with what it came to. A run that will be tried again
 * answers with the failure of this attempt. Rejects when the signal aborts; the run goes on.
 */
export async function waitForRun(
  deps: { readonly db: Database; readonly events: RunEvents },
  id: RunId,
  signal: AbortSignal,
): Promise<RunAnswer> {
  using ended = deps.events.onceAttemptEnded(id, signal)
  // Read after subscribing, so an end between the request and now is not missed.
  const before = await readAnswer(deps.db, id)
  if (before !== undefined) return before
  await ended.promise
  const answer = await readAnswer(deps.db, id)
  if (answer === undefined) {
    throw stopping()
  }
  return answer
}

/** Whoever asks for a sync while the service stops, or waits for one, is told so. */
export function stopping(): DomainError {
  return new DomainError('unavailable', 'stopping', {
    zh: '服务正在停止；已请求的同步将在恢复后继续',
    en: 'the service is stopping; what was requested continues when it is back',
  })
}

async function readAnswer(db: Executor, id: RunId): Promise<RunAnswer | undefined> {
  const row = await db
    .selectFrom('run')
    .select(['code', 'message', 'detail', 'hint', 'status'])
    .where('id', '=', id)
    .executeTakeFirst()
  if (row === undefined || row.status === 'running' || row.code === null) return undefined
  return { code: row.code, message: row.message ?? '', detail: row.detail, hint: row.hint }
}
