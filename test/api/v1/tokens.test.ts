import { expect, test } from 'vitest'
import { z } from 'zod'
import { DAY, HOUR, MINUTE } from '../../../src/clock.ts'
import { auditOf, bearer, idOf, itemsOf, openWorld, textLike, twoLanguages } from './admin-world.ts'
import type { Answer, World } from './admin-world.ts'
import { startDaemonProcess } from '../../rig/daemon.ts'
import { createFolder } from '../../rig/repository.ts'

const ADMIN = 'a-token-from-the-environment'
const admin = bearer(ADMIN)

const openClosedWorld = (): Promise<World> => openWorld({ AUTH: 'token', API_TOKEN: ADMIN })

function make(world: World, token: Readonly<Record<string, unknown>>): Promise<Answer> {
  return world.call('POST', '/tokens', { name: 'ci', role: 'read', ...token }, admin)
}

function secretOf({ data }: Answer): string {
  return z.object({ token: z.string() }).parse(data).token
}

test('a token is shown once, when it is made, and lets its owner in by that name', async () => {
  await using world = await openClosedWorld()

  const made = await make(world, { role: 'operate', expires_at: '2099-01-31' })
  const token = secretOf(made)
  const used = await world.call('POST', '/ssh-keys', { name: 'key', generate: true }, bearer(token))
  const list = await world.call('GET', '/tokens', undefined, admin)

  const [entry] = await auditOf(world, 'object_type=ssh_key', admin)
  expect(made).toMatchObject({ status: 201, data: { id: 1, name: 'ci', role: 'operate', expired: false } })
  expect(token).toMatch(/^rst_[\w-]{43}$/)
  expect(used.status).toBe(201)
  expect(entry).toMatchObject({ actor: 'ci', role: 'operate' })
  expect(itemsOf(list)).toMatchObject([
    {
      id: 1,
      name: 'ci',
      role: 'operate',
      prefix: token.slice(0, 8),
      expires_at: '2099-01-31T00:00:00.000Z',
      last_used_at: textLike(/^\d{4}-/),
    },
  ])
  expect(list.text + world.logged()).not.toContain(token.slice(9))
})

test.each([
  ['read', { read: 200, write: 403, tokens: 403, hostKeys: 403 }],
  ['operate', { read: 200, write: 201, tokens: 403, hostKeys: 403 }],
  ['admin', { read: 200, write: 201, tokens: 200, hostKeys: 200 }],
] as const)('the role %s allows %j', async (role, expected) => {
  await using world = await openClosedWorld()
  const own = bearer(secretOf(await make(world, { role })))

  const statuses = {
    read: (await world.call('GET', '/audit/logs', undefined, own)).status,
    write: (await world.call('POST', '/ssh-keys', { name: 'key', generate: true }, own)).status,
    tokens: (await world.call('GET', '/tokens', undefined, own)).status,
    hostKeys: (await world.call('GET', '/host-keys', undefined, own)).status,
  }

  expect(statuses).toEqual(expected)
})

test('a revoked token is refused at once, and its name is free again', async () => {
  await using world = await openClosedWorld()
  const made = await make(world, {})
  const own = bearer(secretOf(made))
  const before = await world.call('GET', '/runs', undefined, own)

  const revoked = await world.call('DELETE', `/tokens/${idOf(made)}`, undefined, admin)

  const after = await world.call('GET', '/runs', undefined, own)
  const again = await world.call('DELETE', `/tokens/${idOf(made)}`, undefined, admin)
  const next = await make(world, {})
  expect([before, revoked, after, again].map(({ status }) => status)).toEqual([200, 200, 401, 404])
  expect(idOf(next)).toBe(idOf(made) + 1)
})

test('the last admin token that is valid stays where nothing else opens the API', async () => {
  await using folder = await createFolder()
  await using first = await startDaemonProcess({ dir: folder.path, env: { AUTH: 'token' } })
  const [, token = ''] = /shown only now: (\S+)/.exec(first.output()) ?? []
  const own = bearer(token)
  const add = async (input: object) => {
    const { body } = await first.call('POST', '/api/v1/tokens', input, own)
    return z.object({ data: z.object({ id: z.number(), token: z.string() }) }).parse(body).data
  }
  await add({ name: 'reader', role: 'read' })
  const brief = await add({ name: 'brief', role: 'admin', expires_at: new Date(Date.now() + 1500) })
  await expect
    .poll(async () => (await first.call('GET', '/api/v1/tokens', undefined, bearer(brief.token))).status)
    .toBe(401)

  const alone = await first.call('DELETE', '/api/v1/tokens/1', undefined, own)
  const another = await add({ name: 'second', role: 'admin' })
  const accompanied = await first.call('DELETE', '/api/v1/tokens/1', undefined, own)
  const last = await first.call('DELETE', `/api/v1/tokens/${another.id}`, undefined, bearer(another.token))

  expect(alone).toMatchObject({ status: 409, body: { detail: twoLanguages, hint: twoLanguages } })
  expect(accompanied.status).toBe(200)
  expect(last.status).toBe(409)
})

test('where API_TOKEN opens everything, every other token may go', async () => {
  await using world = await openClosedWorld()
  const made = await make(world, { role: 'admin' })

  const gone = await world.call('DELETE', `/tokens/${idOf(made)}`, undefined, bearer(secretOf(made)))

  expect(gone.status).toBe(200)
})

test('an expired token is refused from the moment on, told so, and not counted as a guess', async () => {
  await using world = await openClosedWorld()
  const expiresAt = new Date(Date.now() + 1 * HOUR).toISOString()
  const own = bearer(secretOf(await make(world, { expires_at: expiresAt })))
  const ask = (): Promise<Answer> => world.call('GET', '/runs', undefined, own)

  world.pass(59 * MINUTE)
  const early = await ask()
  world.pass(1 * MINUTE)
  const late = await Promise.all(Array.from({ length: 20 }, ask))
  const others = await world.call('GET', '/tokens', undefined, admin)

  expect(early.status).toBe(200)
  expect(new Set(late.map(({ status }) => status))).toEqual(new Set([401]))
  expect(late[0]?.detail).toContain('the token has expired')
  expect(late[0]?.headers.get('www-authenticate')).toContain('error="invalid_token"')
  expect(itemsOf(others)).toMatchObject([{ expired: true }])
})

test('the last use of a token is known to the minute', async () => {
  await using world = await openClosedWorld()
  const own = bearer(secretOf(await make(world, {})))
  const lastUse = async (): Promise<unknown> =>
    itemsOf(await world.call('GET', '/tokens', undefined, admin))[0]?.['last_used_at']
  const use = (): Promise<Answer> => world.call('GET', '/runs', undefined, own)

  const never = await lastUse()
  await use()
  const first = await lastUse()
  world.pass(30_000)
  await use()
  const soon = await lastUse()
  world.pass(1 * DAY)
  await use()
  const nextDay = await lastUse()

  expect(never).toBeNull()
  expect(soon).toBe(first)
  expect(Date.parse(String(nextDay)) - Date.parse(String(first))).toBeGreaterThanOrEqual(1 * DAY)
})

test.each([
  [{ name: '' }, 400],
  [{ name: ' ci' }, 400],
  [{ name: 'a\nb' }, 400],
  [{ name: 'system' }, 400],
  [{ name: 'api_token' }, 400],
  [{ name: 'Local' }, 400],
  [{ name: 'taken' }, 409],
  [{ role: 'root' }, 400],
  [{ role: undefined }, 400],
  [{ expires_at: '2001-01-01' }, 400],
  [{ expires_at: 'soon' }, 400],
])('the token %j is refused with %i', async (token, status) => {
  await using world = await openClosedWorld()
  await make(world, { name: 'taken' })

  const answer = await make(world, token)

  expect(answer).toMatchObject({ status, data: null, detail: twoLanguages })
  expect(itemsOf(await world.call('GET', '/tokens', undefined, admin))).toHaveLength(1)
})

test('making and revoking tokens is on record, and so is who was not allowed to', async () => {
  await using world = await openClosedWorld()
  const made = await make(world, { role: 'operate' })
  await world.call('POST', '/tokens', { name: 'mine', role: 'admin' }, bearer(secretOf(made)))
  await world.call('DELETE', `/tokens/${idOf(made)}`, undefined, admin)

  const entries = await auditOf(world, 'object_type=token', admin)

  expect(entries).toMatchObject([
    { action: 'DELETE', actor: 'API_TOKEN', object_id: '1', object_name: 'ci', before: { role: 'operate' } },
    { action: 'CREATE', actor: 'ci', outcome: 'denied', reason: 'role_missing' },
    { action: 'CREATE', actor: 'API_TOKEN', object_id: '1', object_name: 'ci', after: { role: 'operate' } },
  ])
  expect(JSON.stringify(entries)).not.toContain(secretOf(made).slice(9))
})
