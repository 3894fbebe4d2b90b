import { access, chmod, readdir, readFile, writeFile } from 'node:fs/promises'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { startGitHttpServer } from '../../rig/git-http-server.ts'
import { createBareRepository, git, installHook, readRefs } from '../../rig/repository.ts'
import { openWorld, repoBody } from './world.ts'
import type { Answer, World } from './world.ts'

// One test per defect of the service that this API comes from; each shows that it is absent here.

const Repos = z.array(z.looseObject({ repo_name: z.string(), enable: z.boolean() }))
const Branches = z.array(z.looseObject({ internal_branch_name: z.string(), enable: z.boolean() }))
const Logs = z.array(
  z.looseObject({ repo_name: z.string(), branch_id: z.number().nullable(), log: z.string() }),
)

function codes(answers: readonly Answer[]): readonly (number | undefined)[] {
  return answers.map(({ body }) => body.code_status)
}

async function branchNames(dir: string): Promise<readonly string[]> {
  return [...(await readRefs(dir)).keys()].map((ref) => ref.replace('refs/heads/', '')).sort()
}

async function bindBranch(world: World, repo: string, branch: string, enable = true): Promise<Answer> {
  return world.call('POST', `/${encodeURIComponent(repo)}/branch`, {
    enable,
    internal_branch_name: branch,
    external_branch_name: branch,
  })
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

test('1: the branch feature/a travels under its whole name', async () => {
  await using world = await openWorld()
  const { internal, external } = await world.bind('app')
  const commit = await world.work.commit('first')
  await world.work.push(internal, `${commit}:refs/heads/feature/a`, `${commit}:refs/heads/other/a`)

  const answer = await world.call('POST', '/repo/app')

  expect(answer.body.code_status).toBe(0)
  expect(await branchNames(external)).toEqual(['feature/a', 'other/a'])
})

test.each(['feature/a', 'feature%2Fa'])('2: a branch with a slash is called /app/branch/%s', async (path) => {
  await using world = await openWorld()
  const { internal, external } = await world.bind('app', { sync_granularity: 2 })
  const commit = await world.work.commit('first')
  await world.work.push(internal, `${commit}:refs/heads/feature/a`)
  await bindBranch(world, 'app', 'feature/a', false)

  const enabled = await world.call('PUT', `/app/branch/${path}`, { enable: true })
  const synced = await world.call('POST', `/app/branch/${path}`, { sync_direct: 1 })
  const deleted = await world.call('DELETE', `/app/branch/${path}`)
  const listed = await world.call('GET', '/app/branch')

  expect(codes([enabled, synced, deleted, listed])).toEqual([0, 0, 0, 10013])
  expect(await branchNames(external)).toEqual(['feature/a'])
})

test('3: repositories called branch, repo and logs can be used like any other', async () => {
  await using world = await openWorld()
  const commit = await world.work.commit('first')
  const names = ['branch', 'repo', 'logs', 'repo_addr']
  const synced: Record<string, number | undefined> = {}

  for (const name of names) {
    const { internal } = await world.bind(name)
    await world.work.push(internal, `${commit}:refs/heads/main`)
    synced[name] = (await world.call('POST', `/repo/${name}`)).body.code_status
  }
  const others = [
    await world.call('PUT', '/repo/branch', { enable: false }),
    await world.call('PUT', '/repo/branch/repo_addr', { inter_token: 'secret' }),
    await world.call('GET', '/repo/branch/logs'),
    await world.call('GET', '/repo/logs/logs'),
    await world.call('DELETE', '/repo/branch'),
  ]

  expect(synced).toEqual({ branch: 0, repo: 0, logs: 0, repo_addr: 0 })
  expect(codes(others)).toEqual([0, 0, 0, 0, 0])
  expect(others.slice(2, 4).map(({ body }) => body.total)).toEqual([1, 1])
  const left = Repos.parse((await world.call('GET', '/repo')).body.data)
  expect(left.map((repo) => repo.repo_name)).toEqual(['repo_addr', 'logs', 'repo'])
})

test('3: where a path has two meanings the parameters decide', async () => {
  await using world = await openWorld()
  await world.bind('branch')
  await world.bind('repo', { sync_granularity: 2 })
  await bindBranch(world, 'repo', 'repo_addr', true)

  const toggled = await world.call('PUT', '/repo/branch/repo_addr', { enable: false })
  const branches = Branches.parse((await world.call('GET', '/repo/branch')).body.data)
  const readdressed = await world.call('PUT', '/repo/branch/repo_addr', { exter_token: 'secret' })
  const unsure = await world.call('PUT', '/repo/branch/repo_addr')

  expect(branches).toMatchObject([{ internal_branch_name: 'repo_addr', enable: false }])
  expect(codes([toggled, readdressed])).toEqual([0, 0])
  expect(unsure.status).toBe(422)
})

test('4: while one sync hangs, everything else is answered', async () => {
  await using world = await openWorld()
  const slow = await world.bind('slow')
  const quick = await world.bind('quick')
  const commit = await world.work.commit('first')
  for (const { internal } of [slow, quick]) await world.work.push(internal, `${commit}:refs/heads/main`)
  const gate = join(world.folder, 'gate')
  await promisify(execFile)('mkfifo', [gate])
  await installHook(slow.external, 'pre-receive', `read line < '${gate}'`)

  const hanging = world.call('POST', '/repo/slow')
  const meanwhile = await Promise.all([
    world.call('GET', '/repo'),
    world.call('POST', '/repo/quick'),
    world.call('GET', '/repo/quick/logs'),
  ])
  const before = await branchNames(slow.external)
  await writeFile(gate, 'go on\n')

  expect(codes(meanwhile)).toEqual([0, 0, 0])
  expect(before).toEqual([])
  expect((await hanging).body.code_status).toBe(0)
})

test('5: many syncs of one repository at once end well', async () => {
  await using world = await openWorld()
  const { internal, external } = await world.bind('app')
  const commit = await world.work.commit('first')
  await world.work.push(internal, `${commit}:refs/heads/main`)

  const answers = await Promise.all(Array.from({ length: 8 }, () => world.call('POST', '/repo/app')))

  expect(new Set(codes(answers))).toEqual(new Set([0]))
  expect(await readRefs(external)).toEqual(new Map([['refs/heads/main', commit]]))
})

test('6: a branch that is declined does not stop the others', async () => {
  await using world = await openWorld()
  const { internal, external } = await world.bind('app')
  const commit = await world.work.commit('first')
  await world.work.push(internal, ...['a', 'bad', 'c'].map((name) => `${commit}:refs/heads/${name}`))
  await installHook(external, 'update', '[ "$1" != refs/heads/bad ]')

  const answer = await world.call('POST', '/repo/app')

  expect(answer.body).toMatchObject({ code_status: 20011, msg: '推送到受保护的分支被拒绝' })
  expect(await branchNames(external)).toEqual(['a', 'c'])
})

test('7: tags travel', async () => {
  await using world = await openWorld()
  const { internal, external } = await world.bind('app')
  const commit = await world.work.commit('first')
  const tag = await world.work.tag('v1', 'the first')
  await world.work.push(internal, `${commit}:refs/heads/main`, 'refs/tags/v1')

  const answer = await world.call('POST', '/repo/app')

  expect(answer.body.code_status).toBe(0)
  expect((await readRefs(external)).get('refs/tags/v1')).toBe(tag)
})

test('8: a token of any length is kept, encrypted, and shown nowhere', async () => {
  await using world = await openWorld()
  const token = `github_pat_${'planted'.repeat(60)}`
  const { internal } = await world.bind('app', { inter_token: token, exter_token: `ada:${token}` })
  const commit = await world.work.commit('first')
  await world.work.push(internal, `${commit}:refs/heads/main`)

  const answers = [
    await world.call('POST', '/repo/app'),
    await world.call('PUT', '/repo/app/repo_addr', { exter_token: token, bad: token }),
    await world.call('GET', '/repo'),
    await world.call('GET', '/repo/app/logs'),
  ]

  const files = await readdir(world.folder, { recursive: true, withFileTypes: true })
  const texts = await Promise.all(
    files.filter((file) => file.isFile()).map((file) => readFile(join(file.parentPath, file.name))),
  )
  expect(texts.length).toBeGreaterThan(10)
  expect(texts.filter((text) => text.includes('plantedplanted'))).toEqual([])
  expect(JSON.stringify(answers) + world.logged()).not.toContain('plantedplanted')
})

test.each(['../../outside', '/etc', '..%2Foutside', 'a/b', 'CON'])(
  '9: a repository may be called %s, which is never a path',
  async (name) => {
    await using world = await openWorld()
    const { internal } = await world.bind(name)
    const commit = await world.work.commit('first')
    await world.work.push(internal, `${commit}:refs/heads/main`)
    const before = (await readdir(world.folder)).sort()

    const synced = await world.call('POST', `/repo/${encodeURIComponent(name)}`)
    const mirrors = (await readdir(join(world.folder, 'sync'))).filter((entry) => entry.endsWith('.git'))
    const deleted = await world.call('DELETE', `/repo/${encodeURIComponent(name)}`)

    expect(codes([synced, deleted])).toEqual([0, 0])
    expect(mirrors).toEqual(['binding-1.git'])
    expect((await readdir(world.folder)).sort()).toEqual(before)
  },
)

test('10: neither an address nor a branch becomes an option or a command', async () => {
  await using world = await openWorld()
  const pair = await world.repositories('app')
  const marker = join(world.folder, 'marker')
  const script = join(world.folder, 'script')
  await writeFile(script, `#!/bin/sh\ntouch '${marker}'\n`)
  await chmod(script, 0o755)
  const addresses = [
    `--upload-pack=${script}`,
    `--UPLOAD-PACK=${script}`,
    `ext::${script}`,
    `-u${script}`,
    `ssh://-oProxyCommand=${script}/o/r`,
    `-oProxyCommand=${script}@host:o/r`,
  ]
  await world.call('POST', '/repo', repoBody('one', pair, { sync_granularity: 2 }))

  const bound: Answer[] = []
  for (const address of addresses) {
    bound.push(await world.call('POST', '/repo', repoBody('evil', { ...pair, internal: address })))
    bound.push(await world.call('PUT', '/repo/one/repo_addr', { external_repo_address: address }))
  }
  const branches = [
    await bindBranch(world, 'one', `--upload-pack=${script}`),
    await bindBranch(world, 'one', '+main:x'),
  ]

  expect(new Set(codes([...bound, ...branches]))).toEqual(new Set([10001]))
  expect(await exists(marker)).toBe(false)
})

test('11: what a forced sync overwrites is kept', async () => {
  await using world = await openWorld()
  const { internal, external } = await world.bind('app')
  const base = await world.work.commit('base')
  await world.work.push(internal, `${base}:refs/heads/main`)
  await world.call('POST', '/repo/app')
  const foreign = await world.work.commit('foreign')
  await world.work.push(external, `${foreign}:refs/heads/main`)
  const own = await world.work.amend('own')
  await world.work.push(internal, `+${own}:refs/heads/main`)

  const plain = await world.call('POST', '/repo/app')
  const kept = (await readRefs(external)).get('refs/heads/main')
  const forced = await world.call('POST', '/repo/app', { force_flag: true })

  expect(plain.body).toMatchObject({ code_status: 20010, msg: '推送冲突' })
  expect(kept).toBe(foreign)
  expect(forced.body.code_status).toBe(0)
  expect((await readRefs(external)).get('refs/heads/main')).toBe(own)
  const [backup = ''] = await readdir(join(world.folder, 'data', 'backups'))
  expect([...(await readRefs(join(world.folder, 'data', 'backups', backup))).values()]).toContain(foreign)
})

test.each([
  ['true', []],
  ['False', ['binding-1.git']],
])('12: DELETE_SYNC_DIR=%s leaves %j and always its log', async (setting, left) => {
  await using world = await openWorld({ DELETE_SYNC_DIR: setting })
  const { internal } = await world.bind('app')
  const commit = await world.work.commit('first')
  await world.work.push(internal, `${commit}:refs/heads/main`)

  const synced = await world.call('POST', '/repo/app')
  const logs = await world.call('GET', '/repo/app/logs')

  const mirrors = (await readdir(join(world.folder, 'sync'))).filter((entry) => entry.endsWith('.git'))
  expect(synced.body.code_status).toBe(0)
  expect(logs.body.total).toBe(1)
  expect(mirrors).toEqual(left)
})

test('13: an unknown repository is said to be unknown by every call', async () => {
  await using world = await openWorld()
  const addresses = { internal_repo_address: 'https://h/o/r' }

  const answers = [
    await world.call('POST', '/other/branch/main', { sync_direct: 1 }),
    await world.call('PUT', '/repo/other/repo_addr', addresses),
    await world.call('POST', '/repo/other'),
    await world.call('PUT', '/repo/other', { enable: true }),
    await world.call('DELETE', '/repo/other'),
    await bindBranch(world, 'other', 'main'),
    await world.call('GET', '/other/branch'),
    await world.call('PUT', '/other/branch/main', { enable: true }),
    await world.call('DELETE', '/other/branch/main'),
  ]

  expect(answers.map(({ status, body }) => [status, body.code_status, body.msg])).toEqual(
    answers.map(() => [200, 10010, '未查找到仓库']),
  )
})

test('13: an address that is left out of repo_addr stays', async () => {
  await using world = await openWorld()
  const before = await world.bind('app')
  const next = await world.repositories('next')

  const answers = [
    await world.call('PUT', '/repo/app/repo_addr', { external_repo_address: next.external }),
    await world.call('PUT', '/repo/app/repo_addr', { internal_repo_address: null, inter_token: 'secret' }),
  ]

  expect(codes(answers)).toEqual([0, 0])
  expect((await world.call('GET', '/repo')).body.data).toMatchObject([
    { internal_repo_address: before.internal, external_repo_address: next.external },
  ])
})

test('14: toggling or unbinding a branch that is not bound does not claim success', async () => {
  await using world = await openWorld()
  await world.bind('app', { sync_granularity: 2 })

  const answers = [
    await world.call('PUT', '/app/branch/main', { enable: true }),
    await world.call('DELETE', '/app/branch/main'),
    await world.call('POST', '/app/branch/main', { sync_direct: 1 }),
  ]

  expect(codes(answers)).toEqual([10012, 10012, 10012])
})

test('15: every sync of a repository has a log row of its own', async () => {
  await using world = await openWorld()
  const { internal } = await world.bind('app')
  const commit = await world.work.commit('first')
  await world.work.push(internal, `${commit}:refs/heads/main`)

  for (let round = 0; round < 3; round += 1) await world.call('POST', '/repo/app')

  const logs = await world.call('GET', '/repo/app/logs')
  expect(logs.body.total).toBe(3)
})

test('16: bound again with the other direction, nothing of the old binding acts', async () => {
  await using world = await openWorld()
  const { internal, external } = await world.bind('app')
  const old = await world.work.commit('old')
  await world.work.push(internal, `${old}:refs/heads/main`)
  await world.call('POST', '/repo/app')
  await world.call('DELETE', '/repo/app')
  const next = await world.work.commit('next')
  await world.work.push(external, `${next}:refs/heads/main`)

  const bound = await world.call(
    'POST',
    '/repo',
    repoBody('app', { internal, external }, { sync_direction: 2 }),
  )
  const synced = await world.call('POST', '/repo/app')

  expect(codes([bound, synced])).toEqual([0, 0])
  expect((await readRefs(internal)).get('refs/heads/main')).toBe(next)
})

test('17: a repository needs no branch of a certain name', async () => {
  await using world = await openWorld()
  const { internal, external } = await world.bind('app')
  const commit = await world.work.commit('first')
  await world.work.push(internal, `${commit}:refs/heads/trunk`)

  const answer = await world.call('POST', '/repo/app')

  expect(answer.body.code_status).toBe(0)
  expect(await branchNames(external)).toEqual(['trunk'])
})

test('18: an address is judged by its form and the rules, not by .com', async () => {
  await using world = await openWorld({ ALLOW_LOCAL_REPOS: 'false' })
  const external = 'https://outer.example/o/r.git'
  const accepted = ['https://gitlink.org.cn/o/r.git', 'git@gitee.com:o/r.git', 'http://10.0.0.1:3000/o/r']
  const refused = [
    'ext::sh -c id',
    'file:///etc',
    '/etc',
    'https://user:pw@h/o/r',
    'http://169.254.169.254/o/r',
  ]

  const answers: Record<string, number | undefined> = {}
  for (const internal of [...accepted, ...refused]) {
    const { body } = await world.call('POST', '/repo', repoBody(internal, { internal, external }))
    answers[internal] = body.code_status
  }

  expect(answers).toEqual({
    ...Object.fromEntries(accepted.map((address) => [address, 0])),
    ...Object.fromEntries(refused.map((address) => [address, 10001])),
  })
})

test.each([
  ['oauth2', 'secret'],
  ['ada', 'ada:secret'],
])('19: a server that wants the user %s gets it from the token', async (username, token) => {
  await using world = await openWorld()
  await using server = await startGitHttpServer({ username, password: 'secret' })
  const outer = await server.createRepository('team/app')
  const internal = join(world.folder, 'inner')
  await createBareRepository(internal)
  const commit = await world.work.commit('first')
  await world.work.push(internal, `${commit}:refs/heads/main`)
  const pair = { internal, external: outer.url }
  await world.call('POST', '/repo', repoBody('app', pair, { exter_token: token }))

  const right = await world.call('POST', '/repo/app')
  await world.call('PUT', '/repo/app/repo_addr', { exter_token: 'ada:wrong' })
  await git(internal, 'update-ref', 'refs/heads/next', commit)
  const wrong = await world.call('POST', '/repo/app')

  expect(right.body.code_status).toBe(0)
  expect(wrong.body).toMatchObject({
    code_status: 20005,
    msg: '认证失败 (用户名和密码、个人访问令牌、SSH 密钥等)',
  })
  expect((await readRefs(outer.dir)).get('refs/heads/main')).toBe(commit)
})

test('20: a log holds its own sync only', async () => {
  await using world = await openWorld()
  const { internal } = await world.bind('app')
  for (const message of ['first', 'second']) {
    await world.work.commit(message)
    await world.work.push(internal, 'HEAD:refs/heads/main')
    await world.call('POST', '/repo/app')
  }

  const logs = Logs.parse((await world.call('GET', '/repo/app/logs')).body.data)

  expect(logs).toHaveLength(2)
  for (const { log } of logs) {
    expect(log.match(/执行app仓库同步/g)).toHaveLength(1)
    expect(log).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \| INFO \| robot - /)
  }
})
