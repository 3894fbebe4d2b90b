import { Hono } from 'hono'
import { streamSSE } from 'hono/streaming'
import type { SSEStreamingApi } from 'hono/streaming'
import { z } from 'zod'
import { RunId } from '../../ids.ts'
import { cancelRun } from '../../run/cancel.ts'
import type { RunEvents } from '../../run/events.ts'
import type { RunningRuns } from '../../run/execute.ts'
import type { LiveLogs } from '../../run/log.ts'
import { confirmHeld } from '../../run/resolve.ts'
import type { DecideDeps } from '../../run/resolve.ts'
import { isEnded, RUN_STATUSES, TRIGGERS } from '../../run/run.ts'
import { getRun, listRuns, readStoredLog } from '../../run/runs.ts'
import { ok, page } from './envelope.ts'
import { read } from './read.ts'
import { Paging } from './paging.ts'
import { runToWire } from './run-wire.ts'

export type RunRouteDeps = DecideDeps & {
  readonly events: RunEvents
  readonly liveLogs: LiveLogs
  readonly running: RunningRuns
}

const Filter = z.object({
  binding: z.string().optional(),
  task_id: z.coerce.number().int().positive().optional(),
  status: z.enum(RUN_STATUSES).optional(),
  trigger: z.enum(TRIGGERS).optional(),
  ...Paging,
})

/** `/runs`: what happened, and what is happening. */
export function runRoutes(deps: RunRouteDeps): Hono {
  const routes = new Hono()

  routes.get('/', async (c) => {
    const query = read(Filter, c.req.query())
    const filter = {
      binding: query.binding,
      taskId: query.task_id,
      status: query.status,
      trigger: query.trigger,
    }
    const paging = { page: query.page, pageSize: query.page_size }
    const { runs, total } = await listRuns(deps, filter, paging)
    return page(c, { items: runs.map(runToWire), total, ...paging })
  })

  routes.get('/:id', async (c) => {
    const id = read(RunId, c.req.param('id'))
    const run = await getRun(deps, id)
    return ok(c, { ...runToWire(run), log: await readLog(deps, id) })
  })

  routes.get('/:id/log', async (c) => {
    const id = read(RunId, c.req.param('id'))
    await getRun(deps, id)
    if (!(c.req.header('accept') ?? '').includes('text/event-stream')) {
      return c.text(await readLog(deps, id))
    }
    return streamSSE(c, (stream) => followLog(deps, id, stream))
  })

  routes.post('/:id/cancel', async (c) =>
    ok(c, runToWire(await cancelRun(deps, read(RunId, c.req.param('id'))))),
  )

  // What was held back because it was so much is meant.
  routes.post('/:id/confirm', async (c) => {
    const id = read(RunId, c.req.param('id'))
    const { runId, leftOut } = await confirmHeld(deps, id, c.get('caller').name)
    return ok(c, { run_id: runId, left_out: leftOut }, 202)
  })

  return routes
}

async function readLog(deps: RunRouteDeps, id: RunId): Promise<string> {
  return deps.liveLogs.find(id)?.text() ?? readStoredLog(deps.db, id)
}

/** Sends what the log holds, then each line as it is written, then `end` with the status of the ended run. */
async function followLog(deps: RunRouteDeps, id: RunId, stream: SSEStreamingApi): Promise<void> {
  const left = new AbortController()
  stream.onAbort(() => left.abort())
  let woken = Promise.withResolvers<void>()
  using _lines = deps.events.onLogged(id, () => woken.resolve())
  let sent = 0
  while (!left.signal.aborted) {
    // Made before the log is read, so that a line written meanwhile is noticed.
    woken = Promise.withResolvers<void>()
    using ended = deps.events.onceAttemptEnded(id, left.signal)
    const text = await readLog(deps, id)
    await sendLines(stream, text.slice(sent))
    sent = text.length
    const run = await getRun(deps, id)
    // Its log may still grow a little after that was recorded.
    if (isEnded(run.status) && deps.liveLogs.find(id) === undefined) {
      await stream.writeSSE({ event: 'end', data: JSON.stringify({ status: run.status, code: run.code }) })
      return
    }
    await Promise.race([woken.promise, ended.promise]).catch(() => undefined)
  }
}

async function sendLines(stream: SSEStreamingApi, text: string): Promise<void> {
  for (const line of text.split('\n')) {
    if (line !== '') await stream.writeSSE({ event: 'log', data: line })
  }
}
