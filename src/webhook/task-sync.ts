import { getConnInfo } from '@hono/node-server/conninfo'
import { Hono } from 'hono'
import type { Context } from 'hono'
import { z } from 'zod'
import type { Clock } from '../clock.ts'
import { SECOND } from '../clock.ts'
import type { Database } from '../db/database.ts'
import { isHexHmac } from '../forge/signature.ts'
import { TaskId } from '../ids.ts'
import type { RunId } from '../ids.ts'
import type { Logger } from '../log.ts'
import { requestRun } from '../run/request.ts'
import { runSubjectOf, workOf } from '../task/task.ts'
import { findTask } from '../task/tasks.ts'
import type { RateLimit } from './rate-limit.ts'
import { readRequest } from './request.ts'

// `POST /api/webhooks/task-sync`: whoever knows the secret asks for a run of a task.
//
// The order of checks: address, rate, signature over the received bytes, content. It is answered with 200 when
// the request for the run is on disk; nothing is worked on here.

export type TaskSyncDeps = {
  readonly db: Database
  readonly clock: Clock
  readonly logger: Logger
  /** Any of them may have signed; empty when none is configured. */
  readonly secrets: readonly string[]
  /** Whether this client address may ask at all; null: it is not known. */
  readonly allowsAddress: (address: string | null) => boolean
  readonly rateLimit: RateLimit
  readonly maxBody: number
  readonly attemptLimit: number
  readonly wakeQueue: () => void
}

type Status = 400 | 401 | 403 | 404 | 413 | 429 | 503

// The number of a task needs less than a hundred.
const MOST_BYTES = 64 * 1024
const Body = z.looseObject({ task_id: z.int().positive() })

export function taskSyncRoutes(deps: TaskSyncDeps): Hono {
  const routes = new Hono()
  routes.post('/task-sync', (c) => receive(deps, c))
  return routes
}

async function receive(deps: TaskSyncDeps, c: Context): Promise<Response> {
  const address = getConnInfo(c).remote.address ?? null
  if (!deps.allowsAddress(address)) return refuse(c, 403, 'IP not allowed')
  const waitMs = deps.rateLimit(address ?? '')
  if (waitMs > 0) {
    c.header('Retry-After', String(Math.ceil(waitMs / SECOND)))
    return refuse(c, 429, 'Rate limit exceeded')
  }
  const request = await readRequest(c, Math.min(deps.maxBody, MOST_BYTES))
  if (request === 'too_large') return refuse(c, 413, 'Request body too large')
  const problem = judgeSignature(deps, request.headers.get('x-hub-signature-256'), request.body)
  if (problem !== undefined) return refuse(c, 401, problem)
  const id = readTaskId(request.body)
  if (id === undefined) return refuse(c, 400, 'Invalid request body: task_id must be a positive integer')
  return answer(deps, c, id)
}

function judgeSignature(
  { secrets, logger }: TaskSyncDeps,
  header: string | undefined,
  body: Uint8Array,
): string | undefined {
  if (secrets.length === 0) {
    logger.warn('a call of task-sync was refused because no secret is configured: set WEBHOOK_SECRET')
    return 'No webhook secret is configured'
  }
  if (header === undefined || header === '') return 'Missing signature'
  const [, hex] = /^sha256=([0-9a-f]{64})$/i.exec(header) ?? []
  if (hex === undefined) return 'Invalid signature format'
  return isHexHmac(hex, body, secrets) ? undefined : 'Invalid signature'
}

function readTaskId(body: Uint8Array): TaskId | undefined {
  try {
    const parsed = Body.safeParse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)))
    return parsed.success ? TaskId.parse(parsed.data.task_id) : undefined
  } catch {
    return undefined
  }
}

async function answer(deps: TaskSyncDeps, c: Context, id: TaskId): Promise<Response> {
  let requested: RunId | 'unknown' | 'disabled'
  try {
    requested = await request(deps, id)
  } catch (error) {
    deps.logger.error({ err: error, task: id }, 'a run that was asked for by webhook could not be stored')
    c.header('Retry-After', '30')
    return refuse(c, 503, 'The request could not be stored; send it again')
  }
  if (requested === 'unknown') return refuse(c, 404, 'Task not found')
  if (requested === 'disabled') return refuse(c, 400, 'Task is disabled')
  deps.wakeQueue()
  c.set('facts', { outcome: 'accepted', task: id, run: requested })
  return c.json({ message: 'Sync triggered successfully', task_id: id, run_id: requested })
}

function request(deps: TaskSyncDeps, id: TaskId): Promise<RunId | 'unknown' | 'disabled'> {
  return deps.db.transaction().execute(async (trx) => {
    const task = await findTask(trx, id)
    if (task === undefined) return 'unknown'
    if (!task.enabled) return 'disabled'
    const work = workOf(task)
    const { attemptLimit } = deps
    return requestRun(
      trx,
      { of: runSubjectOf(task), trigger: 'webhook', work, attemptLimit },
      deps.clock.now(),
    )
  })
}

function refuse(c: Context, status: Status, error: string): Response {
  c.set('facts', { outcome: 'rejected', reason: error })
  return c.json({ error }, status)
}
