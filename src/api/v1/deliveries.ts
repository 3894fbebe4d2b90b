import { Hono } from 'hono'
import { z } from 'zod'
import { DeliveryId } from '../../ids.ts'
import { DELIVERY_STATUSES, getDelivery, listDeliveries, replayDelivery } from '../../webhook/deliveries.ts'
import type { Delivery, ReplayDeps } from '../../webhook/deliveries.ts'
import { ok, page } from './envelope.ts'
import { read } from './read.ts'
import { isoTime, Paging } from './paging.ts'

const Filter = z.object({
  forge: z.string().optional(),
  status: z.enum(DELIVERY_STATUSES).optional(),
  binding: z.string().optional(),
  ...Paging,
})

/** `/deliveries`: every webhook request as it arrived and what became of it. */
export function deliveryRoutes(deps: ReplayDeps): Hono {
  const routes = new Hono()

  routes.get('/', async (c) => {
    const { page: number, page_size: pageSize, ...filter } = read(Filter, c.req.query())
    const { deliveries, total } = await listDeliveries(deps, filter, { page: number, pageSize })
    return page(c, { items: deliveries.map(deliveryToWire), total, page: number, pageSize })
  })

  routes.get('/:id', async (c) => {
    const delivery = await getDelivery(deps, read(DeliveryId, c.req.param('id')))
    return ok(c, { ...deliveryToWire(delivery), payload: payloadToWire(delivery.payload) })
  })

  routes.post('/:id/replay', async (c) => {
    const delivery = await replayDelivery(deps, read(DeliveryId, c.req.param('id')))
    return ok(c, deliveryToWire(delivery), 202)
  })

  return routes
}

function payloadToWire(payload: string | null): unknown {
  if (payload === null) return null
  try {
    return JSON.parse(payload)
  } catch {
    return payload
  }
}

function deliveryToWire(delivery: Delivery): Record<string, unknown> {
  const { repository } = delivery
  return {
    id: delivery.id,
    forge: delivery.forge,
    event: delivery.event,
    delivery_id: delivery.forgeDeliveryId,
    received_at: isoTime(delivery.receivedAt),
    status: delivery.status,
    reason: delivery.reason,
    detail: delivery.detail,
    signature: delivery.signature,
    changes: delivery.changes === 'all' ? [] : delivery.changes,
    full_sync: delivery.changes === 'all',
    repository: repository && {
      full_name: repository.fullName,
      clone_url: repository.cloneUrl,
      ssh_url: repository.sshUrl,
      html_url: repository.htmlUrl,
      default_branch: repository.defaultBranch,
    },
    pusher: delivery.pusher,
    hook: delivery.hook,
    bindings: delivery.bindings,
    runs: delivery.runs,
  }
}
