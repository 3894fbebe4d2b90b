import { Hono } from 'hono'
import type { Context } from 'hono'
import { z } from 'zod'
import { SIDES } from '../../binding/binding.ts'
import type { Side } from '../../binding/binding.ts'
import { isBranchRef, shortName, toSha } from '../../git/refs.ts'
import type { Sha } from '../../git/refs.ts'
import type { Conflict } from '../../run/conflict.ts'
import { listConflicts } from '../../run/conflicts.ts'
import { getOpenConflict, resolveConflict } from '../../run/resolve.ts'
import type { DecideDeps } from '../../run/resolve.ts'
import type { RunSubject } from '../../run/request.ts'
import { ok, page } from './envelope.ts'
import { isoTime, isoTimeOrNull, Paging } from './paging.ts'
import { read, readBody } from './read.ts'

const Query = z.object({ ...Paging, state: z.enum(['open', 'closed', 'all']).default('open') })

const head = z
  .string()
  .nullable()
  .transform((text, context): Sha | null => {
    if (text === null) return null
    const sha = toSha(text)
    if (sha !== undefined) return sha
    context.addIssue('a full object id, or null for none')
    return z.NEVER
  })
  .optional()

const Decision = z.strictObject({
  take: z.enum(SIDES),
  /** The heads that the person has looked at; when a side has moved since, nothing happens. */
  internal: head,
  external: head,
})

/** Whose refs they are: of the binding, or of the task, that the first part of the path names. */
export type FindSubject = (nameOrId: string) => Promise<RunSubject>

/** `/bindings/:name/conflicts`, and the same of tasks: refs that wait for a person. */
export function conflictRoutes(deps: DecideDeps, findSubject: FindSubject): Hono {
  const routes = new Hono()
  const subjectOf = (c: Context): Promise<RunSubject> => findSubject(c.req.param('name') ?? '')
  const branchOf = (c: Context): string => c.req.param('branch') ?? ''

  routes.get('/:name/conflicts', async (c) => {
    const { page: number, page_size: pageSize, state } = read(Query, c.req.query())
    const { subject } = await subjectOf(c)
    const { conflicts, total } = await listConflicts(deps, subject, state, { page: number, pageSize })
    return page(c, { items: conflicts.map(conflictToWire), total, page: number, pageSize })
  })

  routes.post('/:name/conflicts/:branch{.+}/resolve', async (c) => {
    const { take, internal, external } = await readBody(c, Decision)
    const seen = {
      ...(internal === undefined ? {} : { internal }),
      ...(external === undefined ? {} : { external }),
    }
    const of = await subjectOf(c)
    const by = c.get('caller').name
    return ok(c, { run_id: await resolveConflict(deps, of, branchOf(c), { take, seen, by }) }, 202)
  })

  routes.get('/:name/conflicts/:branch{.+}', async (c) => {
    const { subject } = await subjectOf(c)
    return ok(c, conflictToWire(await getOpenConflict(deps, subject, branchOf(c))))
  })

  return routes
}

function conflictToWire(conflict: Conflict): Record<string, unknown> {
  const { ref, externalRef } = conflict
  return {
    id: conflict.id,
    branch: isBranchRef(ref) ? shortName(ref) : ref,
    ref,
    external_ref: externalRef,
    kind: conflict.kind,
    direction: conflict.direction,
    internal: sideToWire(conflict, 'internal'),
    external: sideToWire(conflict, 'external'),
    merge_base: conflict.divergence?.base ?? null,
    reason: conflict.reason,
    run: conflict.runId,
    opened_at: isoTime(conflict.openedAt),
    updated_at: isoTime(conflict.updatedAt),
    closed_at: isoTimeOrNull(conflict.closedAt),
    closed_because: conflict.closedBecause,
  }
}

/** `ahead` counts up to 10,000; `commits` lists the newest of them. */
function sideToWire({ heads, divergence }: Conflict, side: Side): Record<string, unknown> {
  const own = divergence?.[side]
  return { sha: heads[side], ahead: own?.count ?? null, commits: own?.newest ?? [] }
}
