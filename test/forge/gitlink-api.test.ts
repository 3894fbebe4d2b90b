import { describe, expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { createApiClient } from '../../src/forge/api-client.ts'
import type { ForgeApi, MissedDelivery } from '../../src/forge/forge-api.ts'
import { forgeApi } from '../../src/forge/forge-apis.ts'
import { gitlink } from '../../src/forge/gitlink.ts'
import { startFakeForge } from '../rig/fake-forge.ts'
import { startFakeGitlink } from '../rig/fake-forge-gitlink.ts'
import { SHA_1, SHA_2 } from './request.ts'

// What only GitLink does: two sets of paths, failures inside successes, and a history that keeps payloads.

const TOKEN = 'token-that-nobody-may-see'
const WANTED = { url: 'http://127.0.0.1:9/webhooks/gitlink/slug', secret: 'secret-of-the-hook' }
const OPTIONS = { token: TOKEN, fullName: '组织/app' }
const START = Date.UTC(2026, 0, 31, 12)
const PUSH = { ref: 'refs/heads/main', before: SHA_1, after: SHA_2 }

describe.each(['new', 'old', 'both'] as const)('under %s paths', (paths) => {
  test('what was not delivered is in the history, oldest first, and reads as the delivery it was', async () => {
    let now = START
    await using fake = await startFakeGitlink({ ...OPTIONS, paths, now: () => now })
    const api = apiOf(fake.address)
    const created = await api.createHook(WANTED)
    const id = created.ok ? created.value.id : ''
    await fake.push({ ...PUSH, ref: 'refs/heads/too-old' })
    now += 60_000
    await fake.push(PUSH)
    now += 60_000
    await fake.deleteBranch('feature/old')

    const missed = await api.missedDeliveries?.(id, START + 1)

    const deliveries = missed?.ok === true ? missed.value : []
    expect(deliveries.map(({ at }) => at)).toEqual([START + 60_000, START + 120_000])
    const [push, deletion] = deliveries.map(readAgain)
    const repository = { fullName: OPTIONS.fullName }
    expect(push).toMatchObject({ event: 'push', deliveryId: deliveries[0]?.id, repository, kind: 'changes' })
    expect(push).toMatchObject({ changes: [PUSH] })
    expect(deletion).toMatchObject({ event: 'delete', deliveryId: deliveries[1]?.id, kind: 'changes' })
    expect(deletion).toMatchObject({ changes: [{ ref: 'refs/heads/feature/old', deleted: true }] })
  })

  test('what was delivered is not missed, and neither is what is older', async () => {
    let now = START
    await using receiver = await startFakeForge(() => ({ status: 202 }))
    await using fake = await startFakeGitlink({ ...OPTIONS, paths, now: () => now })
    const api = apiOf(fake.address)
    const created = await api.createHook({ ...WANTED, url: receiver.origin })
    const id = created.ok ? created.value.id : ''
    await fake.push(PUSH)
    receiver.failWith({ status: 503 })
    await fake.push(PUSH)
    now += 60_000

    const missed = await api.missedDeliveries?.(id, now)
    const missedBefore = await api.missedDeliveries?.(id, START)

    expect(missed).toEqual({ ok: true, value: [] })
    expect(missedBefore?.ok === true && missedBefore.value).toHaveLength(1)
  })

  test('a long history is read page by page, and no further than needed', async () => {
    let now = START
    await using fake = await startFakeGitlink({ ...OPTIONS, paths, now: () => now, mostPerPage: 5 })
    const api = apiOf(fake.address)
    const created = await api.createHook(WANTED)
    const id = created.ok ? created.value.id : ''
    for (let push = 0; push < 30; push++, now += 60_000) await fake.push(PUSH)
    const before = fake.requests.length

    const missed = await api.missedDeliveries?.(id, START + 23 * 60_000)

    expect(missed?.ok === true && missed.value).toHaveLength(7)
    const pages = fake.requests.slice(before).filter(({ query }) => query.has('page'))
    // Where there are no new paths the first look finds nothing.
    expect(pages).toHaveLength(paths === 'old' ? 3 : 2)
  })
})

test('pushes of one second stay in their order', async () => {
  await using fake = await startFakeGitlink({ ...OPTIONS, now: () => START })
  const api = apiOf(fake.address)
  const created = await api.createHook(WANTED)
  const id = created.ok ? created.value.id : ''
  const refs = Array.from({ length: 12 }, (_, index) => `refs/heads/number-${index}`)
  for (const ref of refs) await fake.push({ ...PUSH, ref })

  const missed = await api.missedDeliveries?.(id, START)

  const read = missed?.ok === true ? missed.value.map(readAgain) : []
  expect(read).toMatchObject(refs.map((ref) => ({ changes: [{ ref }] })))
})

test('a hook whose last delivery failed says so', async () => {
  await using fake = await startFakeGitlink(OPTIONS)
  const api = apiOf(fake.address)
  await api.createHook(WANTED)
  await fake.push(PUSH)

  const listed = await api.listHooks()

  expect(listed).toMatchObject({ ok: true, value: [{ isActive: true, problem: 'the last delivery failed' }] })
})

test.for([
  [-1, 'refused'],
  [401, 'unauthorized'],
  [403, 'forbidden'],
  [404, 'not_found'],
  [500, 'refused'],
] as const)('status %s inside an answer with HTTP 200 is %s', async ([status, kind]) => {
  await using fake = await startFakeForge(() => ({
    status: 200,
    json: { status, message: `你没有权限 ${TOKEN}` },
  }))
  const api = apiOf(`${fake.origin}/o/r.git`)

  const outcomes = [await api.listHooks(), await api.createHook(WANTED), await api.deleteHook('1')]

  const detail = `the forge answered with status ${status}: 你没有权限 ***`
  for (const outcome of outcomes) expect(outcome).toMatchObject({ ok: false, failure: { kind, detail } })
})

test('a hook is not made twice when the answer to the first is garbage', async () => {
  await using fake = await startFakeForge(() => ({ status: 200, text: '<html></html>' }))
  const api = apiOf(`${fake.origin}/o/r.git`)

  const created = await api.createHook(WANTED)

  expect(created).toMatchObject({ ok: false, failure: { kind: 'unexpected' } })
  expect(fake.requests.filter(({ method }) => method === 'POST')).toHaveLength(1)
})

test('a hook that is narrowed to some branches lacks events, and hooks of other kinds are left alone', async () => {
  const hook = { url: 'https://sync.example/x', active: true, events: ['push', 'create', 'delete'] }
  await using fake = await startFakeForge(({ path }) =>
    path.endsWith('/webhooks.json')
      ? {
          status: 200,
          json: {
            total_count: 2,
            webhooks: [
              { id: 5, type: 'gitea' },
              { id: 6, type: 'dingtalk' },
            ],
          },
        }
      : { status: 200, json: { ...hook, id: 5, branch_filter: '{main,release*}' } },
  )
  const api = apiOf(`${fake.origin}/o/r.git`)

  const listed = await api.listHooks()

  expect(listed).toMatchObject({ ok: true, value: [{ id: '5', isActive: true, hasEvents: false }] })
  expect(fake.requests.map(({ path }) => path)).not.toContain('/api/v1/o/r/webhooks/6.json')
})

test('an instance that knows no pages is not asked for ever', async () => {
  const task = { is_succeed: false, payload_content: { ref: 'refs/heads/main' }, delivered_time: null }
  await using fake = await startFakeForge(() => ({ status: 200, json: { hooktasks: [{ id: 1, ...task }] } }))
  const api = apiOf(`${fake.origin}/o/r.git`)

  const missed = await api.missedDeliveries?.('5', START)

  // Without a time it has not been tried, so it counts.
  expect(missed).toMatchObject({ ok: true, value: [{ id: '1', at: START }] })
  expect(fake.requests).toHaveLength(2)
})

test.for([
  [0, 'none'],
  [1, 'none'],
  [2, 'pull'],
  [3, 'none'],
] as const)('a project of type %s is described as mirror: %s', async ([type, mirror]) => {
  await using fake = await startFakeForge(({ path }) =>
    path === '/api/o/r/detail.json'
      ? { status: 200, json: { repo_id: 2, type, default_branch: null, empty: true } }
      : { status: 502, text: '<html>' },
  )

  const described = await apiOf(`${fake.origin}/o/r.git`).describeRepository?.()

  const value = { id: '2', defaultBranch: null, isEmpty: true, mirror, mirrorProblem: null }
  expect(described).toEqual({ ok: true, value })
})

test('branches come with their heads, and one without commits is no obstacle', async () => {
  const branches = [
    { name: 'develop', last_commit: { id: SHA_1 } },
    { name: 'empty', last_commit: null },
  ]
  await using fake = await startFakeForge(() => ({ status: 200, json: branches }))

  const listed = await apiOf(`${fake.origin}/o/r.git`).listBranches?.()

  const value = [
    { name: 'develop', sha: SHA_1 },
    { name: 'empty', sha: null },
  ]
  expect(listed).toEqual({ ok: true, value })
})

test('a mirror is made for nobody else when the forge does not list the owner', async () => {
  await using fake = await startFakeGitlink(OPTIONS)
  const api = apiOf(`${fake.origin}/somebody/app.git`)
  const wanted = { cloneUrl: 'https://forge.example/a/b', credential: undefined, isPrivate: true }

  const created = await api.createRepository?.({ ...wanted, ownerId: undefined })

  expect(created).toMatchObject({ ok: false, failure: { kind: 'refused' } })
  expect(fake.migrations()).toEqual([])
})

test('what the forge is given to log in with does not come back in a failure', async () => {
  const password = 'password-that-nobody-may-see'
  await using fake = await startFakeForge(() => ({
    status: 200,
    json: { status: -1, message: `cannot clone with ${password}` },
  }))
  const credential = { username: 'ada', password }
  const wanted = { cloneUrl: 'https://forge.example/a/b', credential, isPrivate: true, ownerId: '7' }

  const created = await apiOf(`${fake.origin}/o/r.git`).createRepository?.(wanted)

  expect(JSON.stringify(created)).toContain('cannot clone with ***')
})

function readAgain({ payload, headers = new Map() }: MissedDelivery) {
  return gitlink.parse({
    method: 'POST',
    headers,
    query: new URLSearchParams(),
    body: Buffer.from(payload ?? ''),
  })
}

function apiOf(address: string): ForgeApi {
  const client = createApiClient({ clock: systemClock, allowAddress: () => true, timeoutMs: 10_000 })
  const api = forgeApi(client, { forge: 'gitlink', apiUrl: undefined, address, token: TOKEN })
  if (api === undefined) throw new Error('GitLink has no API')
  return api
}
