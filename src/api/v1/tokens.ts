import { Hono } from 'hono'
import { z } from 'zod'
import { auditAlongside } from '../../audit/request-trail.ts'
import type { Clock } from '../../clock.ts'
import { createToken, listTokens, revokeToken, ROLES } from '../../credential/tokens.ts'
import type { Token } from '../../credential/tokens.ts'
import type { Database } from '../../db/database.ts'
import { TokenId } from '../../ids.ts'
import { ok } from './envelope.ts'
import { isoTime, isoTimeOrNull, Moment } from './paging.ts'
import { read, readBody } from './read.ts'

const NewToken = z.object({
  name: z.string(),
  role: z.enum(ROLES),
  /** Left out: it never expires. */
  expires_at: Moment.nullish(),
})

/** `/tokens`: who may use this API, for admins. */
export function tokenRoutes(deps: {
  readonly db: Database
  readonly clock: Clock
  /** Without a token of the role admin nobody could manage anything any more. */
  readonly needsAdminToken: boolean
}): Hono {
  const routes = new Hono()
  const toWire = (token: Token): Record<string, unknown> => tokenToWire(token, deps.clock.now())

  routes.get('/', async (c) => {
    const items = (await listTokens(deps)).map(toWire)
    return ok(c, { items, total: items.length })
  })

  routes.post('/', async (c) => {
    const { name, role, expires_at: expiresAt = null } = await readBody(c, NewToken)
    const made = await createToken(
      deps,
      { name, role, expiresAt },
      auditAlongside(c, (token) => ({ id: token.id, name: token.name, after: toWire(token) })),
    )
    return ok(c, { ...toWire(made.token), token: made.secret }, 201)
  })

  routes.delete('/:id', async (c) => {
    const id = read(TokenId, c.req.param('id'))
    await revokeToken(
      deps,
      id,
      auditAlongside(c, (token) => ({ name: token.name, before: toWire(token) })),
    )
    return ok(c, null)
  })

  return routes
}

function tokenToWire(token: Token, now: number): Record<string, unknown> {
  return {
    id: token.id,
    name: token.name,
    role: token.role,
    prefix: token.prefix,
    created_at: isoTime(token.createdAt),
    expires_at: isoTimeOrNull(token.expiresAt),
    expired: token.expiresAt !== null && token.expiresAt <= now,
    last_used_at: isoTimeOrNull(token.lastUsedAt),
  }
}
