import { expect, test } from 'vitest'
import { z } from 'zod'
import { bearer, openWorld, twoLanguages } from './admin-world.ts'
import type { World } from './admin-world.ts'

// Whoever names the server that a stored token is sent to could read it there.

const ADMIN = 'a-token-from-the-environment'
const HOME = 'https://inner.example/team/app'
const ELSEWHERE = 'https://elsewhere.example/team/app'

type Call = (address: string, token?: string | null) => Promise<number>

/** A binding whose internal side has a token, and both calls that change its address, made in that role. */
async function openMoving(world: World, role: 'operate' | 'admin') {
  const made = await world.call('POST', '/tokens', { name: 'mover', role }, bearer(ADMIN))
  const own = bearer(z.object({ token: z.string() }).parse(made.data).token)
  const bound = await world.call(
    'POST',
    '/bindings',
    {
      name: 'app',
      internal: { address: HOME, token: 'stored' },
      external: { address: 'https://outer.example/team/app' },
    },
    own,
  )
  expect(bound.status).toBe(201)
  const documented: Call = async (address, token) => {
    const body = { internal_repo_address: address, ...(token === undefined ? {} : { inter_token: token }) }
    return (await world.call('PUT', '/cerobot/sync/repo/app/repo_addr', body, own)).status
  }
  const patch: Call = async (address, token) => {
    const internal = { address, ...(token === undefined ? {} : { token }) }
    return (await world.call('PATCH', '/bindings/app', { internal }, own)).status
  }
  const side = async () => (await world.call('GET', '/bindings/app', undefined, own)).data
  return { own, side, calls: { documented, patch } }
}

const openClosedWorld = (): Promise<World> => openWorld({ AUTH: 'token', API_TOKEN: ADMIN })

test.each([
  ['documented', ELSEWHERE],
  ['documented', 'http://inner.example/team/app'],
  ['patch', ELSEWHERE],
  ['patch', 'http://inner.example/team/app'],
  ['patch', 'https://inner.example:8443/team/app'],
  ['patch', 'git@inner.example:team/app'],
] as const)('who may not manage tokens cannot send a stored one elsewhere: %s, %s', async (call, address) => {
  await using world = await openClosedWorld()
  const { calls, side } = await openMoving(world, 'operate')

  const status = await calls[call](address)

  expect(status).toBe(403)
  expect(await side()).toMatchObject({ internal: { address: HOME, has_token: true } })
})

test('the refusal says what to do', async () => {
  await using world = await openClosedWorld()
  const { own } = await openMoving(world, 'operate')

  const body = { internal: { address: ELSEWHERE } }
  const answer = await world.call('PATCH', '/bindings/app', body, own)
  const documented = await world.call(
    'PUT',
    '/cerobot/sync/repo/app/repo_addr',
    { internal_repo_address: ELSEWHERE },
    own,
  )

  expect(answer).toMatchObject({ status: 403, detail: twoLanguages, hint: twoLanguages })
  expect(answer.hint).toMatch(/empty one to drop it.*admin/)
  expect(JSON.parse(documented.text)).toMatchObject({ code_status: 10403, hint: twoLanguages })
})

test.each(['documented', 'patch'] as const)(
  'with a token for the new server, without any, or on the same server it may: %s',
  async (name) => {
    await using world = await openClosedWorld()
    const { calls, side } = await openMoving(world, 'operate')
    const call = calls[name]

    const statuses = [
      await call('https://INNER.example:443/team/renamed'),
      await call(ELSEWHERE, 'another'),
      await call(HOME, ''),
      await call('http://third.example/team/app'),
    ]

    expect(statuses).toEqual([200, 200, 200, 200])
    expect(await side()).toMatchObject({
      internal: { address: 'http://third.example/team/app', has_token: false },
    })
  },
)

test.each(['documented', 'patch'] as const)('an admin may, with a warning: %s', async (name) => {
  await using world = await openClosedWorld()
  const { calls, side } = await openMoving(world, 'admin')

  const status = await calls[name](ELSEWHERE)

  expect(status).toBe(200)
  expect(await side()).toMatchObject({ internal: { address: ELSEWHERE, has_token: true } })
  expect(world.logged()).toContain('a stored token now goes to another server')
})

test('on an open API everybody is an admin', async () => {
  await using world = await openWorld()
  await world.call('POST', '/bindings', {
    name: 'app',
    internal: { address: HOME, token: 'stored' },
    external: { address: 'https://outer.example/team/app' },
  })

  const moved = await world.call('PATCH', '/bindings/app', { internal: { address: ELSEWHERE } })

  expect(moved).toMatchObject({ status: 200, data: { internal: { address: ELSEWHERE, has_token: true } } })
})
