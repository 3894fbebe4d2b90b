import { request } from 'node:http'
import { json } from 'node:stream/consumers'
import { Hono } from 'hono'
import { pino } from 'pino'
import { describe, expect, onTestFinished, test } from 'vitest'
import { accessControl, needsTokens } from '../src/access.ts'
import type { AccessDeps } from '../src/access.ts'
import { auditTrail } from '../src/audit/request-trail.ts'
import { ensureFirstToken } from '../src/credential/tokens.ts'
import { createHttpApp } from '../src/http.ts'
import { startServer } from '../src/server.ts'
import { MINUTE, systemClock } from '../src/clock.ts'
import { createTestClock } from './rig/clock.ts'
import { createTestDatabase } from './rig/database.ts'

const PATHS = ['/api/v1/thing', '/cerobot/sync/repo', '/', '/metrics', '/docs', '/not/there']

/** A daemon edge with routes that answer everybody whom access control lets pass. */
async function guarded(settings: Partial<Pick<AccessDeps, 'auth' | 'host' | 'publicUrl' | 'apiToken'>> = {}) {
  const database = await createTestDatabase()
  onTestFinished(() => database[Symbol.asyncDispose]())
  const clock = createTestClock()
  const deps: AccessDeps = {
    clock,
    db: database.db,
    auth: 'token',
    host: '127.0.0.1',
    publicUrl: undefined,
    apiToken: undefined,
    ...settings,
  }
  const routes = new Hono().all('*', (c) => c.json({ caller: c.get('caller') ?? null }))
  const app = createHttpApp({
    log: pino({ level: 'silent' }),
    clock,
    audit: auditTrail({ clock, db: database.db, logger: pino({ level: 'silent' }) }),
    access: accessControl(deps),
    checkHealth: () => Promise.resolve({ status: 'ok' }),
    mounts: [{ path: '/', routes }],
  })
  const server = await startServer({ app, clock: systemClock, host: '127.0.0.1', port: 0 })
  onTestFinished(() => server.close(0))
  return { ...server, db: database.db, clock }
}

function bearer(token: string, method = 'GET'): RequestInit {
  return { method, headers: { Authorization: `Bearer ${token}` } }
}

async function addToken(db: AccessDeps['db'], role: 'read' | 'operate' | 'admin'): Promise<string> {
  const clock = createTestClock()
  const token = await ensureFirstToken({ db, clock }, () => Promise.resolve())
  await db.updateTable('token').set({ role }).execute()
  return token ?? ''
}

/** A request with headers that fetch would not send. */
async function ask(port: number, headers: Record<string, string>, path = '/api/v1/thing', method = 'GET') {
  return new Promise<{ status: number | undefined; body: unknown }>((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, method, headers }, (response) => {
      json(response).then((body) => resolve({ status: response.statusCode, body }), reject)
    })
    sent.once('error', reject)
    sent.end()
  })
}

describe('tokens are needed', () => {
  test.each([
    ['auto', '127.0.0.1', false],
    ['auto', '127.1.2.3', false],
    ['auto', '::1', false],
    ['auto', 'localhost', false],
    ['auto', '0.0.0.0', true],
    ['auto', '::', true],
    ['auto', '192.0.2.1', true],
    ['auto', 'sync.example.com', true],
    ['auto', '127.0.0.1.example.com', true],
    ['none', '0.0.0.0', false],
    ['token', '127.0.0.1', true],
  ] as const)('with AUTH=%s and HOST=%s: %s', (auth, host, expected) => {
    const answer = needsTokens({ auth, host })

    expect(answer).toBe(expected)
  })
})

describe('without a token', () => {
  test.each(PATHS)('%s is closed', async (path) => {
    const { url } = await guarded()

    const answer = await fetch(url + path)

    expect(answer.status).toBe(401)
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="reposync"')
  })

  test.each([
    '/webhooks/../api/v1/thing',
    '//webhooks',
    '/webhooksx',
    '/api/webhooks',
    '/healthz/',
    '/HEALTHZ',
  ])('%s is no way around', async (path) => {
    const { port } = await guarded()

    const { status, body } = await ask(port, {}, path)

    expect([401, 404]).toContain(status)
    expect(body).not.toHaveProperty('caller.role')
  })

  test.each(['/webhooks', '/webhooks/github', '/webhooks/github/hook', '/api/webhooks/task-sync'])(
    '%s is open, because it has secrets of its own',
    async (path) => {
      const { url } = await guarded()

      const answer = await fetch(url + path, { method: 'POST' })

      expect(await answer.json()).toEqual({ caller: null })
    },
  )

  test.each(['/healthz', '/readyz', '/api/health'])('%s is open', async (path) => {
    const { url } = await guarded()

    const answer = await fetch(url + path)

    expect(answer.status).toBe(200)
  })
})

describe('with a token', () => {
  test('of API_TOKEN everything is allowed', async () => {
    const { url } = await guarded({ apiToken: 'open-sesame' })

    const answer = await fetch(`${url}/api/v1/tokens`, bearer('open-sesame', 'POST'))

    expect(await answer.json()).toEqual({ caller: { name: 'API_TOKEN', role: 'admin' } })
  })

  test.each([
    ['read', 'GET', '/api/v1/thing', 200],
    ['read', 'POST', '/api/v1/thing', 403],
    ['read', 'DELETE', '/cerobot/sync/repo/x', 403],
    ['read', 'GET', '/api/v1/tokens', 403],
    ['operate', 'GET', '/api/v1/thing', 200],
    ['operate', 'POST', '/api/v1/thing', 200],
    ['operate', 'GET', '/api/v1/tokens', 403],
    ['operate', 'DELETE', '/api/v1/tokens/1', 403],
    ['admin', 'DELETE', '/api/v1/tokens/1', 200],
  ] as const)('of the role %s, %s %s is answered with %i', async (role, method, path, status) => {
    const { url, db } = await guarded()
    const token = await addToken(db, role)

    const answer = await fetch(url + path, bearer(token, method))

    expect(answer.status).toBe(status)
  })

  test('that nobody has, the answer is 401', async () => {
    const { url } = await guarded({ apiToken: 'open-sesame' })

    const answer = await fetch(`${url}/api/v1/thing`, bearer('open-sesam'))

    expect(answer.status).toBe(401)
    expect(answer.headers.get('www-authenticate')).toContain('error="invalid_token"')
    expect(await answer.json()).toMatchObject({ code: 401, data: null })
  })

  test.each(['Bearer', 'Bearer ', 'Basic b3Blbi1zZXNhbWU=', 'open-sesame', 'Bearer open-sesame x'])(
    'written as %j, the answer is 401',
    async (authorization) => {
      const { url } = await guarded({ apiToken: 'open-sesame' })

      const answer = await fetch(`${url}/api/v1/thing`, { headers: { Authorization: authorization } })

      expect(answer.status).toBe(401)
    },
  )
})

describe('guessing', () => {
  async function guess(url: string, times: number): Promise<readonly number[]> {
    const answers = Array.from({ length: times }, () => fetch(`${url}/api/v1/thing`, bearer('wrong')))
    return (await Promise.all(answers)).map(({ status }) => status)
  }

  test('is over after ten wrong tokens, also when they come at once', async () => {
    const { url } = await guarded()

    const statuses = await guess(url, 30)

    expect(statuses.filter((status) => status === 401)).toHaveLength(10)
    expect(statuses.filter((status) => status === 429)).toHaveLength(20)
  })

  test('is over for a minute', async () => {
    const { url, clock } = await guarded()
    await guess(url, 10)

    const early = await fetch(`${url}/api/v1/thing`, bearer('wrong'))
    clock.advance(1 * MINUTE)

    expect(early.status).toBe(429)
    expect(early.headers.get('retry-after')).toBe('60')
    expect(await guess(url, 1)).toEqual([401])
  })

  test('locks out nobody with a right token, who may come through the same proxy', async () => {
    const { url, db } = await guarded({ apiToken: 'open-sesame' })
    const tokens = ['open-sesame', await addToken(db, 'read'), 'wrong']
    await guess(url, 30)

    const answers = await Promise.all(tokens.map((token) => fetch(`${url}/api/v1/thing`, bearer(token))))

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 429])
  })

  test('does not begin by asking without a token, or with a right one', async () => {
    const { url } = await guarded({ apiToken: 'open-sesame' })
    const asked = Array.from({ length: 20 }, () => fetch(`${url}/api/v1/thing`))
    const allowed = Array.from({ length: 20 }, () => fetch(`${url}/api/v1/thing`, bearer('open-sesame')))
    await Promise.all([...asked, ...allowed])

    expect(await guess(url, 1)).toEqual([401])
  })
})

describe('an open daemon on loopback', () => {
  const open = { auth: 'auto', host: '127.0.0.1', publicUrl: 'https://sync.example.com/base' } as const

  test.each(['localhost', '127.0.0.1:38080', '[::1]:38080', 'sync.example.com', 'LOCALHOST:1'])(
    'answers for the host %s',
    async (host) => {
      const { port } = await guarded(open)

      const { status } = await ask(port, { host }, '/api/v1/thing', 'POST')

      expect(status).toBe(200)
    },
  )

  test.each(['evil.example', '127.0.0.1.evil.example', 'localhost.evil.example:38080', '192.0.2.1'])(
    'does not answer for the host %s',
    async (host) => {
      const { port } = await guarded(open)

      const { status, body } = await ask(port, { host })

      expect(status).toBe(421)
      expect(body).toMatchObject({ code: 421 })
    },
  )

  test('takes webhooks for any host', async () => {
    const { port } = await guarded(open)

    const { status } = await ask(port, { host: 'tunnel.example' }, '/webhooks/github', 'POST')

    expect(status).toBe(200)
  })

  test.each(['https://evil.example', 'null', 'http://localhost.evil.example'])(
    'refuses what a page of %s sends',
    async (origin) => {
      const { port } = await guarded(open)

      const { status } = await ask(port, { host: 'localhost', origin }, '/api/v1/thing', 'POST')

      expect(status).toBe(403)
    },
  )

  test('takes what its own pages send', async () => {
    const { port } = await guarded(open)
    const origin = `http://127.0.0.1:${port}`

    const { status } = await ask(port, { host: 'localhost', origin }, '/api/v1/thing', 'POST')

    expect(status).toBe(200)
  })
})

describe('the first token', () => {
  test('is made once, and is never stored as it is', async () => {
    const { db, url } = await guarded()

    const first = await ensureFirstToken({ db, clock: createTestClock() }, () => Promise.resolve())
    const second = await ensureFirstToken({ db, clock: createTestClock() }, () => Promise.resolve())

    const answer = await fetch(`${url}/api/v1/thing`, bearer(first ?? ''))
    const rows = await db.selectFrom('token').selectAll().execute()
    expect(first).toMatch(/^rst_[A-Za-z0-9_-]{43}$/)
    expect(second).toBeUndefined()
    expect(await answer.json()).toEqual({ caller: { name: 'first', role: 'admin' } })
    expect(JSON.stringify(rows)).not.toContain(first)
  })
})
