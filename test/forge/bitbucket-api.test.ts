import { expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { createApiClient } from '../../src/forge/api-client.ts'
import type { ForgeName } from '../../src/forge/forge.ts'
import type { ForgeApi } from '../../src/forge/forge-api.ts'
import { forgeApi } from '../../src/forge/forge-apis.ts'
import { startFakeForge } from '../rig/fake-forge.ts'
import { startFakeBitbucket } from '../rig/fake-forge-bitbucket.ts'
import { startFakeBitbucketServer } from '../rig/fake-forge-bitbucket-server.ts'
import type { FakeHookForge } from '../rig/fake-hooks.ts'
import { SHA_1, SHA_2 } from './request.ts'

// What only the two Bitbuckets do.

const TOKEN = 'token-that-nobody-may-see'
const WANTED = { url: 'http://127.0.0.1:9/webhooks/bitbucket/slug', secret: 'secret-of-the-hook' }
const OPTIONS = { token: TOKEN, fullName: 'team/app' }
const PUSH = { ref: 'refs/heads/main', before: SHA_1, after: SHA_2 }

test.for([
  ['bitbucket', startFakeBitbucket],
  ['bitbucket-server', startFakeBitbucketServer],
] as const)('%s tells that a hook has no secret', async ([forge, start]) => {
  await using fake = await start(OPTIONS)
  const api = apiOf(forge, fake)
  await api.createHook(WANTED)
  for (const { id } of fake.hooks()) fake.changeHook(id, { secret: undefined })

  const listed = await api.listHooks()

  expect(listed).toMatchObject({ ok: true, value: [{ problem: 'the hook has no secret' }] })
})

test('a user with a password logs in with both, and a failure repeats neither', async () => {
  const token = 'ada@example.com:an-app-password'
  await using fake = await startFakeBitbucket({ ...OPTIONS, token })
  const api = apiOf('bitbucket', fake, token)

  const created = await api.createHook(WANTED)
  fake.failWith({
    status: 400,
    json: { error: { message: `an-app-password ${Buffer.from(token).toString('base64')}` } },
  })
  const listed = await api.listHooks()

  expect(created).toMatchObject({ ok: true })
  expect(listed).toMatchObject({ ok: false, failure: { detail: 'the forge answered 400: *** ***' } })
})

test('the address of the next page does not decide where the token goes', async () => {
  await using other = await startFakeForge(() => ({ status: 200, json: { values: [] } }))
  await using fake = await startFakeForge(({ query }) => ({
    status: 200,
    json: query.has('page') ? { values: [] } : { values: [], next: `${other.origin}/hooks?page=2` },
  }))
  const api = apiOf('bitbucket', { address: 'https://bitbucket.org/team/app.git', apiUrl: fake.origin })

  const listed = await api.listHooks()

  expect(listed).toEqual({ ok: true, value: [] })
  expect(fake.requests).toHaveLength(2)
  expect(other.requests).toEqual([])
})

test('bitbucket server tells how the last delivery ended', async () => {
  await using receiver = await startFakeForge(() => ({ status: 500 }))
  await using fake = await startFakeBitbucketServer(OPTIONS)
  const api = apiOf('bitbucket-server', fake)
  await api.createHook({ ...WANTED, url: receiver.origin })
  await fake.push(PUSH)

  const afterFailure = await api.listHooks()
  receiver.failWith({ status: 202 })
  await fake.push(PUSH)
  const afterSuccess = await api.listHooks()

  expect(afterFailure).toMatchObject({ ok: true, value: [{ problem: 'the last delivery failed: 500' }] })
  expect(afterSuccess).toMatchObject({ ok: true, value: [{ problem: null }] })
})

test('bitbucket server: a version that remembers no delivery still lists its hooks', async () => {
  await using fake = await startFakeForge(({ path }) =>
    path.endsWith('/latest')
      ? { status: 404 }
      : {
          status: 200,
          json: {
            values: [{ id: 7, url: 'https://sync.example/x', active: true, events: [] }],
            isLastPage: true,
          },
        },
  )
  const api = apiOf('bitbucket-server', { address: `${fake.origin}/scm/key/app.git` })

  const listed = await api.listHooks()

  expect(listed).toMatchObject({ ok: true, value: [{ id: '7', hasEvents: false, problem: null }] })
})

test('bitbucket server: a test that the receiver refuses is refused with its status', async () => {
  await using receiver = await startFakeForge(() => ({ status: 401 }))
  await using fake = await startFakeBitbucketServer(OPTIONS)
  const api = apiOf('bitbucket-server', fake)
  const created = await api.createHook({ ...WANTED, url: receiver.origin })

  const tested = await api.testHook?.(created.ok ? created.value.id : '')

  const detail = `the forge reached ${receiver.origin} and was answered with 401`
  expect(tested).toMatchObject({ ok: false, failure: { kind: 'refused', detail } })
})

function apiOf(
  forge: ForgeName,
  { address, apiUrl }: Pick<FakeHookForge, 'address' | 'apiUrl'>,
  token = TOKEN,
): ForgeApi {
  const client = createApiClient({ clock: systemClock, allowAddress: () => true, timeoutMs: 10_000 })
  const api = forgeApi(client, { forge, apiUrl, address, token })
  if (api === undefined) throw new Error(`${forge} has no API`)
  return api
}
