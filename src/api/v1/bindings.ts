import { Hono } from 'hono'
import { z } from 'zod'
import { hasRole } from '../../access.ts'
import type { Binding } from '../../binding/binding.ts'
import { createBinding, deleteBinding, getBinding, listBindings } from '../../binding/bindings.ts'
import type { BindingDeps } from '../../binding/bindings.ts'
import { DEFAULT_RULES } from '../../binding/rules.ts'
import { updateBinding } from '../../binding/update.ts'
import type { SshKeyId } from '../../ids.ts'
import { BindingChange, bindingToWire, NewBinding, toRules } from './binding-wire.ts'
import { ok, page } from './envelope.ts'
import { Paging } from './paging.ts'
import { read, readBody } from './read.ts'

const Query = z.object(Paging)

export type BindingRouteDeps = BindingDeps & {
  readonly onBindingDeleted: (binding: Binding) => Promise<void>
  readonly onBindingResumed: (binding: Binding) => Promise<void>
}

/** `/bindings`: the same bindings as under /cerobot/sync, with every option. */
export function bindingRoutes(deps: BindingRouteDeps): Hono {
  const routes = new Hono()

  routes.get('/', async (c) => {
    const { page: number, page_size: pageSize } = read(Query, c.req.query())
    const { bindings, total } = await listBindings(deps, { page: number, pageSize, newestFirst: true })
    return page(c, { items: bindings.map(bindingToWire), total, page: number, pageSize })
  })

  routes.post('/', async (c) => {
    const body = await readBody(c, NewBinding)
    const binding = await createBinding(deps, {
      name: body.name,
      enabled: body.enabled ?? true,
      granularity: body.granularity ?? 'all',
      direction: body.direction ?? 'to_outer',
      addresses: { internal: body.internal.address, external: body.external.address },
      tokens: { internal: body.internal.token, external: body.external.token },
      keys: keysOf(body),
      rules: { ...DEFAULT_RULES, ...toRules(body) },
    })
    return ok(c, bindingToWire(binding), 201)
  })

  routes.get('/:name', async (c) => ok(c, bindingToWire(await getBinding(deps.db, c.req.param('name')))))

  routes.on(['PUT', 'PATCH'], '/:name', async (c) => {
    const body = await readBody(c, BindingChange)
    const { after, isResumed } = await updateBinding(deps, c.req.param('name'), {
      ...(body.enabled === undefined ? {} : { enabled: body.enabled }),
      ...(body.granularity === undefined ? {} : { granularity: body.granularity }),
      ...(body.direction === undefined ? {} : { direction: body.direction }),
      addresses: { internal: body.internal?.address, external: body.external?.address },
      tokens: { internal: tokenOf(body.internal), external: tokenOf(body.external) },
      keys: keysOf(body),
      rules: toRules(body),
      mayMoveTokens: hasRole(c.get('caller'), 'admin'),
      resume: body.paused === false,
    })
    if (isResumed) await deps.onBindingResumed(after)
    return ok(c, bindingToWire(after))
  })

  routes.delete('/:name', async (c) => {
    await deps.onBindingDeleted(await deleteBinding(deps, c.req.param('name')))
    return ok(c, null)
  })

  return routes
}

type SideWithKey = { readonly ssh_key_id?: SshKeyId | null | undefined } | undefined

function keysOf({
  internal,
  external,
}: {
  readonly internal?: SideWithKey
  readonly external?: SideWithKey
}) {
  return {
    ...(internal?.ssh_key_id === undefined ? {} : { internal: internal.ssh_key_id }),
    ...(external?.ssh_key_id === undefined ? {} : { external: external.ssh_key_id }),
  }
}

/** Null takes the token away, as an empty one does. */
function tokenOf(side: { readonly token?: string | null | undefined } | undefined): string | undefined {
  return side?.token === null ? '' : side?.token
}
