import { expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { createApiClient } from '../../src/forge/api-client.ts'
import type { ForgeName } from '../../src/forge/forge.ts'
import type { ForgeApi } from '../../src/forge/forge-api.ts'
import { forgeApi } from '../../src/forge/forge-apis.ts'
import { startFakeForge } from '../rig/fake-forge.ts'
import { startFakeGitea } from '../rig/fake-forge-gitea.ts'
import { startFakeGithub } from '../rig/fake-forge-github.ts'
import { startFakeGitlab } from '../rig/fake-forge-gitlab.ts'
import type { FakeHookForge, FakeHookForgeOptions } from '../rig/fake-hooks.ts'

// What only one forge does, and pages that lead astray.

const TOKEN = 'token-that-nobody-may-see'
const WANTED = { url: 'http://127.0.0.1:9/webhooks/x/slug', secret: 'secret-of-the-hook' }
const OPTIONS = { token: TOKEN, fullName: 'team/app' }

test.for([
  ['github', startFakeGithub],
  ['gitlab', startFakeGitlab],
] as const)('%s tells that a hook has no secret', async ([forge, start]) => {
  await using fake = await start(OPTIONS)
  const api = apiOf(forge, fake.address)
  await api.createHook(WANTED)
  for (const { id } of fake.hooks()) fake.changeHook(id, { secret: undefined })

  const listed = await api.listHooks()

  expect(listed).toMatchObject({ ok: true, value: [{ problem: 'the hook has no secret' }] })
})

test.for([
  ['gitlab', startFakeGitlab, ['push', 'tag_push']],
  ['gitea', startGitea, ['push', 'create', 'delete']],
] as const)(
  '%s: a branch filter takes events away, and repairing lifts it',
  async ([forge, start, events]) => {
    await using fake = await start(OPTIONS)
    const api = apiOf(forge, fake.address)
    await api.createHook(WANTED)
    const id = fake.hooks()[0]?.id ?? ''
    fake.changeHook(id, { events: [...events, 'only release/*'] })

    const filtered = await api.listHooks()
    const repaired = await api.updateHook(id, WANTED)

    expect(filtered).toMatchObject({ ok: true, value: [{ hasEvents: false }] })
    expect(repaired).toMatchObject({ ok: true, value: { hasEvents: true } })
    expect(fake.hooks()).toMatchObject([{ events }])
  },
)

test('a link to the next page takes the token to no other host', async () => {
  await using other = await startFakeForge(() => ({ status: 200, json: [] }))
  await using forge = await startFakeForge(({ query }) => ({
    status: 200,
    headers: query.has('page') ? {} : { link: `<${other.origin}/repos/team/app/hooks?page=2>; rel="next"` },
    json: [],
  }))

  const listed = await apiOf('github', `${forge.origin}/team/app.git`).listHooks()

  expect(listed).toEqual({ ok: true, value: [] })
  expect(other.requests).toEqual([])
  expect(forge.requests.map(({ query }) => String(query))).toEqual(['per_page=100', 'page=2'])
})

test('a forge that always has a next page is not asked for ever', async () => {
  await using forge = await startFakeForge(() => ({
    status: 200,
    headers: { link: '<https://git.example.com/hooks?page=2>; rel="next"' },
    json: [],
  }))

  const listed = await apiOf('gitea', `${forge.origin}/team/app.git`).listHooks()

  expect(listed).toEqual({ ok: true, value: [] })
  expect(forge.requests).toHaveLength(50)
})

test('github tells how the last delivery was answered', async () => {
  await using forge = await startFakeForge(() => ({
    status: 200,
    json: [
      {
        id: 1,
        active: true,
        events: ['*'],
        config: { url: 'https://sync.example.com/webhooks/github/s', secret: '********' },
        last_response: { code: 401, status: 'unauthorized', message: 'Invalid HTTP Response: 401' },
      },
    ],
  }))
  const api = apiOf('github', `${forge.origin}/team/app.git`)

  const listed = await api.listHooks()

  const problem = 'the last delivery was answered with 401: Invalid HTTP Response: 401'
  expect(listed).toMatchObject({ ok: true, value: [{ isActive: true, hasEvents: true, problem }] })
})

test('gitlab: repairing switches a hook on that was off, once a test goes through', async () => {
  await using receiver = await startFakeForge(() => ({ status: 200 }))
  await using fake = await startFakeGitlab(OPTIONS)
  const api = apiOf('gitlab', fake.address)
  const wanted = { ...WANTED, url: `${receiver.origin}/hook` }
  await api.createHook(wanted)
  const id = fake.hooks()[0]?.id ?? ''
  fake.changeHook(id, { isActive: false })

  const listed = await api.listHooks()
  const repaired = await api.updateHook(id, wanted)

  const off = /^GitLab has switched the hook off after failures, until \d{4}-/
  expect(listed).toMatchObject({ ok: true, value: [{ isActive: false }] })
  expect(listed.ok && listed.value[0]?.problem).toMatch(off)
  expect(repaired).toMatchObject({ ok: true, value: { isActive: true, problem: null } })
  expect(receiver.requests).toHaveLength(1)
})

test('gitlab: a repaired hook stays off while its test fails, and says why', async () => {
  await using receiver = await startFakeForge(() => ({ status: 500 }))
  await using fake = await startFakeGitlab(OPTIONS)
  const api = apiOf('gitlab', fake.address)
  const wanted = { ...WANTED, url: `${receiver.origin}/hook` }
  await api.createHook(wanted)
  const id = fake.hooks()[0]?.id ?? ''
  fake.changeHook(id, { isActive: false })

  const repaired = await api.updateHook(id, wanted)

  expect(repaired).toMatchObject({ ok: true, value: { isActive: false } })
  expect(repaired.ok && repaired.value.problem).toMatch(/a test did not switch it on: the forge answered 422/)
})

test('gitlab: a new address keeps the secret', async () => {
  await using fake = await startFakeGitlab(OPTIONS)
  const api = apiOf('gitlab', fake.address)
  await api.createHook(WANTED)
  const id = fake.hooks()[0]?.id ?? ''

  await api.updateHook(id, { ...WANTED, url: `${WANTED.url}2` })

  expect(fake.hooks()).toMatchObject([{ id, url: `${WANTED.url}2`, secret: WANTED.secret }])
  // Tests are few per minute, and a hook that is on needs none.
  expect(fake.requests.filter(({ path }) => path.includes('/test/'))).toEqual([])
})

test('gogs: repairing replaces the hook, because only a new one gets a secret', async () => {
  await using fake = await startFakeGitea({ ...OPTIONS, kind: 'gogs' })
  const api = apiOf('gogs', fake.address)
  await api.createHook({ ...WANTED, secret: 'the old one' })
  const id = fake.hooks()[0]?.id ?? ''

  const repaired = await api.updateHook(id, WANTED)

  const [hook, ...others] = fake.hooks()
  expect(others).toEqual([])
  expect(hook).toMatchObject(WANTED)
  expect(hook?.id).not.toBe(id)
  expect(repaired).toMatchObject({ ok: true, value: { id: hook?.id } })
})

test('gogs: a hook that cannot be replaced gets no twin', async () => {
  await using forge = await startFakeForge(({ method, path }) => {
    if (method === 'POST') return { status: 201, json: { id: 8, active: true, config: { url: WANTED.url } } }
    return path.endsWith('/8') ? { status: 204 } : { status: 500 }
  })

  const repaired = await apiOf('gogs', `${forge.origin}/team/app.git`).updateHook('7', WANTED)

  expect(repaired).toMatchObject({ ok: false, failure: { kind: 'server_error' } })
  const base = '/api/v1/repos/team/app/hooks'
  expect(forge.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
    `POST ${base}`,
    `DELETE ${base}/7`,
    `DELETE ${base}/8`,
  ])
})

test('an instance below a path is found from a web address', async () => {
  await using fake = await startFakeGitea({ ...OPTIONS, kind: 'gitea', below: '/tools/git' })
  const api = apiOf('gitea', fake.address)

  const created = await api.createHook(WANTED)

  expect(created).toMatchObject({ ok: true })
})

function startGitea(options: FakeHookForgeOptions): Promise<FakeHookForge> {
  return startFakeGitea({ ...options, kind: 'gitea' })
}

function apiOf(forge: ForgeName, address: string): ForgeApi {
  const client = createApiClient({ clock: systemClock, allowAddress: () => true, timeoutMs: 10_000 })
  const api = forgeApi(client, { forge, apiUrl: undefined, address, token: TOKEN })
  if (api === undefined) throw new Error(`${forge} has no API`)
  return api
}
