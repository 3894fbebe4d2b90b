import { z } from 'zod'
import { apiId, readAnswer } from './api-call.ts'
import type { ApiCall } from './api-call.ts'
import { pathOf } from './api-place.ts'
import { text } from './fields.ts'
import type { ForgeApiOutcome, MissedDelivery } from './forge-api.ts'

// What Azure DevOps remembers of the deliveries of a subscription: notifications, for seven days.

const Notification = z.object({
  id: apiId,
  eventId: text,
  createdDate: text,
  /** A list may leave it out. */
  details: z
    .object({ event: z.record(z.string(), z.unknown()) })
    .optional()
    .catch(undefined),
})
type Notification = z.infer<typeof Notification>
const Notifications = z.object({ value: z.array(Notification) })

// Each may hold the event, the request and the answer, and an answer of ours ends at 1 MB.
const MOST_RESULTS = '25'

/** The notifications that failed since then, oldest first. */
export async function missedNotifications(
  call: ApiCall,
  subscription: string,
  sinceMs: number,
): Promise<ForgeApiOutcome<readonly MissedDelivery[]>> {
  const path = `${subscription}/notifications`
  const query = { status: 'completed', result: 'failed', maxResults: MOST_RESULTS }
  const listed = readAnswer(await call('GET', path, { query }), Notifications)
  if (!listed.ok) return listed
  const missed: MissedDelivery[] = []
  for (const notification of listed.value.value.toSorted((a, b) => Number(a.id) - Number(b.id))) {
    const at = Date.parse(notification.createdDate ?? '')
    if (!(at >= sinceMs)) continue
    const full = await withDetails(call, path, notification)
    if (!full.ok) return full
    missed.push(toMissed(full.value, at))
  }
  return { ok: true, value: missed.toSorted((a, b) => a.at - b.at) }
}

async function withDetails(
  call: ApiCall,
  path: string,
  notification: Notification,
): Promise<ForgeApiOutcome<Notification>> {
  if (notification.details !== undefined) return { ok: true, value: notification }
  return readAnswer(await call('GET', `${path}${pathOf([notification.id])}`), Notification)
}

function toMissed({ id, eventId, details }: Notification, at: number): MissedDelivery {
  if (details === undefined) return { id: eventId ?? id, at, payload: null }
  const headers = new Map([['content-type', 'application/json']])
  return { id: eventId ?? id, at, headers, payload: JSON.stringify(details.event) }
}
