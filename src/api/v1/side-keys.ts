import { Hono } from 'hono'
import { z } from 'zod'
import { auditAlongside, noteChange } from '../../audit/request-trail.ts'
import { SIDES } from '../../binding/binding.ts'
import type { Binding } from '../../binding/binding.ts'
import { setSideKey } from '../../binding/side-keys.ts'
import type { Clock } from '../../clock.ts'
import type { Database } from '../../db/database.ts'
import { SshKeyId } from '../../ids.ts'
import { ok } from './envelope.ts'
import { read, readBody } from './read.ts'

const SideName = z.object({ side: z.enum(SIDES) })
const Choice = z.object({ ssh_key_id: SshKeyId.nullable() })

/** `/bindings/:name/ssh-keys/:side`: the key that a side names in place of a credential of its own. */
export function sideKeyRoutes(deps: { readonly db: Database; readonly clock: Clock }): Hono {
  const routes = new Hono()

  routes.put('/:name/ssh-keys/:side', async (c) => {
    noteChange(c, { type: 'binding', id: null })
    const { side } = read(SideName, { side: c.req.param('side') })
    const { ssh_key_id: id } = await readBody(c, Choice)
    const choiceOf = (binding: Binding) => ({ side, ssh_key_id: binding[side].sshKeyId })
    const binding = await setSideKey(
      deps,
      c.req.param('name'),
      side,
      id,
      auditAlongside(c, ({ before, after }) => ({
        before: choiceOf(before),
        after: choiceOf(after),
      })),
    )
    return ok(c, choiceOf(binding))
  })

  return routes
}
