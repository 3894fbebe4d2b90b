import { Hono } from 'hono'
import type { Context } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { getConnInfo } from '@hono/node-server/conninfo'
import type { WebhookRequest } from '../forge/forge.ts'
import { receive, reject } from './receive.ts'
import type { Answer, ReceiveDeps } from './receive.ts'

type RouteDeps = ReceiveDeps & {
  /** Bytes; a larger body is refused while it is still coming in. */
  readonly maxBody: number
}

/** `POST /webhooks`, `POST /webhooks/<forge>`, and `GET` with `?payload=` where the forge can send it. */
export function webhookRoutes(deps: RouteDeps): Hono {
  const routes = new Hono()
  routes.use(
    bodyLimit({
      maxSize: deps.maxBody,
      onError: async (c) => {
        const from = { forge: forgeInPath(c), remoteAddress: remoteAddress(c) }
        return send(
          c,
          await reject(deps, from, 413, 'too_large', `the body is larger than ${deps.maxBody} bytes`),
        )
      },
    }),
  )
  const handle = async (c: Context): Promise<Response> => {
    const request = await readRequest(c)
    return send(c, await receive(deps, { forge: forgeInPath(c), request, remoteAddress: remoteAddress(c) }))
  }
  routes.on(['GET', 'POST'], ['/', '/:forge'], handle)
  return routes
}

function forgeInPath(c: Context): string | undefined {
  return c.req.param('forge')
}

async function readRequest(c: Context): Promise<WebhookRequest> {
  return {
    method: c.req.method === 'GET' ? 'GET' : 'POST',
    headers: new Map(Object.entries(c.req.header())),
    query: new URL(c.req.url).searchParams,
    body: new Uint8Array(await c.req.arrayBuffer()),
  }
}

function remoteAddress(c: Context): string | null {
  return getConnInfo(c).remote.address ?? null
}

function send(c: Context, { status, body }: Answer): Response {
  if (status === 503) c.header('Retry-After', '30')
  return c.json(body, status)
}
