import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { installHook, readRefs } from '../../rig/repository.ts'
import { aNumber, aText, bindBranches, openWorld } from './world.ts'

test('what is disabled is not synced, and enabling a branch enables its repository', async () => {
  await using world = await openWorld()
  await bindBranches(world)

  await world.call('PUT', '/repo/app?enable=false')
  const disabled = [
    await world.call('POST', '/repo/app'),
    await world.call('POST', '/app/branch/inner?sync_direct=1'),
  ]
  await world.call('PUT', '/app/branch/inner?enable=false')
  await world.call('PUT', '/repo/app?enable=1')
  const disabledBranch = [
    await world.call('POST', '/app/branch/inner?sync_direct=1'),
    await world.call('POST', '/repo/app'),
  ]
  await world.call('PUT', '/repo/app?enable=0')
  await world.call('PUT', '/app/branch/inner?enable=true')
  const enabled = await world.call('POST', '/repo/app')

  expect([...disabled, ...disabledBranch, enabled].map(({ body }) => body.code_status)).toEqual([
    10006, 10006, 10006, 10005, 0,
  ])
})

test('a branch is synced in the direction of the call, named by the side it comes from', async () => {
  await using world = await openWorld()
  const { internal, external, commit } = await bindBranches(world)

  const outward = await world.call('POST', '/app/branch/inner?sync_direct=1')
  const arrived = (await readRefs(external)).get('refs/heads/outer')
  const next = await world.work.commit('next')
  await world.work.push(external, `${next}:refs/heads/outer`)
  const inward = await world.call('POST', '/app/branch/outer?sync_direct=2')

  expect([outward, inward].map(({ body }) => body)).toEqual([
    { code_status: 0, data: null, total: null, msg: '操作成功' },
    { code_status: 0, data: null, total: null, msg: '操作成功' },
  ])
  expect(arrived).toBe(commit)
  expect((await readRefs(internal)).get('refs/heads/inner')).toBe(next)
})

test('a failed sync says what happened and what to do', async () => {
  await using world = await openWorld()
  await bindBranches(world)
  await world.call('POST', '/app/branch', {
    enable: true,
    internal_branch_name: 'gone',
    external_branch_name: 'gone',
  })

  const { status, body } = await world.call('POST', '/app/branch/gone?sync_direct=1')

  expect(status).toBe(200)
  expect(body).toMatchObject({ code_status: 20009, data: null, total: null, msg: '分支不存在' })
  expect(body.detail).toEqual(aText)
  expect(body.hint).toMatch(/ \/ /)
})

test('who prefers not to wait gets the run at once', async () => {
  await using world = await openWorld()
  await world.bind('app')

  const { status, headers, body } = await world.call('POST', '/repo/app', undefined, {
    prefer: 'respond-async',
  })

  expect(status).toBe(202)
  expect(headers.get('preference-applied')).toBe('respond-async')
  expect(body).toEqual({ code_status: 0, data: { run_id: aNumber }, total: null, msg: '操作成功' })
})

test('a client that goes away while it waits disturbs nobody', async () => {
  await using world = await openWorld()
  const { internal, external } = await world.bind('app')
  const commit = await world.work.commit('first')
  await world.work.push(internal, `${commit}:refs/heads/main`)
  const [started, gate] = [join(world.folder, 'started'), join(world.folder, 'gate')]
  await promisify(execFile)('mkfifo', [started, gate])
  await installHook(external, 'pre-receive', `echo yes > '${started}'; read line < '${gate}'`)
  const client = connect(Number(new URL(world.url).port), '127.0.0.1')

  client.write('POST /cerobot/sync/repo/app HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n')
  await readFile(started)
  client.destroy()
  await writeFile(gate, 'go on\n')
  const answer = await world.call('POST', '/repo/app')

  expect(answer.body.code_status).toBe(0)
  expect((await readRefs(external)).get('refs/heads/main')).toBe(commit)
  expect(world.logged()).toContain('"status":499')
  expect(world.logged()).not.toContain('request failed')
})
