import { Hono } from 'hono'
import { pino } from 'pino'
import { describe, expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { ok } from '../src/api/v1/envelope.ts'
import { systemClock } from '../src/clock.ts'
import { DomainError } from '../src/domain-error.ts'
import { createHttpApp } from '../src/http.ts'
import type { Health, Mount } from '../src/http.ts'
import type { RunningServer } from '../src/server.ts'
import { startServer } from '../src/server.ts'

type World = RunningServer & {
  readonly logLines: () => readonly Record<string, unknown>[]
}

const LogLine = z.record(z.string(), z.unknown())

/** A listening daemon edge with the given routes, open to everybody. */
async function listening(
  mounts: readonly Mount[] = [],
  checkHealth = (): Promise<Health> => Promise.resolve({ status: 'ok' }),
): Promise<World> {
  const lines: string[] = []
  const log = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) })
  const app = createHttpApp({
    log,
    clock: systemClock,
    audit: (_c, next) => next(),
    access: (_c, next) => next(),
    checkHealth,
    mounts,
  })
  const server = await startServer({ app, clock: systemClock, host: '127.0.0.1', port: 0 })
  onTestFinished(() => server.close(0))
  return { ...server, logLines: () => lines.map((line) => LogLine.parse(JSON.parse(line))) }
}

function v1(build: (routes: Hono) => void): Mount {
  const routes = new Hono()
  build(routes)
  return { path: '/api/v1', routes }
}

describe('every answer', () => {
  test('carries the request id that came with the request', async () => {
    const { url } = await listening()

    const answer = await fetch(`${url}/healthz`, { headers: { 'X-Request-Id': 'abc-123' } })

    expect(answer.headers.get('x-request-id')).toBe('abc-123')
  })

  test('gets a request id of its own instead of a strange one', async () => {
    const { url } = await listening()

    const answer = await fetch(`${url}/healthz`, { headers: { 'X-Request-Id': '<script>' } })

    expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
  })

  test.each(['/healthz', '/nowhere'])('of %s forbids sniffing, framing and referrers', async (path) => {
    const { url } = await listening()

    const { headers } = await fetch(url + path)

    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('referrer-policy')).toBe('no-referrer')
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
    expect(headers.get('access-control-allow-origin')).toBeNull()
  })

  test('keeps the content policy that a page sets for itself', async () => {
    const page = v1((routes) => {
      routes.get('/page', (c) => c.html('<p>', 200, { 'Content-Security-Policy': "default-src 'self'" }))
    })
    const { url } = await listening([page])

    const { headers } = await fetch(`${url}/api/v1/page`)

    expect(headers.get('content-security-policy')).toBe("default-src 'self'")
  })
})

describe('the log', () => {
  test('has one line per request, without its query', async () => {
    const { url, logLines } = await listening()

    await fetch(`${url}/nowhere?token=hunter2`, { headers: { 'X-Request-Id': 'r1' } })

    expect(logLines()).toMatchObject([
      { msg: 'request', method: 'GET', path: '/nowhere', status: 404, requestId: 'r1' },
    ])
    expect(JSON.stringify(logLines())).not.toContain('hunter2')
  })

  test('has in that line what the route says about the request', async () => {
    const telling = v1((routes) => {
      routes.get('/thing', (c) => {
        c.set('facts', { delivery: 7 })
        return ok(c, null)
      })
    })
    const { url, logLines } = await listening([telling])

    await fetch(`${url}/api/v1/thing`)

    expect(logLines()).toMatchObject([{ msg: 'request', path: '/api/v1/thing', delivery: 7 }])
  })
})

describe('an error', () => {
  test.each([
    ['invalid', 400],
    ['unauthenticated', 401],
    ['forbidden', 403],
    ['not_found', 404],
    ['already_exists', 409],
    ['disabled', 409],
    ['conflict', 409],
    ['too_many', 429],
    ['unavailable', 503],
  ] as const)('of kind %s is answered with %i', async (kind, status) => {
    const failing = v1((routes) => {
      routes.get('/thing', () => {
        throw new DomainError(
          kind,
          'thing_wrong',
          { zh: '错', en: 'wrong' },
          { hint: { zh: '改', en: 'mend' } },
        )
      })
    })
    const { url } = await listening([failing])

    const answer = await fetch(`${url}/api/v1/thing`)

    expect(answer.status).toBe(status)
    expect(await answer.json()).toMatchObject({
      code: status,
      data: null,
      detail: '错 / wrong',
      hint: '改 / mend',
    })
  })

  test('that nobody expected is logged whole and tells the caller nothing', async () => {
    const failing = v1((routes) => {
      routes.get('/thing', () => {
        throw new Error('SQLITE_CORRUPT in /data/reposync.db')
      })
    })
    const { url, logLines } = await listening([failing])

    const answer = await fetch(`${url}/api/v1/thing`, { headers: { 'X-Request-Id': 'r1' } })

    const body = await answer.text()
    expect(answer.status).toBe(500)
    expect(answer.headers.get('x-request-id')).toBe('r1')
    expect(body).not.toMatch(/SQLITE|\/data|at \//)
    expect(JSON.parse(body)).toMatchObject({ code: 500, data: null })
    expect(logLines()).toContainEqual(
      expect.objectContaining({ level: 50, requestId: 'r1', msg: 'request failed' }),
    )
  })

  test('takes the form of the family that was asked', async () => {
    const family: Mount = {
      path: '/cerobot/sync',
      routes: new Hono(),
      answerError: (c, { status }) => c.json({ code_status: status }, status),
    }
    const { url } = await listening([family])

    const inside = await fetch(`${url}/cerobot/sync/nothing`)
    const outside = await fetch(`${url}/cerobot/sync-not`)

    expect(await inside.json()).toEqual({ code_status: 404 })
    expect(await outside.json()).toMatchObject({ code: 404, data: null })
  })
})

describe('a management request body', () => {
  const echo = v1((routes) => {
    routes.post('/echo', async (c) => ok(c, await c.req.json()))
  })

  test('arrives at the route as it was sent', async () => {
    const { url } = await listening([echo])

    const answer = await fetch(`${url}/api/v1/echo`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: '{"a":["]]]",{"b":1}]}',
    })

    expect(await answer.json()).toEqual({
      code: 0,
      message: 'success',
      data: { a: [']]]', { b: 1 }] },
    })
  })

  test('of more than a megabyte is refused', async () => {
    const { url } = await listening([echo])

    const answer = await fetch(`${url}/api/v1/echo`, { method: 'POST', body: 'x'.repeat(1024 * 1024 + 1) })

    expect(answer.status).toBe(413)
    expect(await answer.json()).toMatchObject({ code: 413 })
  })

  test('of more than a megabyte is refused also when its length is not told', async () => {
    const { url } = await listening([echo])
    const chunks = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(65_536)),
    })

    const answer = await fetch(`${url}/api/v1/echo`, { method: 'POST', body: chunks, duplex: 'half' })

    expect(answer.status).toBe(413)
  })

  test('that is nested a hundred thousand times is refused', async () => {
    const { url } = await listening([echo])

    const answer = await fetch(`${url}/api/v1/echo`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: '['.repeat(100_000) + ']'.repeat(100_000),
    })

    expect(answer.status).toBe(400)
  })

  test('is not limited here when it is a webhook', async () => {
    const routes = new Hono()
    routes.post('/github', async (c) => c.text(String((await c.req.arrayBuffer()).byteLength)))
    const { url } = await listening([{ path: '/webhooks', routes }])

    const answer = await fetch(`${url}/webhooks/github`, { method: 'POST', body: 'x'.repeat(2_000_000) })

    expect(await answer.text()).toBe('2000000')
  })
})

describe('health', () => {
  test.each(['/healthz', '/readyz', '/api/health'])('is ok at %s when all is well', async (path) => {
    const { url } = await listening()

    const answer = await fetch(url + path)

    expect(answer.status).toBe(200)
    expect(await answer.json()).toEqual({ status: 'ok' })
  })

  test('is degraded when a part does not work, and the process is still alive', async () => {
    const { url } = await listening([], () => Promise.resolve({ status: 'degraded', problems: ['disk'] }))

    const ready = await fetch(`${url}/readyz`)
    const alive = await fetch(`${url}/healthz`)

    expect(ready.status).toBe(503)
    expect(await ready.json()).toEqual({ status: 'degraded', problems: ['disk'] })
    expect(alive.status).toBe(200)
  })

  test('is degraded when the check itself fails', async () => {
    const { url } = await listening([], () => Promise.reject(new Error('database is locked')))

    const answer = await fetch(`${url}/api/health`)

    expect(answer.status).toBe(503)
    expect(await answer.text()).not.toContain('locked')
  })
})
