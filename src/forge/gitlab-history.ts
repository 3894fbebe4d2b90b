import { z } from 'zod'
import { apiId } from './api-call.ts'
import type { ApiCall } from './api-call.ts'
import { readLinkedPages } from './api-paging.ts'
import { pathOf } from './api-place.ts'
import { missedIn } from './delivery-history.ts'
import type { Attempt } from './delivery-history.ts'
import { part, text } from './fields.ts'
import type { ForgeApiOutcome, MissedDelivery } from './forge-api.ts'

// What GitLab (from 17.3) remembers of the last seven days. Its filter by status is of no use: it passes
// over refused connections in some versions, and over the successes that tell what has been made good.

// Every event carries all that was sent and answered, so more of them would not fit into one answer.
const PAGE_SIZE = '10'

export async function missedEvents(
  call: ApiCall,
  hook: string,
  sinceMs: number,
): Promise<ForgeApiOutcome<readonly MissedDelivery[]>> {
  const events = await readLinkedPages(call, pathOf([hook, 'events']), {
    schema: z.array(Event),
    query: { per_page: PAGE_SIZE },
    // Newest first.
    isEnough: (page) => page.some(({ at }) => at !== undefined && at < sinceMs),
  })
  if (events.ok) return { ok: true, value: missedIn(dated(events.value, sinceMs).filter(isPush), sinceMs) }
  // A version without history, or no such hook: either way nothing can be said to be missed.
  return events.failure.kind === 'not_found' ? { ok: true, value: [] } : events
}

type Sent = Omit<Attempt, 'at'> & { readonly at: number | undefined; readonly trigger: string | undefined }

// Older versions do not say when a delivery was that nobody answered; it was not after the next newer one.
function dated(events: readonly Sent[], latest: number): readonly (Sent & Attempt)[] {
  let newer = latest
  return events.map((event) => {
    newer = event.at ?? newer
    return { ...event, at: newer }
  })
}

function isPush({ trigger }: Sent): boolean {
  return trigger === 'push_hooks' || trigger === 'tag_push_hooks'
}

const date = z.coerce.date().optional().catch(undefined)

const Event = z
  .object({
    id: apiId,
    trigger: text,
    /** The status of the answer, or `internal error` when there was none. */
    response_status: z.coerce.string().catch(''),
    request_headers: part({ 'Idempotency-Key': text }),
    response_headers: part({ Date: date }),
    created_at: date,
  })
  .transform((event): Sent => ({
    id: event.id,
    at: (event.created_at ?? event.response_headers?.Date)?.getTime(),
    payload: null,
    delivery: event.request_headers?.['Idempotency-Key'] ?? event.id,
    isDelivered: /^2\d\d$/.test(event.response_status),
    trigger: event.trigger,
  }))
