import { Hono } from 'hono'
import { sql } from 'kysely'
import { pino } from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import { accessControl } from '../../src/access.ts'
import { listAuditLog } from '../../src/audit/audit-log.ts'
import type { StoredAuditEntry } from '../../src/audit/audit-log.ts'
import { auditAlongside, auditTrail, noteChange } from '../../src/audit/request-trail.ts'
import { systemClock } from '../../src/clock.ts'
import { createToken } from '../../src/credential/tokens.ts'
import type { Database } from '../../src/db/database.ts'
import { DomainError } from '../../src/domain-error.ts'
import { createHttpApp } from '../../src/http.ts'
import { startServer } from '../../src/server.ts'
import { createTestDatabase } from '../rig/database.ts'

const API_TOKEN = 'api-token-of-the-environment'

/** The HTTP edge as the daemon has it, with the given routes under /api/v1/things. */
async function listening(build: (routes: Hono, db: Database) => void) {
  const database = await createTestDatabase()
  onTestFinished(() => database[Symbol.asyncDispose]())
  const { db } = database
  const lines: string[] = []
  const logger = pino({}, { write: (line: string) => void lines.push(line) })
  const routes = new Hono()
  build(routes, db)
  const app = createHttpApp({
    log: logger,
    clock: systemClock,
    audit: auditTrail({ clock: systemClock, db, logger }),
    access: accessControl({
      clock: systemClock,
      db,
      auth: 'token',
      host: '127.0.0.1',
      publicUrl: undefined,
      apiToken: API_TOKEN,
    }),
    checkHealth: () => Promise.resolve({ status: 'ok' }),
    mounts: [{ path: '/api/v1/things', routes }],
  })
  const server = await startServer({ app, clock: systemClock, host: '127.0.0.1', port: 0 })
  onTestFinished(() => server.close(0))
  return {
    db,
    logged: () => lines.join(''),
    ask: (method: string, path: string, token = API_TOKEN) =>
      fetch(`${server.url}/api/v1/things${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, 'user-agent': 'ada/1', 'x-request-id': 'request-1' },
      }),
    entries: async (): Promise<readonly StoredAuditEntry[]> =>
      (await listAuditLog({ db }, {}, { page: 1, pageSize: 100 })).entries,
  }
}

test('a route that says nothing leaves an entry all the same, with who, what and how it went', async () => {
  const { ask, entries } = await listening((routes) => {
    routes.post('/', (c) => c.json({ code: 0, data: { id: 7, name: 'new', secret: 'planted' } }, 201))
  })

  await ask('POST', '?token=planted')

  const found = await entries()
  expect(found).toMatchObject([
    {
      actor: {
        name: 'API_TOKEN',
        role: 'admin',
        address: '127.0.0.1',
        userAgent: 'ada/1',
        requestId: 'request-1',
      },
      action: 'CREATE',
      object: { type: 'things', id: '7', name: 'new' },
      before: null,
      after: null,
      outcome: 'success',
      reason: null,
    },
  ])
  expect(JSON.stringify(found)).not.toContain('planted')
})

test('reading leaves no entry, nor does what no route answers or nobody known has asked', async () => {
  const { ask, entries } = await listening((routes) => {
    routes.all('/', (c) => c.json({ code: 0 }))
  })

  const statuses = [
    (await ask('GET', '')).status,
    (await ask('HEAD', '')).status,
    (await ask('POST', '/not/there')).status,
    (await ask('POST', '', 'unknown')).status,
  ]

  expect(statuses).toEqual([200, 200, 404, 401])
  expect(await entries()).toEqual([])
})

test('what failed, and what the role does not allow, is on record with the word for why', async () => {
  const { ask, entries, db } = await listening((routes) => {
    routes.delete('/1', () => {
      throw new DomainError('conflict', 'thing_in_use', { zh: '在用', en: 'in use' })
    })
    routes.delete('/2', () => {
      throw new Error('SQLITE_CORRUPT')
    })
  })
  const input = { name: 'reader', role: 'read', expiresAt: null } as const
  const { secret } = await createToken({ db, clock: systemClock }, input, () => Promise.resolve())

  await ask('DELETE', '/1')
  await ask('DELETE', '/2')
  await ask('DELETE', '/1', secret)

  expect(
    (await entries()).map(({ actor, object, outcome, reason }) => [actor.name, object.type, outcome, reason]),
  ).toEqual([
    ['reader', 'things', 'denied', 'role_missing'],
    ['API_TOKEN', 'things', 'failed', 'http_500'],
    ['API_TOKEN', 'things', 'failed', 'thing_in_use'],
  ])
})

test('a route can say more about its change, and its secrets are hidden', async () => {
  const { ask, entries } = await listening((routes) => {
    routes.put('/7', (c) => {
      noteChange(c, { name: 'thing', before: { color: 'red', token: 'planted' } })
      noteChange(c, { action: 'PAINT', id: 7, after: { color: 'blue', key: '-----BEGIN PRIVATE KEY-----' } })
      return c.json({ code: 0 })
    })
  })

  await ask('PUT', '/7')

  expect(await entries()).toMatchObject([
    {
      action: 'PAINT',
      object: { type: 'things', id: '7', name: 'thing' },
      before: { color: 'red', token: '***' },
      after: { color: 'blue', key: '***' },
    },
  ])
})

test('a change that commits with its entry has one entry, and without the entry there is no change', async () => {
  const { ask, entries, db } = await listening((routes, database) => {
    routes.post('/', async (c) => {
      const alongside = auditAlongside(c, ({ name }: { name: string }) => ({ id: 1, name }))
      await createToken(
        { db: database, clock: systemClock },
        { name: c.req.query('name') ?? '', role: 'read', expiresAt: null },
        alongside,
      )
      return c.json({ code: 0 }, 201)
    })
  })

  const before = await ask('POST', '?name=one')
  await sql`create trigger full before insert on audit_log begin select raise(abort, 'disk full'); end`.execute(
    db,
  )
  const refused = await ask('POST', '?name=two')

  const names = await db.selectFrom('token').select('name').execute()
  expect([before.status, refused.status]).toEqual([201, 500])
  expect(names).toEqual([{ name: 'one' }])
  expect(await entries()).toMatchObject([{ object: { name: 'one' }, outcome: 'success' }])
})

test('a change whose entry cannot be written afterwards stands, and the log tells all of the entry', async () => {
  const { ask, entries, db, logged } = await listening((routes) => {
    routes.put('/7', (c) => {
      noteChange(c, { before: { color: 'red' }, after: { color: 'blue', token: 'planted' } })
      return c.json({ code: 0 })
    })
  })
  await sql`create trigger full before insert on audit_log begin select raise(abort, 'disk full'); end`.execute(
    db,
  )

  const answer = await ask('PUT', '/7')

  const [line] = logged()
    .split('\n')
    .filter((text) => text.includes('an entry of the audit log could not be written'))
  expect(answer.status).toBe(200)
  expect(await entries()).toEqual([])
  expect(logged()).not.toContain('planted')
  expect(JSON.parse(line ?? '{}')).toMatchObject({
    level: 50,
    err: { message: 'disk full' },
    entry: {
      actor: { name: 'API_TOKEN' },
      action: 'UPDATE',
      before: { color: 'red' },
      after: { color: 'blue' },
    },
  })
})

test.each([
  sql`update audit_log set actor = 'somebody else'`,
  sql`delete from audit_log`,
  sql`insert or replace into audit_log (id, at, actor, action, object_type, outcome) values (1, 0, 'x', 'x', 'x', 'success')`,
])('no statement changes what is written: %#', async (statement) => {
  const { ask, entries, db } = await listening((routes) => {
    routes.put('/7', (c) => c.json({ code: 0 }))
  })
  await ask('PUT', '/7')
  const before = await entries()

  const changing = statement.execute(db)

  await expect(changing).rejects.toThrow('the audit log is append-only')
  expect(await entries()).toEqual(before)
})
