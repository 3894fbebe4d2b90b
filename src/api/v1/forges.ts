import { Hono } from 'hono'
import type { Context } from 'hono'
import { z } from 'zod'
import { requireRole } from '../../access.ts'
import { noteChange } from '../../audit/request-trail.ts'
import { SIDES } from '../../binding/binding.ts'
import type { Binding, Side } from '../../binding/binding.ts'
import { getBinding } from '../../binding/bindings.ts'
import type { HookDeps } from '../../hook/at-forge.ts'
import { forgeFailed } from '../../hook/hook-error.ts'
import { createMirror } from '../../hook/mirrors.ts'
import { giveAccess, inspectForges, removeAccess } from '../../hook/side-forges.ts'
import type { GivenAccess, SideForge } from '../../hook/side-forges.ts'
import { apiAccess } from './api-access.ts'
import { ok } from './envelope.ts'
import { read, readBody } from './read.ts'

const SideName = z.object({ side: z.enum(SIDES) })

const Access = z.object({
  ...apiAccess,
  /** The forge fills this side from the other one by itself. */
  mirror: z.boolean().optional(),
})

const NewRepository = z.object({
  ...apiAccess,
  private: z.boolean().default(true),
  /** Gives the forge what is stored for the other side, so that it can pull what is private there; for admins. */
  share_credential: z.boolean().default(false),
  user_id: z.int().positive().transform(String).optional(),
})

/** `/bindings/:name/forges`: the repositories of a binding as their forges have them. */
export function forgeRoutes(deps: HookDeps): Hono {
  const routes = new Hono()
  const bindingOf = (c: Context): Promise<Binding> => getBinding(deps.db, c.req.param('name') ?? '')
  const sideOf = (c: Context): Side => read(SideName, { side: c.req.param('side') }).side

  routes.get('/:name/forges', async (c) => {
    const items = (await inspectForges(deps, await bindingOf(c))).map(sideForgeToWire)
    return ok(c, { items, total: items.length })
  })

  routes.put('/:name/forges/:side', async (c) => {
    const body = await readBody(c, Access)
    const given = { ...toGiven(body), isMirror: body.mirror }
    const forge = sideForgeToWire(await giveAccess(deps, await bindingOf(c), sideOf(c), given))
    noteChange(c, { after: forge })
    return ok(c, forge)
  })

  routes.delete('/:name/forges/:side', async (c) => {
    await removeAccess(deps, await bindingOf(c), sideOf(c))
    return ok(c, null)
  })

  routes.post('/:name/forges/:side/repository', async (c) => {
    const body = await readBody(c, NewRepository)
    const { share_credential: sharesCredential, private: isPrivate, user_id: ownerId } = body
    // Whoever names the place that a secret is sent to could read it there.
    if (sharesCredential) requireRole(c.get('caller'), 'admin')
    const request = { ...toGiven(body), sharesCredential, isPrivate, ownerId }
    const forge = sideForgeToWire(await createMirror(deps, await bindingOf(c), sideOf(c), request))
    noteChange(c, { after: { ...forge, shares_credential: sharesCredential } })
    return ok(c, forge, 201)
  })

  return routes
}

function toGiven(body: z.infer<typeof Access> | z.infer<typeof NewRepository>): GivenAccess {
  return { apiToken: body.api_token, forge: body.forge, apiUrl: body.api_url }
}

function sideForgeToWire({ side, access, repository, failure }: SideForge): Record<string, unknown> {
  return {
    side,
    forge: access.forge,
    api_url: access.apiUrl,
    token_from: access.from,
    mirror: access.isMirror,
    repository:
      repository === undefined
        ? null
        : {
            id: repository.id,
            default_branch: repository.defaultBranch,
            empty: repository.isEmpty,
            mirror: repository.mirror,
            mirror_problem: repository.mirrorProblem,
          },
    problem: failure === undefined ? null : forgeFailed(failure).detail.en,
  }
}
