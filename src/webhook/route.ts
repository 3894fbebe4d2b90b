import { Hono } from 'hono'
import type { Context } from 'hono'
import { getConnInfo } from '@hono/node-server/conninfo'
import { receive, reject } from './receive.ts'
import type { Answer, ReceiveDeps } from './receive.ts'
import { readRequest } from './request.ts'

export type WebhookRouteDeps = ReceiveDeps & {
  /** Bytes; a larger body is refused while it is still coming in. */
  readonly maxBody: number
}

/** `/webhooks`, `/webhooks/<forge>` and `/webhooks/<forge>/<hook>`: `POST`, and `GET` with `?payload=` where the forge can send it. */
export function webhookRoutes(deps: WebhookRouteDeps): Hono {
  const routes = new Hono()
  const handle = async (c: Context): Promise<Response> => {
    const from = {
      forge: c.req.param('forge'),
      slug: c.req.param('hook'),
      remoteAddress: getConnInfo(c).remote.address ?? null,
    }
    const request = await readRequest(c, deps.maxBody)
    if (request !== 'too_large') return send(c, await receive(deps, { ...from, request }))
    const detail = `the body is larger than ${deps.maxBody} bytes`
    return send(c, await reject(deps, from, 413, 'too_large', detail))
  }
  routes.on(['GET', 'POST'], ['/', '/:forge', '/:forge/:hook'], handle)
  return routes
}

function send(c: Context, { status, body, facts }: Answer): Response {
  c.set('facts', facts)
  if (status === 503) c.header('Retry-After', '30')
  return c.json(body, status)
}
