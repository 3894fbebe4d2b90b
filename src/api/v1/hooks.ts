import { Hono } from 'hono'
import type { Context } from 'hono'
import { z } from 'zod'
import { noteChange } from '../../audit/request-trail.ts'
import { SIDES } from '../../binding/binding.ts'
import type { Binding } from '../../binding/binding.ts'
import { getBinding } from '../../binding/bindings.ts'
import type { RemoteHook } from '../../forge/forge-api.ts'
import { inspectHooks, removeHook, rotateSecret, testHook } from '../../hook/at-forge.ts'
import type { HookDeps } from '../../hook/at-forge.ts'
import { hookUrl } from '../../hook/hook.ts'
import type { Hook } from '../../hook/hook.ts'
import { prepareHook, registerHook } from '../../hook/register.ts'
import { HookId } from '../../ids.ts'
import { apiAccess } from './api-access.ts'
import { ok } from './envelope.ts'
import { isoTime, isoTimeOrNull } from './paging.ts'
import { read, readBody } from './read.ts'

const Registration = z.object({
  side: z.enum(SIDES),
  /** A person makes the hook at the forge, with the address and the secret of the answer. */
  manual: z.boolean().default(false),
  ...apiAccess,
})

const ACTION_BY_DONE = { created: 'CREATE', repaired: 'REPAIR', unchanged: 'UPDATE' } as const

const Removal = z.object({ force: z.enum(['true', 'false']).default('false') })

/** `/bindings/:name/hooks`: the webhooks of a binding at its forges. */
export function hookRoutes(deps: HookDeps): Hono {
  const routes = new Hono()
  const bindingOf = (c: Context): Promise<Binding> => getBinding(deps.db, c.req.param('name') ?? '')
  const idOf = (c: Context): HookId => read(HookId, c.req.param('id'))
  const toWire = (hook: Hook): Record<string, unknown> => hookToWire(hook, deps.publicUrl)

  routes.post('/:name/hooks', async (c) => {
    const body = await readBody(c, Registration)
    const { side, forge, api_token: apiToken, api_url: apiUrl } = body
    const binding = await bindingOf(c)
    const { hook, done, secret } = body.manual
      ? await prepareHook(deps, binding, { side, forge })
      : await registerHook(deps, binding, { side, forge, apiToken, apiUrl })
    noteChange(c, { action: ACTION_BY_DONE[done], id: hook.id, after: toWire(hook) })
    return ok(c, { ...toWire(hook), ...shown(secret), done }, done === 'created' ? 201 : 200)
  })

  routes.get('/:name/hooks', async (c) => {
    const states = await inspectHooks(deps, await bindingOf(c))
    const items = states.map(({ hook, remote }) => ({ ...toWire(hook), at_forge: remoteToWire(remote) }))
    return ok(c, { items, total: items.length })
  })

  routes.post('/:name/hooks/:id/test', async (c) => {
    await testHook(deps, await bindingOf(c), idOf(c))
    return ok(c, { requested: true }, 202)
  })

  routes.post('/:name/hooks/:id/rotate', async (c) => {
    const { hook, secret } = await rotateSecret(deps, await bindingOf(c), idOf(c))
    return ok(c, { ...toWire(hook), ...shown(secret) })
  })

  routes.delete('/:name/hooks/:id', async (c) => {
    const force = read(Removal, c.req.query()).force === 'true'
    const { isRemovedAtForge } = await removeHook(deps, await bindingOf(c), idOf(c), { force })
    noteChange(c, { after: { removed_at_forge: isRemovedAtForge } })
    return ok(c, { removed_at_forge: isRemovedAtForge })
  })

  return routes
}

function shown(secret: string | undefined): Record<string, unknown> {
  return secret === undefined ? {} : { secret }
}

function hookToWire(hook: Hook, publicUrl: string | undefined): Record<string, unknown> {
  return {
    id: hook.id,
    side: hook.side,
    forge: hook.forge,
    url: hookUrl(publicUrl ?? '', hook),
    managed: hook.isManaged,
    forge_hook_id: hook.forgeHookId,
    api_url: hook.apiUrl,
    repository: hook.address,
    created_at: isoTime(hook.createdAt),
    last_delivery_at: isoTimeOrNull(hook.lastDeliveryAt),
    last_status: hook.lastStatus,
    previous_secret_until: isoTimeOrNull(hook.previousUntil),
    problem: hook.problem,
    checked_at: isoTimeOrNull(hook.checkedAt),
  }
}

/** Null: the forge does not have the hook, or could not be asked; `problem` says which. */
function remoteToWire(remote: RemoteHook | undefined): Record<string, unknown> | null {
  if (remote === undefined) return null
  const { url, isActive, hasEvents, problem } = remote
  return { url, active: isActive, has_events: hasEvents, problem }
}
