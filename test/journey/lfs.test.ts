import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startClockedDaemon } from '../rig/clocked-daemon.ts'
import type { ClockedDaemon } from '../rig/clocked-daemon.ts'
import { PASSWORDS, pushTo, runOf } from '../rig/journey.ts'
import type { BoundPair } from '../rig/journey.ts'
import { cloneWithObjects, oidOf, oidOfFile, uploadObjects, useLfs, withLogin } from '../rig/lfs-client.ts'
import { startLfsServer } from '../rig/lfs-server.ts'
import type { LfsServer } from '../rig/lfs-server.ts'
import { readRefs } from '../rig/repository.ts'

type LfsJourney = ClockedDaemon & {
  readonly app: BoundPair
  readonly servers: Readonly<Record<'inner' | 'outer', LfsServer>>
  readonly innerUrl: string
}

async function startLfsJourney(options: Readonly<Record<string, unknown>>): Promise<LfsJourney> {
  await using stack = new AsyncDisposableStack()
  const servers = {
    inner: stack.use(await startLfsServer(PASSWORDS.inner)),
    outer: stack.use(await startLfsServer(PASSWORDS.outer)),
  }
  const world = stack.use(await startClockedDaemon({}, servers))
  await useLfs(world.work, '*.bin')
  const app = await world.bind('app', options)
  const owned = stack.move()
  const { username, password } = PASSWORDS.inner
  return {
    ...world,
    app,
    servers,
    innerUrl: withLogin(app.inner.url, username, password),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

test('a push with a large file arrives with the file', async () => {
  await using world = await startLfsJourney({ lfs: true })
  const content = randomBytes(200_000)
  const sha = await world.work.commit('first', { 'a.bin': content })
  await uploadObjects(world.work, world.innerUrl, 'main')
  await world.work.push(world.app.inner.dir, 'main')

  const { body } = await world.deliver(pushTo('github', world.app.inner, 'main', sha))
  const run = await world.runEnded(runOf(body))

  expect(run).toMatchObject({ status: 'succeeded', refs: [{ result: 'created', after: sha }] })
  expect(run.steps.map(({ name }) => name)).toContain('lfs')
  const { username, password } = PASSWORDS.outer
  const clone = await cloneWithObjects(world.dir, withLogin(world.app.outer.url, username, password))
  expect(await oidOfFile(join(clone, 'a.bin'))).toBe(oidOf(content))
})

test('a file that the source does not have is named, and its branch waits', async () => {
  await using world = await startLfsJourney({ lfs: true })
  const sha = await world.work.commit('first', { 'art/a.bin': randomBytes(1000) })
  await world.work.push(world.app.inner.dir, 'main')
  const { body } = await world.deliver(pushTo('github', world.app.inner, 'main', sha))
  const refused = await world.runEnded(runOf(body))
  const before = await readRefs(world.app.outer.dir)
  await uploadObjects(world.work, world.innerUrl, 'main')

  const synced = await world.call('POST', '/cerobot/sync/repo/app')

  expect(refused).toMatchObject({ status: 'failed', code: 20108, refs: [{ result: 'rejected' }] })
  expect(JSON.stringify(refused)).toContain('art/a.bin')
  expect(before.size).toBe(0)
  expect(synced.body).toMatchObject({ code_status: 0 })
  expect(await readRefs(world.app.outer.dir)).toEqual(new Map([['refs/heads/main', sha]]))
})

test('a binding that turns LFS on later gets the files of its past', async () => {
  await using world = await startLfsJourney({ lfs: false })
  const content = randomBytes(1000)
  await world.work.commit('first', { 'a.bin': content })
  await uploadObjects(world.work, world.innerUrl, 'main')
  await world.work.push(world.app.inner.dir, 'main')
  await world.call('POST', '/cerobot/sync/repo/app')
  const before = await world.servers.outer.objects('team/app')
  await world.call('PATCH', '/api/v1/bindings/app', { lfs: true })

  const synced = await world.call('POST', '/cerobot/sync/repo/app')

  expect(before).toEqual([])
  expect(synced.body).toMatchObject({ code_status: 0 })
  expect(await world.servers.outer.objects('team/app')).toEqual([oidOf(content)])
})
