import { Hono } from 'hono'
import { z } from 'zod'
import { OUTCOMES } from '../../audit/audit.ts'
import { listAuditLog } from '../../audit/audit-log.ts'
import type { StoredAuditEntry } from '../../audit/audit-log.ts'
import type { Database } from '../../db/database.ts'
import { page } from './envelope.ts'
import { isoTime, LastMoment, Moment, Paging } from './paging.ts'
import { read } from './read.ts'

const Filter = z.object({
  /** The action; documented clients call it so. */
  type: z
    .string()
    .transform((text) => text.toUpperCase())
    .optional(),
  object_type: z.string().optional(),
  /** Id or name. */
  object: z.string().optional(),
  actor: z.string().optional(),
  outcome: z.enum(OUTCOMES).optional(),
  start_time: Moment.optional(),
  end_time: LastMoment.optional(),
  ...Paging,
})

/** `/audit/logs`: who changed what, newest first. */
export function auditRoutes(deps: { readonly db: Database }): Hono {
  const routes = new Hono()

  routes.get('/logs', async (c) => {
    const query = read(Filter, withoutEmpty(c.req.query()))
    const filter = {
      action: query.type,
      objectType: query.object_type,
      object: query.object,
      actor: query.actor,
      outcome: query.outcome,
      from: query.start_time,
      until: query.end_time,
    }
    const paging = { page: query.page, pageSize: query.page_size }
    const { entries, total } = await listAuditLog(deps, filter, paging)
    return page(c, { items: entries.map(entryToWire), total, ...paging })
  })

  return routes
}

// A form sends the fields that nobody has filled in.
function withoutEmpty(query: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== ''))
}

function entryToWire(entry: StoredAuditEntry): Record<string, unknown> {
  const { actor, object } = entry
  return {
    id: entry.id,
    created_at: isoTime(entry.at),
    action: entry.action,
    object_type: object.type,
    object_id: object.id,
    object_name: object.name,
    actor: actor.name,
    // What clients of the documented service call the two.
    target: [object.type, object.id ?? object.name].filter((part) => part !== null).join(':'),
    operator: actor.name,
    role: actor.role,
    ip_address: actor.address,
    user_agent: actor.userAgent,
    request_id: actor.requestId,
    outcome: entry.outcome,
    reason: entry.reason,
    before: entry.before,
    after: entry.after,
  }
}
