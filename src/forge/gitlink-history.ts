import { z } from 'zod'
import { apiId } from './api-call.ts'
import { flag, text } from './fields.ts'
import type { MissedDelivery } from './forge-api.ts'

// What GitLink remembers of the deliveries of a hook.

const Task = z.object({
  id: apiId,
  uuid: text,
  is_succeed: flag,
  delivered_time: text,
  payload_content: z.unknown(),
  request_content: z
    .object({ headers: z.record(z.string(), z.unknown()) })
    .optional()
    .catch(undefined),
})
type Task = z.infer<typeof Task>

/** The list has another name under the old paths. */
export const Tasks = z
  .union([z.object({ hooktasks: z.array(Task) }), z.object({ tasks: z.array(Task) })])
  .transform((list) => ('hooktasks' in list ? list.hooktasks : list.tasks))

/** Whether every later page is older: the newest come first, and this one reaches back far enough. */
export function reachesBackTo(sinceMs: number): (page: readonly Task[]) => boolean {
  return (page) => {
    const [newest, oldest] = [page[0], page.at(-1)]
    if (newest === undefined || oldest === undefined || Number(newest.id) < Number(oldest.id)) return false
    const at = timeOf(oldest)
    return at !== undefined && at < sinceMs
  }
}

/** Those that failed since then, oldest first. */
export function missedTasks(tasks: readonly Task[], sinceMs: number): readonly MissedDelivery[] {
  return (
    tasks
      .filter((task) => task.is_succeed === false)
      // Times are in whole seconds, in which many pushes may happen.
      .toSorted((a, b) => Number(a.id) - Number(b.id))
      .map((task) => toMissed(task, sinceMs))
      .filter(({ at }) => at >= sinceMs)
      .toSorted((a, b) => a.at - b.at)
  )
}

function toMissed(task: Task, sinceMs: number): MissedDelivery {
  const payload = payloadOf(task)
  return {
    id: task.uuid ?? task.id,
    // Without a time it has not been tried yet, so it cannot be older.
    at: timeOf(task) ?? sinceMs,
    payload,
    ...(payload === null ? {} : { headers: headersOf(task) }),
  }
}

// Local time of the service, which runs in China.
function timeOf({ delivered_time: time = '' }: Task): number | undefined {
  const local = /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d)?$/.test(time)
  const at = Date.parse(local ? `${time.replace(' ', 'T')}+08:00` : time)
  return Number.isNaN(at) ? undefined : at
}

function payloadOf({ payload_content: payload }: Task): string | null {
  if (typeof payload === 'string') return payload
  return typeof payload === 'object' && payload !== null ? JSON.stringify(payload) : null
}

// The signature is left out: it was made over a text that the history does not keep.
function headersOf(task: Task): ReadonlyMap<string, string> {
  const sent = Object.entries(task.request_content?.headers ?? {})
  const event = sent.find(([name]) => /^x-gitea-event$/i.test(name))?.[1]
  return new Map([
    ['content-type', 'application/json'],
    ['x-gitea-event', typeof event === 'string' ? event : eventOf(task.payload_content)],
    ['x-gitea-delivery', task.uuid ?? task.id],
  ])
}

const Shape = z.object({ ref_type: text, sha: text }).catch({ ref_type: undefined, sha: undefined })

// Only a push has no kind of ref, and only what was created has a sha.
function eventOf(payload: unknown): string {
  const { ref_type: kind, sha } = Shape.parse(payload)
  if (kind === undefined) return 'push'
  return sha === undefined ? 'delete' : 'create'
}
