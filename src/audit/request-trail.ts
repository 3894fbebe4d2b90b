import { getConnInfo } from '@hono/node-server/conninfo'
import type { Context, MiddlewareHandler } from 'hono'
import { z } from 'zod'
import type { Clock } from '../clock.ts'
import type { Alongside, Database, Executor } from '../db/database.ts'
import { DomainError } from '../domain-error.ts'
import type { Logger } from '../log.ts'
import type { Actor, AuditEntry, Facts, Outcome } from './audit.ts'
import { recordAudit } from './audit-log.ts'
import { describeRequest } from './describe-request.ts'
import { hideSecrets } from './hide-secrets.ts'

// Every request that may change something leaves an entry, whatever route answers it: a route can say more
// about its change, and cannot forget to say that there was one.
//
// A change whose verb takes an `Alongside` commits together with its entry. Any other entry is written right
// after the answer is known; when that fails the change stands, and the entry is in the log instead.

type Deps = { readonly clock: Clock; readonly db: Database; readonly logger: Logger }

/** What a route knows better than its path tells. */
export type ChangeFacts = {
  readonly action?: string
  readonly type?: string
  readonly id?: string | number | null
  readonly name?: string | null
  readonly before?: Facts | null
  readonly after?: Facts | null
}

type Trail = {
  readonly note: (facts: ChangeFacts) => void
  readonly record: (db: Executor, facts: ChangeFacts) => Promise<void>
}

declare module 'hono' {
  // oxlint-disable-next-line typescript/consistent-type-definitions -- only an interface can be added to
  interface ContextVariableMap {
    trail: Trail | undefined
  }
}

/** Says more about the change that the request makes; what is said later wins. */
export function noteChange(c: Context, facts: ChangeFacts): void {
  c.get('trail')?.note(facts)
}

/** For verbs that let something commit with their change: here the entry about it, which is then the only one. */
export function auditAlongside<Value>(c: Context, toFacts: (value: Value) => ChangeFacts): Alongside<Value> {
  return async (trx, value) => c.get('trail')?.record(trx, toFacts(value))
}

/** To be put before everything that may refuse a request; the caller is known when the answer is. */
export function auditTrail(deps: Deps): MiddlewareHandler {
  return async (c, next) => {
    if (/^(?:GET|HEAD|OPTIONS)$/.test(c.req.method)) return next()
    const { trail, finish } = createTrail(deps, c)
    c.set('trail', trail)
    await next()
    await finish()
  }
}

function createTrail(
  deps: Deps,
  c: Context,
): { readonly trail: Trail; readonly finish: () => Promise<void> } {
  let facts: ChangeFacts = {}
  let isRecorded = false
  const note = (more: ChangeFacts): void => {
    facts = { ...facts, ...more }
  }
  return {
    trail: {
      note,
      record: async (db, more) => {
        note(more)
        await recordAudit(db, toEntry(deps, c, { ...facts, outcome: 'success' }))
        isRecorded = true
      },
    },
    finish: async () => {
      // Nobody known has asked: deliveries have records of their own, and guesses would fill the log.
      if (c.get('caller') === undefined) return
      // No route, so nothing that could have changed.
      if (c.res.status === 404 && c.error === undefined) return
      // What is answered after the change has its own record; an error after it is worth another entry.
      if (isRecorded && c.error === undefined) return
      await recordAfterwards(deps, c, facts)
    },
  }
}

async function recordAfterwards(deps: Deps, c: Context, facts: ChangeFacts): Promise<void> {
  const outcome = outcomeOf(c)
  const made = outcome === 'success' ? await madeObject(c, facts) : {}
  const entry = toEntry(deps, c, { ...made, ...facts, outcome })
  try {
    await recordAudit(deps.db, entry)
  } catch (error) {
    deps.logger.error(
      { err: error, entry: { ...entry, before: hidden(entry.before), after: hidden(entry.after) } },
      'an entry of the audit log could not be written; this is it',
    )
  }
}

function hidden(facts: Facts | null): Facts | null {
  return facts === null ? null : hideSecrets(facts)
}

function outcomeOf(c: Context): Outcome {
  const { status } = c.res
  if (status === 401 || status === 403) return 'denied'
  return c.error === undefined && status < 400 ? 'success' : 'failed'
}

function toEntry(
  { clock }: Deps,
  c: Context,
  facts: ChangeFacts & { readonly outcome: Outcome },
): AuditEntry {
  const subject = describeRequest(c.req.method, pathAsSent(c.req.url))
  const { id = subject.id, name = subject.name } = facts
  return {
    at: clock.now(),
    actor: actorOf(c),
    action: facts.action ?? subject.action,
    object: { type: facts.type ?? subject.type, id: id?.toString() ?? null, name },
    before: facts.before ?? null,
    after: facts.after ?? null,
    outcome: facts.outcome,
    reason: reasonOf(c),
  }
}

function actorOf(c: Context): Actor {
  const { name, role } = c.get('caller')
  return {
    name,
    role,
    address: getConnInfo(c).remote.address ?? null,
    userAgent: c.req.header('user-agent') ?? null,
    requestId: c.get('requestId'),
  }
}

function reasonOf({ error, res }: Context): string | null {
  if (error instanceof DomainError) return error.reason
  return error === undefined ? null : `http_${res.status}`
}

// A decoded path cannot tell a slash in a name from one between names.
function pathAsSent(url: string): string {
  return url.replace(/^[a-z]+:\/\/[^/?#]*/i, '').replace(/[?#].*$/s, '')
}

const Made = z.object({
  data: z.object({
    id: z.union([z.number(), z.string()]).optional(),
    name: z.string().optional(),
  }),
})

/** The id and name of what was made, where only the answer tells. */
async function madeObject(c: Context, facts: ChangeFacts): Promise<ChangeFacts> {
  const subject = describeRequest(c.req.method, pathAsSent(c.req.url))
  const isKnown = [facts.id, facts.name, subject.id].some((known) => known !== undefined && known !== null)
  if (isKnown || !/\bjson\b/.test(c.res.headers.get('content-type') ?? '')) return {}
  const answer = Made.safeParse(
    await c.res
      .clone()
      .json()
      .catch(() => undefined),
  )
  if (!answer.success) return {}
  const { id = null, name = subject.name } = answer.data.data
  return { id, name }
}
