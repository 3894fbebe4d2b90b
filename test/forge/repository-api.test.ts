import { describe, expect, test } from 'vitest'
import type { ForgeName } from '../../src/forge/forge.ts'
import { rememberedDefaultBranch } from '../rig/fake-default-branch.ts'
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

// One suite for what every forge tells of a repository, and for its default branch.

const OTHER = 'release/中文'

type Variant = {
  readonly forge: ForgeName
  readonly of?: string
  readonly start: (options: FakeHookForgeOptions) => Promise<FakeHookForge>
  /** Whether an answer that is no answer shows: some answer a change with nothing. */
  readonly isAnswered?: boolean
}

const variants: readonly Variant[] = [
  { forge: 'github', start: startFakeGithub },
  { forge: 'gitlab', start: startFakeGitlab },
  ...(['gitea', 'forgejo'] as const).map((kind) => ({
    forge: kind,
    start: (options: FakeHookForgeOptions) => startFakeGitea({ ...options, kind }),
  })),
  ...(['new', 'old'] as const).map((paths) => ({
    forge: 'gitlink' as const,
    of: ` (${paths} paths)`,
    start: (options: FakeHookForgeOptions) => startFakeGitlink({ ...options, paths }),
  })),
  { forge: 'gitee', start: startFakeGitee },
  { forge: 'bitbucket', start: startFakeBitbucket },
  ...(['7.4', '8'] as const).map((version) => ({
    forge: 'bitbucket-server' as const,
    of: ` ${version}`,
    start: (options: FakeHookForgeOptions) => startFakeBitbucketServer({ ...options, version }),
    isAnswered: false,
  })),
  { forge: 'azure', start: startFakeAzure },
  { forge: 'codeup', start: startFakeCodeup },
]

const faults: readonly (readonly [name: string, fault: Fault, failure: unknown])[] = [
  ['a token that may not', { status: 403, json: { message: 'Must be admin' } }, { kind: 'forbidden' }],
  [
    'too many requests',
    { status: 429, headers: { 'retry-after': '30' } },
    { kind: 'rate_limited', retryAfterMs: 30_000 },
  ],
  ['a forge that is down', { status: 502, text: '<html>Bad Gateway</html>' }, { kind: 'server_error' }],
  ['a refusal', { status: 422, json: { message: 'protected' } }, { kind: 'refused' }],
]

describe.each(variants.map((variant) => ({ ...variant, name: `${variant.forge}${variant.of ?? ''}` })))(
  '$name',
  ({ forge, start, isAnswered = true }) => {
    const open = (options: Partial<FakeHookForgeOptions> = {}) =>
      start({ token: TOKEN, fullName: 'team/app', defaultBranch: rememberedDefaultBranch(), ...options })

    test('tells the default branch, and makes another one the default', async () => {
      await using fake = await open()
      const api = apiOf(forge, fake)

      const before = await api.describeRepository?.()
      const changed = await api.setDefaultBranch?.(OTHER)
      const after = await api.describeRepository?.()

      expect(before).toMatchObject({ ok: true, value: { defaultBranch: 'main' } })
      expect(before?.ok === true && before.value.id).toMatch(/^[\w{}-]+$/)
      expect(changed).toEqual({ ok: true, value: null })
      expect(after).toMatchObject({ ok: true, value: { defaultBranch: OTHER } })
    })

    test('a branch that is not there is a failure, and the default branch stays', async () => {
      await using fake = await open()
      const api = apiOf(forge, fake)

      const changed = await api.setDefaultBranch?.('nobody/has-it')
      const after = await api.describeRepository?.()

      const kind = forge === 'bitbucket-server' ? 'not_found' : 'refused'
      expect(changed).toMatchObject({ ok: false, failure: { kind } })
      expect(after).toMatchObject({ ok: true, value: { defaultBranch: 'main' } })
    })

    test('the token is in one header and nowhere else', async () => {
      await using fake = await open()
      const api = apiOf(forge, fake)

      await api.describeRepository?.()
      await api.setDefaultBranch?.(OTHER)

      expect(fake.requests.length).toBeGreaterThanOrEqual(2)
      for (const { headers, path, query, body } of fake.requests) {
        const { authorization = '', 'x-yunxiao-token': codeupToken, ...others } = headers
        expect(codeupToken ?? withoutBase64(authorization)).toContain(TOKEN)
        expect(JSON.stringify([others, path, String(query), body])).not.toContain(TOKEN)
      }
    })

    test('a wrong token and a repository that is not there are told apart', async () => {
      await using fake = await open({ token: 'another token' })
      await using empty = await open({ fullName: 'team/other' })
      const address = empty.address.replace(/other(\.git)?$/, 'app$1')

      const wrongToken = await apiOf(forge, fake).setDefaultBranch?.(OTHER)
      const noRepository = await apiOf(forge, { ...empty, address }).setDefaultBranch?.(OTHER)

      expect(wrongToken).toMatchObject({ ok: false, failure: { kind: 'unauthorized' } })
      expect(noRepository).toMatchObject({ ok: false, failure: { kind: 'not_found' } })
      expect(empty.requests.filter(({ method }) => method === 'POST')).toEqual([])
      expect(JSON.stringify([wrongToken, noRepository])).not.toContain(TOKEN)
    })

    test.for(faults)('%s is a typed failure of both calls', async ([, fault, failure]) => {
      await using fake = await open()
      const api = apiOf(forge, fake)
      fake.failWith(fault)

      const outcomes = [await api.describeRepository?.(), await api.setDefaultBranch?.(OTHER)]

      for (const outcome of outcomes) expect(outcome).toMatchObject({ ok: false, failure })
      expect(JSON.stringify(outcomes)).not.toContain(TOKEN)
    })

    test('a page or JSON of another kind is a failure of every call that reads an answer', async () => {
      await using fake = await open()
      const api = apiOf(forge, fake)
      const outcomes = []

      for (const fault of [{ text: '<html>Sign in</html>' }, { json: [{ hello: 'world' }] }]) {
        fake.failWith({ status: 200, ...fault })
        outcomes.push(await api.describeRepository?.())
        if (isAnswered) outcomes.push(await api.setDefaultBranch?.(OTHER))
      }

      for (const outcome of outcomes)
        expect(outcome).toMatchObject({ ok: false, failure: { kind: 'unexpected' } })
    })

    test('a forge that does not answer is unreachable', async () => {
      await using fake = await open()
      const api = apiOf(forge, fake, 200)
      fake.failWith('silence')

      const outcomes = await Promise.all([api.describeRepository?.(), api.setDefaultBranch?.(OTHER)])

      for (const outcome of outcomes)
        expect(outcome).toMatchObject({ ok: false, failure: { kind: 'unreachable' } })
    })
  },
)

test('gogs tells the default branch, and cannot be asked to change it', async () => {
  await using fake = await startFakeGitea({ token: TOKEN, fullName: 'team/app', kind: 'gogs' })
  const api = apiOf('gogs', fake)

  const described = await api.describeRepository?.()

  expect(described).toMatchObject({ ok: true, value: { defaultBranch: 'main', isEmpty: false } })
  expect(api.setDefaultBranch).toBeUndefined()
})

test('bitbucket: a repository that is not there is not made by changing it', async () => {
  await using forge = await startFakeForge(({ method }) =>
    method === 'GET'
      ? { status: 404, json: { type: 'error', error: { message: 'Repository not found' } } }
      : { status: 200, json: { uuid: '{1}', mainbranch: { name: OTHER } } },
  )
  const api = apiOf('bitbucket', { address: `${forge.origin}/team/app.git`, apiUrl: forge.origin })

  const changed = await api.setDefaultBranch?.(OTHER)

  expect(changed).toMatchObject({ ok: false, failure: { kind: 'not_found' } })
  expect(forge.requests.map(({ method }) => method)).toEqual(['GET'])
})

test('a forge that says yes and keeps its default branch is told to have refused', async () => {
  await using forge = await startFakeForge(() => ({
    status: 200,
    json: { uuid: '{1}', mainbranch: { type: 'branch', name: 'main' } },
  }))
  const api = apiOf('bitbucket', { address: `${forge.origin}/team/app.git`, apiUrl: forge.origin })

  const changed = await api.setDefaultBranch?.(OTHER)

  const detail = `the forge took ${OTHER} for its default branch but kept main`
  expect(changed).toEqual({ ok: false, failure: { kind: 'refused', detail, retryAfterMs: null } })
})

test('an empty repository of a Bitbucket Server has no default branch', async () => {
  await using forge = await startFakeForge(({ path }) =>
    path.endsWith('/app') ? { status: 200, json: { id: 11 } } : { status: 204 },
  )
  const api = apiOf('bitbucket-server', { address: `${forge.origin}/scm/team/app.git` })

  const described = await api.describeRepository?.()

  expect(described).toMatchObject({ ok: true, value: { id: '11', defaultBranch: null } })
})
