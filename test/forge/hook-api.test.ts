import { describe, expect, test } from 'vitest'
import type { ForgeName } from '../../src/forge/forge.ts'
import type { ForgeApi, ForgeApiOutcome } from '../../src/forge/forge-api.ts'
import { startFakeForge } from '../rig/fake-forge.ts'
import type { Fault } from '../rig/fake-forge.ts'
import { startFakeAzure } from '../rig/fake-forge-azure.ts'
import { startFakeBitbucket } from '../rig/fake-forge-bitbucket.ts'
import { startFakeBitbucketServer } from '../rig/fake-forge-bitbucket-server.ts'
import { startFakeCodeup } from '../rig/fake-forge-codeup.ts'
import { startFakeGitea } from '../rig/fake-forge-gitea.ts'
import { startFakeGitee } from '../rig/fake-forge-gitee.ts'
import { startFakeGithub } from '../rig/fake-forge-github.ts'
import { startFakeGitlab } from '../rig/fake-forge-gitlab.ts'
import { startFakeGitlink } from '../rig/fake-forge-gitlink.ts'
import type { FakeHookForge, FakeHookForgeOptions } from '../rig/fake-hooks.ts'
import { apiOf, TOKEN, withoutBase64 } from './api-of-fake.ts'

// One suite for the hooks of all forges whose fakes share one shape.

const WANTED = { url: 'http://127.0.0.1:9/webhooks/x/slug', secret: 'secret-of-the-hook' }

type Variant = {
  readonly forge: ForgeName
  readonly start: (options: FakeHookForgeOptions) => Promise<FakeHookForge>
  readonly events: readonly string[]
  readonly hasTest: boolean
  /** Whether the forge or a person can switch a hook off and leave it there. */
  readonly hasSwitch?: boolean
}

const variants: readonly Variant[] = [
  { forge: 'github', start: startFakeGithub, events: ['push'], hasTest: true },
  { forge: 'gitlab', start: startFakeGitlab, events: ['push', 'tag_push'], hasTest: true },
  ...(['gitea', 'forgejo', 'gogs'] as const).map((kind) => ({
    forge: kind,
    start: (options: FakeHookForgeOptions) => startFakeGitea({ ...options, kind }),
    events: ['push', 'create', 'delete'],
    hasTest: kind !== 'gogs',
  })),
  ...(['new', 'old', 'both'] as const).map((paths) => ({
    forge: 'gitlink' as const,
    start: (options: FakeHookForgeOptions) => startFakeGitlink({ ...options, paths }),
    events: ['push', 'create', 'delete'],
    hasTest: true,
  })),
  { forge: 'gitee', start: startFakeGitee, events: ['push', 'tag_push'], hasTest: true, hasSwitch: false },
  { forge: 'bitbucket', start: startFakeBitbucket, events: ['repo:push'], hasTest: false },
  {
    forge: 'bitbucket-server',
    start: startFakeBitbucketServer,
    events: ['repo:refs_changed'],
    hasTest: true,
  },
  { forge: 'azure', start: startFakeAzure, events: ['git.push'], hasTest: true },
  { forge: 'codeup', start: startFakeCodeup, events: ['push', 'tag_push'], hasTest: false, hasSwitch: false },
]

const faults: readonly (readonly [name: string, fault: Fault, failure: unknown])[] = [
  [
    'a token that may not',
    { status: 403, json: { message: 'Must be admin' } },
    { kind: 'forbidden', retryAfterMs: null },
  ],
  [
    'too many requests',
    { status: 429, headers: { 'retry-after': '30' } },
    { kind: 'rate_limited', retryAfterMs: 30_000 },
  ],
  ['a forge that is down', { status: 502, text: '<html>Bad Gateway</html>' }, { kind: 'server_error' }],
  ['a refusal', { status: 422, json: { message: 'Invalid url given' } }, { kind: 'refused' }],
]

const garbage: readonly (readonly [name: string, fault: Fault])[] = [
  ['a page instead of JSON', { status: 200, text: '<html>Sign in</html>' }],
  ['JSON that is no hook', { status: 200, json: [{ hello: 'world' }] }],
  ['an id that climbs', { status: 200, json: { id: '../..', url: 'x', config: { url: 'x' } } }],
]

describe.each(variants)('$forge', ({ forge, start, events, hasTest, hasSwitch = true }) => {
  test('a hook is registered, listed, repaired, tested and deleted', async () => {
    await using receiver = await startFakeForge(() => ({ status: 202 }))
    await using fake = await start({ token: TOKEN, fullName: 'team/app' })
    const api = apiOf(forge, fake)
    const wanted = { ...WANTED, url: `${receiver.origin}/webhooks/x/slug` }

    const created = await api.createHook(WANTED)
    const id = created.ok ? created.value.id : ''
    const listed = await api.listHooks()
    fake.changeHook(id, { isActive: !hasSwitch, events: [], secret: undefined })
    const drifted = await api.listHooks()
    const repaired = await api.updateHook(id, wanted)
    const newId = repaired.ok ? repaired.value.id : ''
    const tested = await api.testHook?.(newId)
    const afterTest = fake.hooks()
    const deleted = await api.deleteHook(newId)

    const well = { url: WANTED.url, isActive: true, hasEvents: true, problem: null }
    expect(created).toEqual({ ok: true, value: { id, ...well } })
    expect(listed).toEqual({ ok: true, value: [{ id, ...well }] })
    expect(drifted).toMatchObject({ ok: true, value: [{ id, isActive: !hasSwitch, hasEvents: false }] })
    expect(repaired).toEqual({ ok: true, value: { id: newId, ...well, url: wanted.url } })
    expect(afterTest).toEqual([{ id: newId, ...wanted, isActive: true, events }])
    expect(tested).toEqual(hasTest ? { ok: true, value: null } : undefined)
    expect(receiver.requests.length > 0).toBe(hasTest)
    expect(deleted).toEqual({ ok: true, value: null })
    expect(fake.hooks()).toEqual([])
  })

  test('a hook that is only for some branches lacks events', async () => {
    await using fake = await start({ token: TOKEN, fullName: 'team/app' })
    const api = apiOf(forge, fake)
    await api.createHook(WANTED)
    for (const { id } of fake.hooks()) fake.changeHook(id, { events: ['only release/*'] })

    const listed = await api.listHooks()

    expect(listed).toMatchObject({ ok: true, value: [{ hasEvents: false }] })
  })

  test('hooks on every page are listed', async () => {
    await using fake = await start({ token: TOKEN, fullName: 'team/app', mostPerPage: 2 })
    const api = apiOf(forge, fake)
    for (const number of [1, 2, 3, 4, 5]) await api.createHook({ ...WANTED, url: `${WANTED.url}/${number}` })

    const listed = await api.listHooks()

    const urls = [1, 2, 3, 4, 5].map((number) => `${WANTED.url}/${number}`)
    expect(listed.ok && listed.value.map(({ url }) => url)).toEqual(urls)
  })

  test('the token is in one header and nowhere else, and the secret in the body', async () => {
    await using fake = await start({ token: TOKEN, fullName: 'team/app' })
    const api = apiOf(forge, fake)

    const created = await api.createHook(WANTED)
    const id = created.ok ? created.value.id : ''
    await api.listHooks()
    await api.testHook?.(id)
    await api.missedDeliveries?.(id, 0)
    await api.updateHook(id, WANTED)
    await api.deleteHook(id)

    expect(fake.requests.length).toBeGreaterThanOrEqual(4)
    for (const { headers, path, query, body } of fake.requests) {
      const { authorization = '', 'x-yunxiao-token': codeupToken, ...others } = headers
      expect(codeupToken ?? withoutBase64(authorization)).toContain(TOKEN)
      expect(JSON.stringify([others, path, String(query), body])).not.toContain(TOKEN)
      expect(JSON.stringify([headers, path, String(query)])).not.toContain(WANTED.secret)
    }
  })

  test('a wrong token and a repository that is not there are told apart', async () => {
    await using fake = await start({ token: 'another token', fullName: 'team/app' })
    await using empty = await start({ token: TOKEN, fullName: 'team/other' })

    const wrongToken = await apiOf(forge, fake).listHooks()
    const noRepository = await apiOf(forge, {
      ...empty,
      address: empty.address.replace(/other(\.git)?$/, 'app$1'),
    }).listHooks()
    const noHook = await apiOf(forge, empty).updateHook('404404', WANTED)

    expect(wrongToken).toMatchObject({ ok: false, failure: { kind: 'unauthorized' } })
    expect(noRepository).toMatchObject({ ok: false, failure: { kind: 'not_found' } })
    expect(noHook).toMatchObject(forge === 'gogs' ? { ok: true } : { failure: { kind: 'not_found' } })
    expect(JSON.stringify([wrongToken, noRepository, noHook])).not.toContain(TOKEN)
  })

  test.for(faults)('%s is a typed failure of every call', async ([, fault, failure]) => {
    await using fake = await start({ token: TOKEN, fullName: 'team/app' })
    const api = apiOf(forge, fake)
    fake.failWith(fault)

    const outcomes = await Promise.all(callsOf(api))

    for (const outcome of outcomes) expect(outcome).toMatchObject({ ok: false, failure })
    expect(JSON.stringify(outcomes)).not.toContain(TOKEN)
  })

  test.for(garbage)('%s is a failure of every call that reads an answer', async ([, fault]) => {
    await using fake = await start({ token: TOKEN, fullName: 'team/app' })
    const api = apiOf(forge, fake)
    fake.failWith(fault)

    const outcomes = [
      await api.listHooks(),
      await api.createHook(WANTED),
      await api.updateHook('1', WANTED),
      ...(api.missedDeliveries === undefined ? [] : [await api.missedDeliveries('1', 0)]),
    ]

    for (const outcome of outcomes)
      expect(outcome).toMatchObject({ ok: false, failure: { kind: 'unexpected' } })
  })

  test('a forge that does not answer is unreachable for every call', async () => {
    await using fake = await start({ token: TOKEN, fullName: 'team/app' })
    const api = apiOf(forge, fake, 200)
    fake.failWith('silence')

    const outcomes = await Promise.all(callsOf(api))

    for (const outcome of outcomes)
      expect(outcome).toMatchObject({ ok: false, failure: { kind: 'unreachable' } })
  })
})

function callsOf(api: ForgeApi): readonly Promise<ForgeApiOutcome<unknown>>[] {
  const others = [api.testHook?.('1'), api.missedDeliveries?.('1', 0), api.redeliver?.('1', '2')]
  return [
    api.listHooks(),
    api.createHook(WANTED),
    api.updateHook('1', WANTED),
    api.deleteHook('1'),
    ...others.filter((call) => call !== undefined),
  ]
}
