import { expect, test } from 'vitest'
import { z } from 'zod'
import { HOUR, MINUTE, SECOND } from '../../src/clock.ts'
import { startClockedDaemon } from '../rig/clocked-daemon.ts'
import type { ClockedDaemon } from '../rig/clocked-daemon.ts'
import { headOf, PASSWORDS, pushTo, runOf } from '../rig/journey.ts'

const Shown = z.object({
  data: z.looseObject({
    paused: z.boolean(),
    paused_reason: z.string().nullable(),
    paused_detail: z.string().nullable(),
    next_try_at: z.string().nullable(),
  }),
})

test('a login that is refused twice pauses the binding, and hardly asks the forge any more', async () => {
  await using world = await startClockedDaemon()
  const app = await world.bind('app', { external: wrongLogin(world) })
  const commit = await world.work.commit('first')
  await world.work.push(app.inner.dir, 'HEAD:refs/heads/main')

  await fail(world, app, commit)
  const afterOne = await shown(world)
  await fail(world, app, commit)
  const paused = await shown(world)
  const asked = world.outer.requests.length
  for (let push = 0; push < 10; push += 1) {
    await world.deliver(pushTo('gitea', app.inner, 'main', commit))
    world.clock.advance(5 * SECOND)
  }
  const whileWaiting = world.outer.requests.length - asked
  const probe = await world.runEnded(await waitingRun(world))

  expect(afterOne).toMatchObject({ paused: false })
  expect(paused).toMatchObject({ paused: true, paused_reason: 'auth' })
  expect(paused.paused_detail).toContain('the server refused the login')
  expect(whileWaiting).toBe(0)
  expect(probe.status).toBe('failed')
})

test('a slip of the forge heals by itself within a minute or so', async () => {
  await using world = await startClockedDaemon()
  const app = await world.bind('app')
  const commit = await world.work.commit('first')
  await world.work.push(app.inner.dir, 'HEAD:refs/heads/main')
  world.outer.fault('team/app', { kind: 'status', status: 401 })
  await fail(world, app, commit)
  world.outer.fault('team/app', { kind: 'ok' })

  const run = await world.advanceToRun(65 * SECOND, 'app')

  expect(run).toMatchObject({ status: 'succeeded', trigger: 'reconcile' })
  expect(await headOf(app.outer, 'main')).toBe(commit)
  expect(await shown(world)).toMatchObject({ paused: false, paused_reason: null, next_try_at: null })
})

test('a failure that stays is tried once an hour', async () => {
  await using world = await startClockedDaemon()
  const app = await world.bind('app', { external: wrongLogin(world) })
  const commit = await world.work.commit('first')
  await world.work.push(app.inner.dir, 'HEAD:refs/heads/main')
  await fail(world, app, commit)
  await world.advanceToRun(65 * SECOND, 'app')
  const asked = world.outer.requests.length

  world.clock.advance(55 * MINUTE)
  const meanwhile = world.outer.requests.length - asked
  const run = await world.advanceToRun(10 * MINUTE, 'app')

  expect(meanwhile).toBe(0)
  expect(run).toMatchObject({ status: 'failed', code: 20005 })
  const ended = Date.parse(run.finished_at ?? '')
  expect(Date.parse((await shown(world)).next_try_at ?? '') - ended).toBe(HOUR)
})

test.each([
  [
    'another token',
    (world: ClockedDaemon) =>
      world.call('PUT', '/cerobot/sync/repo/app/repo_addr', {
        exter_token: `${PASSWORDS.outer.username}:${PASSWORDS.outer.password}`,
      }),
  ],
  [
    'the same in the other API',
    (world: ClockedDaemon) =>
      world.call('PATCH', '/api/v1/bindings/app', {
        external: { token: `${PASSWORDS.outer.username}:${PASSWORDS.outer.password}` },
      }),
  ],
])('%s ends the pause at once, and what was missed is carried over', async (_, mend) => {
  await using world = await startClockedDaemon()
  const app = await world.bind('app', { external: wrongLogin(world) })
  const commit = await world.work.commit('first')
  await world.work.push(app.inner.dir, 'HEAD:refs/heads/main')
  await failTwice(world, app, commit)
  const missed = await world.work.commit('missed')
  await world.work.push(app.inner.dir, 'HEAD:refs/heads/main')
  const waiting = await world.deliver(pushTo('gitea', app.inner, 'main', missed, { before: commit }))

  await mend(world)
  const run = await world.runEnded(runOf(waiting.body))

  expect(run.status).toBe('succeeded')
  expect(await headOf(app.outer, 'main')).toBe(missed)
  expect(await shown(world)).toMatchObject({ paused: false })
})

test.each([
  ['enabled', { enabled: true }],
  ['told to go on', { paused: false }],
])('a binding that is %s is tried again, and stays paused when nothing has changed', async (_, change) => {
  await using world = await startClockedDaemon()
  const app = await world.bind('app', { external: wrongLogin(world) })
  const commit = await world.work.commit('first')
  await world.work.push(app.inner.dir, 'HEAD:refs/heads/main')
  await failTwice(world, app, commit)
  const before = world.outer.requests.length

  await world.call('PATCH', '/api/v1/bindings/app', change)
  await expect.poll(() => world.outer.requests.length).toBeGreaterThan(before)
  const again = await world.advanceToRun(65 * SECOND, 'app')

  expect(again).toMatchObject({ status: 'failed', code: 20005 })
  expect(await shown(world)).toMatchObject({ paused: true, paused_reason: 'auth' })
})

test('a sync by hand does not wait for a pause, and its success ends it', async () => {
  await using world = await startClockedDaemon()
  const app = await world.bind('app')
  const commit = await world.work.commit('first')
  await world.work.push(app.inner.dir, 'HEAD:refs/heads/main')
  world.outer.fault('team/app', { kind: 'status', status: 403 })
  await failTwice(world, app, commit)
  const again = await world.call('POST', '/cerobot/sync/repo/app')
  world.outer.fault('team/app', { kind: 'ok' })

  const { body } = await world.call('POST', '/cerobot/sync/repo/app')

  expect(again.body).toMatchObject({ code_status: 20005 })
  expect(body).toMatchObject({ code_status: 0 })
  expect(await shown(world)).toMatchObject({ paused: false })
})

test('a refused branch pauses nothing: the forge was reached', async () => {
  await using world = await startClockedDaemon()
  const app = await world.bind('app')
  const base = await world.work.commit('base')
  await world.work.push(app.inner.dir, 'HEAD:refs/heads/main')
  await world.work.push(app.outer.dir, 'HEAD:refs/heads/main')
  await world.work.commit('more')
  await world.work.push(app.inner.dir, 'HEAD:refs/heads/main')
  await world.work.amend('rewritten')
  await world.work.push(app.outer.dir, 'HEAD:refs/heads/main')

  const { body } = await world.call('POST', '/cerobot/sync/repo/app')

  expect(body).toMatchObject({ code_status: 20010 })
  expect(await headOf(app.outer, 'main')).not.toBe(base)
  expect(await shown(world)).toMatchObject({ paused: false })
})

async function fail(
  world: ClockedDaemon,
  app: Parameters<typeof pushTo>[1] extends infer R ? { readonly inner: R } : never,
  commit: Parameters<typeof pushTo>[3],
): Promise<void> {
  const { body } = await world.deliver(pushTo('gitea', app.inner, 'main', commit))
  const run = await world.runEnded(runOf(body))
  if (run.status !== 'failed') throw new Error(`the run ended ${run.status}`)
}

async function failTwice(...[world, app, commit]: Parameters<typeof fail>): Promise<void> {
  await fail(world, app, commit)
  await fail(world, app, commit)
}

function wrongLogin(world: ClockedDaemon) {
  return { address: world.outer.url('team/app'), token: 'bob:wrong' }
}

async function shown(world: ClockedDaemon) {
  return Shown.parse((await world.call('GET', '/api/v1/bindings/app')).body).data
}

/** The one run that waits; its time comes. */
async function waitingRun(world: ClockedDaemon): Promise<number> {
  const { body } = await world.call('GET', '/api/v1/runs?binding=app&status=queued')
  const List = z.object({ data: z.object({ items: z.array(z.object({ id: z.number() })).length(1) }) })
  world.clock.advance(HOUR)
  return List.parse(body).data.items[0]?.id ?? 0
}
