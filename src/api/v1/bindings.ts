import { Hono } from 'hono'
import { z } from 'zod'
import type { Binding, BindingSide } from '../../binding/binding.ts'
import { getBinding, listBindings } from '../../binding/bindings.ts'
import type { Database } from '../../db/database.ts'
import { ok, page } from './envelope.ts'
import { isoTime, Paging } from './paging.ts'
import { read } from './read.ts'

const Query = z.object(Paging)

/** `/bindings`: the same bindings as under /cerobot/sync, to look at. */
export function bindingRoutes(deps: { readonly db: Database }): Hono {
  const routes = new Hono()

  routes.get('/', async (c) => {
    const { page: number, page_size: pageSize } = read(Query, c.req.query())
    const { bindings, total } = await listBindings(deps, { page: number, pageSize, newestFirst: true })
    return page(c, { items: bindings.map(bindingToWire), total, page: number, pageSize })
  })

  routes.get('/:name', async (c) => ok(c, bindingToWire(await getBinding(deps.db, c.req.param('name')))))

  return routes
}

function bindingToWire(binding: Binding): Record<string, unknown> {
  return {
    id: binding.id,
    name: binding.name,
    enabled: binding.enabled,
    granularity: binding.granularity,
    direction: binding.direction,
    internal: sideToWire(binding.internal),
    external: sideToWire(binding.external),
    created_at: isoTime(binding.createdAt),
    updated_at: isoTime(binding.updatedAt),
  }
}

function sideToWire({ address, hasCredential, sshKeyId }: BindingSide): Record<string, unknown> {
  return { address, has_token: hasCredential, ssh_key_id: sshKeyId }
}
