import { Hono } from 'hono'
import type { Context } from 'hono'
import { z } from 'zod'
import type { BranchBinding, Side } from '../../binding/binding.ts'
import { createBranch, deleteBranch, listBranches, setBranchEnabled } from '../../binding/branches.ts'
import type { Clock } from '../../clock.ts'
import type { Database } from '../../db/database.ts'
import { ok, page } from './envelope.ts'
import { isoTime, Paging } from './paging.ts'
import { read, readBody } from './read.ts'

const Query = z.object(Paging)
const NewBranch = z.strictObject({
  internal: z.string(),
  external: z.string().optional(),
  enabled: z.boolean().default(true),
})
const Change = z.strictObject({ enabled: z.boolean() })

type Deps = {
  readonly db: Database
  readonly clock: Clock
  /** Refuses a branch that the forge it would come from is known not to have. */
  readonly requireBranch: (binding: string, names: Readonly<Record<Side, string>>) => Promise<void>
}

/** `/bindings/:name/branches`: the pairs of a binding that carries single branches. */
export function branchRoutes(deps: Deps): Hono {
  const routes = new Hono()
  const nameOf = (c: Context): string => c.req.param('name') ?? ''
  const branchOf = (c: Context): string => c.req.param('branch') ?? ''

  routes.get('/:name/branches', async (c) => {
    const { page: number, page_size: pageSize } = read(Query, c.req.query())
    const paging = { page: number, pageSize, newestFirst: true }
    const { branches, total } = await listBranches(deps, nameOf(c), paging)
    return page(c, { items: branches.map(branchToWire), total, page: number, pageSize }, 'branches')
  })

  routes.post('/:name/branches', async (c) => {
    const { internal, external = internal, enabled } = await readBody(c, NewBranch)
    await deps.requireBranch(nameOf(c), { internal, external })
    const names = { internalBranch: internal, externalBranch: external }
    return ok(c, branchToWire(await createBranch(deps, nameOf(c), { ...names, enabled })), 201)
  })

  routes.on(['PUT', 'PATCH'], '/:name/branches/:branch{.+}', async (c) => {
    await setBranchEnabled(deps, nameOf(c), branchOf(c), (await readBody(c, Change)).enabled)
    return ok(c, null)
  })

  routes.delete('/:name/branches/:branch{.+}', async (c) => {
    await deleteBranch(deps, nameOf(c), branchOf(c))
    return ok(c, null)
  })

  return routes
}

function branchToWire(branch: BranchBinding): Record<string, unknown> {
  return {
    id: branch.id,
    internal: branch.internalBranch,
    external: branch.externalBranch,
    enabled: branch.enabled,
    created_at: isoTime(branch.createdAt),
  }
}
