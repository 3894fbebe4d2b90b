import { Hono } from 'hono'
import type { Context } from 'hono'
import { z } from 'zod'
import { auditAlongside } from '../../audit/request-trail.ts'
import type { Binding } from '../../binding/binding.ts'
import { getBinding } from '../../binding/bindings.ts'
import { checkRules } from '../../binding/rules-check.ts'
import { bothLanguages } from '../../domain-error.ts'
import { shortName } from '../../git/refs.ts'
import type { RunId } from '../../ids.ts'
import { wishForSync } from '../../run/ask.ts'
import type { AskDeps } from '../../run/ask.ts'
import { outcomeCode } from '../../run/codes.ts'
import { checkBinding, matchRules, statusOf } from '../../run/status.ts'
import type { Status, StatusDeps } from '../../run/status.ts'
import type { AccessCheck, RefStatus, SideStatus } from '../../sync/inspect.ts'
import type { SyncFailure } from '../../sync/sync.ts'
import { listDeliveries } from '../../webhook/deliveries.ts'
import type { Delivery } from '../../webhook/deliveries.ts'
import { DirectionText, RulesOnly, toRules } from './binding-wire.ts'
import { ok } from './envelope.ts'
import { isoTime, Paging } from './paging.ts'
import { read, readBody } from './read.ts'
import { runToWire } from './run-wire.ts'

const Wish = z.strictObject({
  direction: DirectionText.optional(),
  branches: z.array(z.string()).min(1).max(1000).optional(),
  force: z.boolean().default(false),
  dry_run: z.boolean().default(false),
})

const STATES = [
  'in_sync',
  'internal_ahead',
  'external_ahead',
  'diverged',
  'only_internal',
  'only_external',
] as const
const StatusQuery = z.object({ ...Paging, state: z.enum(STATES).optional() })

export type SyncRouteDeps = StatusDeps & AskDeps

/** `/bindings/:name/sync`, `/status`, `/test` and `/preview`: what a person asks of a binding. */
export function syncRoutes(deps: SyncRouteDeps): Hono {
  const routes = new Hono()
  const bindingOf = (c: Context): Promise<Binding> => getBinding(deps.db, c.req.param('name') ?? '')

  routes.post('/:name/sync', async (c) => {
    const { dry_run: dryRun, direction, branches, force } = await readBody(c, Wish)
    const by = c.get('caller').name
    const wish = { direction, branches, force, dry_run: dryRun }
    const alongside = auditAlongside(c, (id: RunId) => ({ after: { run_id: id, ...wish } }))
    const asked = { direction, branches, force, dryRun, by, alongside }
    const run = await wishForSync(deps, c.req.param('name'), asked)
    return ok(c, { run_id: run }, 202)
  })

  routes.get('/:name/status', async (c) => {
    const { page, page_size: pageSize, state } = read(StatusQuery, c.req.query())
    const binding = await bindingOf(c)
    const status = await statusOf(deps, binding, c.req.raw.signal)
    const { deliveries } = await listDeliveries(deps, { binding: binding.name }, { page: 1, pageSize: 1 })
    const wanted = status.inspection.refs.filter((ref) => state === undefined || ref.state === state)
    const refs = wanted.slice((page - 1) * pageSize, page * pageSize)
    return ok(c, {
      ...statusToWire(binding, status, deliveries[0]),
      refs: refs.map((ref) => refToWire(ref, status)),
      total: wanted.length,
      page,
      page_size: pageSize,
    })
  })

  routes.post('/:name/test', async (c) => {
    const { sides, isRelated } = await checkBinding(deps, await bindingOf(c), c.req.raw.signal)
    return ok(c, {
      internal: accessToWire(sides.internal),
      external: accessToWire(sides.external),
      related: isRelated,
    })
  })

  routes.post('/:name/preview', async (c) => {
    const given = toRules(await readBody(c, RulesOnly))
    const binding = await bindingOf(c)
    const rules = { ...binding.rules, ...given }
    checkRules(rules, binding.direction)
    const { names, refs } = await matchRules(deps, binding, rules, c.req.raw.signal)
    return ok(c, {
      internal: sideToWire(names.internal),
      external: sideToWire(names.external),
      travelling: refs.filter(({ leftOut }) => leftOut === null).length,
      refs: refs.map(({ leftOut, ...ref }) => ({ ...ref, travels: leftOut === null, left_out_by: leftOut })),
    })
  })

  return routes
}

function statusToWire(
  binding: Binding,
  { inspection, lastRun, lagMs, conflicts }: Status,
  delivery: Delivery | undefined,
): Record<string, unknown> {
  const counts = Object.fromEntries(
    STATES.map((state) => [state, inspection.refs.filter((ref) => ref.state === state).length]),
  )
  return {
    binding: binding.name,
    paused_reason: binding.pause?.kind ?? null,
    internal: sideToWire(inspection.sides.internal),
    external: sideToWire(inspection.sides.external),
    default_branches_equal: isDefaultEqual(inspection.sides),
    counts,
    conflicts: conflicts.size,
    lag_ms: lagMs,
    last_run: lastRun === undefined ? null : runToWire(lastRun),
    last_delivery:
      delivery === undefined
        ? null
        : { id: delivery.id, received_at: isoTime(delivery.receivedAt), status: delivery.status },
  }
}

/** Null where a side shows none. */
function isDefaultEqual({ internal, external }: Readonly<Record<'internal' | 'external', SideStatus>>) {
  if (internal.defaultBranch === null || external.defaultBranch === null) return null
  return internal.defaultBranch === external.defaultBranch
}

function refToWire({ pair, heads, state, ahead }: RefStatus, { conflicts }: Status): Record<string, unknown> {
  return {
    internal_ref: pair.internal,
    external_ref: pair.external,
    internal: heads.internal,
    external: heads.external,
    state,
    internal_ahead: ahead.internal,
    external_ahead: ahead.external,
    conflict: conflicts.get(pair.internal)?.id ?? null,
  }
}

function sideToWire({ refs, defaultBranch, failure }: SideStatus): Record<string, unknown> {
  return {
    reachable: failure === undefined,
    refs,
    default_branch: defaultBranch === null ? null : shortName(defaultBranch),
    problem: failure === undefined ? null : failureToWire(failure),
  }
}

function accessToWire({ read: reading, write, isEmpty }: AccessCheck): Record<string, unknown> {
  const isAnswer = reading === undefined || ANSWERS.has(reading.kind)
  return {
    reach: isAnswer,
    login: reading === undefined ? true : isAnswer && !LOGINS.has(reading.kind),
    read: reading === undefined,
    write: write === 'unknown' ? null : write === undefined,
    empty: isEmpty,
    problem:
      reading !== undefined
        ? failureToWire(reading)
        : write === undefined || write === 'unknown'
          ? null
          : failureToWire(write),
  }
}

// What only a server that was reached can say.
const ANSWERS: ReadonlySet<string> = new Set([
  'auth',
  'not_found',
  'ssh_key_rejected',
  'redirected',
  'rate_limited',
  'server_error',
  'not_git',
])
const LOGINS: ReadonlySet<string> = new Set(['auth', 'ssh_key_rejected'])

function failureToWire({ kind, detail }: SyncFailure): Record<string, unknown> {
  const { code, message, hint } = outcomeCode(kind)
  return { kind, code, message, detail, hint: bothLanguages(hint) }
}
