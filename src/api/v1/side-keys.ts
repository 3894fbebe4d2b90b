import { Hono } from 'hono'
import { z } from 'zod'
import { auditAlongside, noteChange } from '../../audit/request-trail.ts'
import { SIDES } from '../../binding/binding.ts'
import type { Binding } from '../../binding/binding.ts'
import { updateBinding } from '../../binding/update.ts'
import type { Updated } from '../../binding/update.ts'
import { SshKeyId } from '../../ids.ts'
import type { BindingRouteDeps } from './bindings.ts'
import { ok } from './envelope.ts'
import { read, readBody } from './read.ts'

const SideName = z.object({ side: z.enum(SIDES) })
const Choice = z.object({ ssh_key_id: SshKeyId.nullable() })

/** `/bindings/:name/ssh-keys/:side`: the key that a side names in place of a credential of its own. */
export function sideKeyRoutes(deps: BindingRouteDeps): Hono {
  const routes = new Hono()

  routes.put('/:name/ssh-keys/:side', async (c) => {
    noteChange(c, { type: 'binding', id: null })
    const { side } = read(SideName, { side: c.req.param('side') })
    const { ssh_key_id: id } = await readBody(c, Choice)
    const choiceOf = (binding: Binding) => ({ side, ssh_key_id: binding[side].sshKeyId })
    const alongside = auditAlongside(c, ({ before, after }: Updated) => ({
      before: choiceOf(before),
      after: choiceOf(after),
    }))
    const change = { keys: { [side]: id } }
    const { after, isResumed } = await updateBinding(deps, c.req.param('name'), change, alongside)
    if (isResumed) await deps.onBindingResumed(after)
    return ok(c, choiceOf(after))
  })

  return routes
}
