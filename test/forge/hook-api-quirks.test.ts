import { expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { createApiClient } from '../../src/forge/api-client.ts'
import { failure } from '../../src/forge/api-answer.ts'
import type { ForgeName } from '../../src/forge/forge.ts'
import type { ForgeApi } from '../../src/forge/forge-api.ts'
import { forgeApi, forgeOfAddress } from '../../src/forge/forge-apis.ts'
import { startFakeForge } from '../rig/fake-forge.ts'
import { startFakeGitea } from '../rig/fake-forge-gitea.ts'
import { startFakeGithub } from '../rig/fake-forge-github.ts'
import { startFakeGitlab } from '../rig/fake-forge-gitlab.ts'

// What only one forge does, where each has its API, and which host is which forge.

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

test('an instance below a path is found from a web address', async () => {
  await using fake = await startFakeGitea({ ...OPTIONS, kind: 'gitea', below: '/tools/git' })
  const api = apiOf('gitea', fake.address)

  const created = await api.createHook(WANTED)

  expect(created).toMatchObject({ ok: true })
})

const places: readonly (readonly [
  forge: ForgeName,
  address: string,
  apiUrl: string | undefined,
  hooks: string,
])[] = [
  ['github', 'https://github.com/o/r.git', undefined, 'https://api.github.com/repos/o/r/hooks'],
  ['github', 'git@github.com:o/r', undefined, 'https://api.github.com/repos/o/r/hooks'],
  ['github', 'ssh://git@ssh.github.com:443/o/r.git', undefined, 'https://api.github.com/repos/o/r/hooks'],
  ['github', 'https://acme.ghe.com/o/r', undefined, 'https://api.acme.ghe.com/repos/o/r/hooks'],
  [
    'github',
    'git@github.example.com:o/r.git',
    undefined,
    'https://github.example.com/api/v3/repos/o/r/hooks',
  ],
  [
    'github',
    'git@ghe:o/r.git',
    'https://github.example.com/api/v3/',
    'https://github.example.com/api/v3/repos/o/r/hooks',
  ],
  ['gitlab', 'https://gitlab.com/g/p.git', undefined, 'https://gitlab.com/api/v4/projects/g%2Fp/hooks'],
  [
    'gitlab',
    'ssh://git@altssh.gitlab.com:443/g/p.git',
    undefined,
    'https://gitlab.com/api/v4/projects/g%2Fp/hooks',
  ],
  [
    'gitlab',
    'git@git.example.com:a/b/c/p',
    undefined,
    'https://git.example.com/api/v4/projects/a%2Fb%2Fc%2Fp/hooks',
  ],
  [
    'gitlab',
    'https://example.com/gitlab/a/p.git',
    'https://example.com/gitlab/api/v4',
    'https://example.com/gitlab/api/v4/projects/a%2Fp/hooks',
  ],
  [
    'gitlab',
    'git@example.com:gitlab/a/p.git',
    'https://example.com/gitlab/api/v4',
    'https://example.com/gitlab/api/v4/projects/gitlab%2Fa%2Fp/hooks',
  ],
  [
    'gitlab',
    'http://gitlab.lan:8080/组/项目.git',
    undefined,
    'http://gitlab.lan:8080/api/v4/projects/%E7%BB%84%2F%E9%A1%B9%E7%9B%AE/hooks',
  ],
  ['forgejo', 'https://codeberg.org/o/r.git', undefined, 'https://codeberg.org/api/v1/repos/o/r/hooks'],
  ['gitea', 'http://gitea.lan:3000/o/r', undefined, 'http://gitea.lan:3000/api/v1/repos/o/r/hooks'],
  [
    'gitea',
    'ssh://git@gitea.lan:2222/o/r.git',
    'http://gitea.lan:3000/api/v1',
    'http://gitea.lan:3000/api/v1/repos/o/r/hooks',
  ],
  ['gogs', 'https://example.com/gogs/o/r.git', undefined, 'https://example.com/gogs/api/v1/repos/o/r/hooks'],
]

test.for(places)(
  '%s has the hooks of %s, with the API at %s, at %s',
  async ([forge, address, apiUrl, hooks]) => {
    const asked: string[] = []
    const request = ({ url }: { readonly url: string }) => {
      asked.push(url)
      return Promise.resolve(failure('unreachable', 'not here'))
    }

    await forgeApi({ request }, { forge, address, apiUrl, token: TOKEN })?.listHooks()

    expect(asked).toEqual([hooks])
  },
)

test.for([
  ['github', 'https://github.com/o'],
  ['github', '/srv/git/r.git'],
  ['gitlab', 'https://gitlab.com/p.git'],
  ['gitea', 'git@gitea.lan:r.git'],
  ['gogs', 'file:///srv/git/o/r.git'],
  ['coding', 'https://e.coding.net/t/p/r.git'],
  ['generic', 'https://git.example.com/o/r.git'],
] as const)('%s has no API for %s', ([forge, address]) => {
  const request = () => Promise.resolve(failure('unreachable', 'not here'))

  const api = forgeApi({ request }, { forge, address, apiUrl: undefined, token: TOKEN })

  expect(api).toBeUndefined()
})

test.for([
  ['https://github.com/o/r.git', 'github'],
  ['ssh://git@ssh.github.com:443/o/r', 'github'],
  ['https://acme.ghe.com/o/r', 'github'],
  ['git@gitlab.com:g/p.git', 'gitlab'],
  ['https://gitee.com/o/r', 'gitee'],
  ['https://www.gitlink.org.cn/o/r.git', 'gitlink'],
  ['git@code.gitlink.org.cn:o/r.git', 'gitlink'],
  ['https://user@bitbucket.org/ws/r.git', 'bitbucket'],
  ['https://dev.azure.com/org/p/_git/r', 'azure'],
  ['git@ssh.dev.azure.com:v3/org/p/r', 'azure'],
  ['https://org.visualstudio.com/p/_git/r', 'azure'],
  ['org@vs-ssh.visualstudio.com:v3/org/p/r', 'azure'],
  ['https://codeup.aliyun.com/5f0000000000000000000000/r.git', 'codeup'],
  ['https://codeberg.org/o/r', 'forgejo'],
  ['https://GITEA.com/o/r', 'gitea'],
  ['https://git.example.com/o/r', undefined],
  ['https://evil-github.com/o/r', undefined],
  ['https://github.com.evil.org/o/r', undefined],
  ['https://notvisualstudio.com/o/r', undefined],
  ['https://example.com/github.com/r', undefined],
  ['/srv/git/github.com', undefined],
] as const)('%s is on %s', ([address, forge]) => {
  const recognised = forgeOfAddress(address)

  expect(recognised).toBe(forge)
})

function apiOf(forge: ForgeName, address: string): ForgeApi {
  const client = createApiClient({ clock: systemClock, allowAddress: () => true, timeoutMs: 10_000 })
  const api = forgeApi(client, { forge, apiUrl: undefined, address, token: TOKEN })
  if (api === undefined) throw new Error(`${forge} has no API`)
  return api
}
