import { access, chmod, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { branchNames, codes, openWorld, repoBody } from './world.ts'
import type { Answer, World } from './world.ts'

// Defects of the service that this API comes from, each shown to be absent: the ones about names and addresses.

const Repos = z.array(z.looseObject({ repo_name: z.string(), enable: z.boolean() }))
const Branches = z.array(z.looseObject({ internal_branch_name: z.string(), enable: z.boolean() }))

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

test.each(['../../outside', '/etc', '..%2Foutside', 'a/b', 'CON'])(
  '9: a repository may be called %s, which is never a path',
  async (name) => {
    await using world = await openWorld()
    const { internal } = await world.bind(name)
    const commit = await world.work.commit('first')
    await world.work.push(internal, `${commit}:refs/heads/main`)
    const before = (await readdir(world.folder)).sort()

    const synced = await world.call('POST', `/repo/${encodeURIComponent(name)}`)
    const kept = (await readdir(join(world.folder, 'sync'))).filter((entry) => !entry.startsWith('.'))
    const deleted = await world.call('DELETE', `/repo/${encodeURIComponent(name)}`)

    expect(codes([synced, deleted])).toEqual([0, 0])
    expect(kept).toContain('binding-1.git')
    expect(kept.filter((entry) => !entry.startsWith('binding-1.'))).toEqual([])
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
