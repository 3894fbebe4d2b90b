import { execFile } from 'node:child_process'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { startGitHttpServer } from '../../rig/git-http-server.ts'
import { createBareRepository, git, installHook, readRefs } from '../../rig/repository.ts'
import { branchNames, codes, openWorld, repoBody } from './world.ts'

// Defects of the service that this API comes from, each shown to be absent: the ones about syncs and their logs.

const Logs = z.array(z.object({ log: z.string() }))

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
  ['true', false],
  ['False', true],
])('12: with DELETE_SYNC_DIR=%s a mirror stays: %s, and always the log', async (setting, stays) => {
  await using world = await openWorld({ DELETE_SYNC_DIR: setting })
  const { internal } = await world.bind('app')
  const commit = await world.work.commit('first')
  await world.work.push(internal, `${commit}:refs/heads/main`)

  const synced = await world.call('POST', '/repo/app')
  const logs = await world.call('GET', '/repo/app/logs')

  const mirrors = await readdir(join(world.folder, 'sync'))
  expect(synced.body.code_status).toBe(0)
  expect(logs.body.total).toBe(1)
  expect(mirrors.includes('binding-1.git')).toBe(stays)
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
