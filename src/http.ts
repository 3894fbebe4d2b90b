import { Hono } from 'hono'
import type { Context, MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { HTTPException } from 'hono/http-exception'
import { requestId } from 'hono/request-id'
import { errorAnswer } from './api/v1/envelope.ts'
import type { Clock } from './clock.ts'
import { jsonDepth } from './json-depth.ts'
import type { Logger } from './log.ts'
import type { Refusal } from './refusal.ts'
import { refuse, toRefusal } from './refusal.ts'

// The HTTP edge: what every request meets before its route, and what becomes of an error after it.
// It knows no route of its own but the health checks.

export type Health =
  | { readonly status: 'ok' }
  /** `problems` holds one word per part that does not work, e.g. `database`. */
  | { readonly status: 'degraded'; readonly problems: readonly string[] }

export type HttpDeps = {
  readonly log: Logger
  readonly clock: Clock
  /** Sees every request, also what access control refuses. */
  readonly audit: MiddlewareHandler
  readonly access: MiddlewareHandler
  readonly checkHealth: () => Promise<Health>
  readonly mounts: readonly Mount[]
}

/** The routes of one family, and the envelope for what goes wrong around them; default is that of /api/v1. */
export type Mount = {
  readonly path: string
  readonly routes: Hono
  readonly answerError?: AnswerError
}

declare module 'hono' {
  // oxlint-disable-next-line typescript/consistent-type-definitions -- only an interface can be added to
  interface ContextVariableMap {
    /** What a route adds to the line of its request in the log. */
    facts: Readonly<Record<string, unknown>>
  }
}

export type AnswerError = (c: Context, refusal: Refusal) => Response

const MANAGEMENT_BODY_BYTES = 1024 * 1024
const MANAGEMENT_JSON_DEPTH = 32

export function createHttpApp(deps: HttpDeps): Hono {
  const app = new Hono()
  const answer: AnswerError = (c, refusal) => {
    const mount = deps.mounts.find(({ path }) => isUnder(c.req.path, path))
    return (mount?.answerError ?? errorAnswer)(c, refusal)
  }
  app.use(requestId({ limitLength: 128 }))
  app.use(requestLog(deps))
  app.use(safeHeaders())
  app.use(deps.audit)
  app.use(deps.access)
  app.use(bodyGuard())
  addHealth(app, deps)
  for (const { path, routes } of deps.mounts) app.route(path, routes)
  app.notFound((c) => answer(c, refuse(404)))
  app.onError((error, c) => {
    const refusal = toRefusal(error)
    if (refusal.status === 500)
      deps.log.error({ err: error, requestId: c.get('requestId') }, 'request failed')
    return answer(c, refusal)
  })
  return app
}

// A page of the dashboard says by itself what it may load; everything else may load nothing.
// No Strict-Transport-Security: the daemon speaks plain HTTP, and whoever puts TLS before it decides that.
const HEADERS: readonly (readonly [string, string])[] = [
  ['Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'"],
  ['Cross-Origin-Opener-Policy', 'same-origin'],
  ['Cross-Origin-Resource-Policy', 'same-origin'],
  ['Referrer-Policy', 'no-referrer'],
  ['X-Content-Type-Options', 'nosniff'],
  ['X-Frame-Options', 'DENY'],
]

/** Before the route answers: afterwards every answer would have to be built a second time. */
function safeHeaders(): MiddlewareHandler {
  return (c, next) => {
    for (const [name, value] of HEADERS) c.header(name, value)
    return next()
  }
}

/** One line per request, without the query: a webhook may carry its whole payload there. */
function requestLog({ log, clock }: HttpDeps): MiddlewareHandler {
  return async (c, next) => {
    const startedAt = clock.now()
    await next()
    const line = {
      method: c.req.method,
      path: c.req.path,
      status: c.res.status,
      durationMs: clock.now() - startedAt,
      requestId: c.get('requestId'),
      caller: c.get('caller')?.name,
      ...c.get('facts'),
    }
    if (isHealthPath(c.req.path)) log.debug(line, 'request')
    else log.info(line, 'request')
  }
}

/** Webhooks have a limit of their own, which is a setting; they are not read here. */
function bodyGuard(): MiddlewareHandler {
  const limit = bodyLimit({
    maxSize: MANAGEMENT_BODY_BYTES,
    onError: () => {
      throw new HTTPException(413)
    },
  })
  return async (c, next) => {
    if (isUnder(c.req.path, '/webhooks')) return next()
    return limit(c, async () => {
      const isJson = /\bjson\b/i.test(c.req.header('content-type') ?? '')
      if (isJson && jsonDepth(await c.req.text()) > MANAGEMENT_JSON_DEPTH) {
        throw new HTTPException(400, { message: 'the JSON body is nested too deeply' })
      }
      await next()
    })
  }
}

function addHealth(app: Hono, { checkHealth, log }: HttpDeps): void {
  const ready = async (c: Context): Promise<Response> => {
    const health = await checkHealth().catch((error: unknown): Health => {
      log.error({ err: error }, 'health check failed')
      return { status: 'degraded', problems: ['health_check'] }
    })
    return c.json(health, health.status === 'ok' ? 200 : 503)
  }
  app.get('/healthz', (c) => c.json({ status: 'ok' }))
  app.get('/readyz', ready)
  app.get('/api/health', ready)
}

function isHealthPath(path: string): boolean {
  return path === '/healthz' || path === '/readyz' || path === '/api/health'
}

function isUnder(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`)
}
