import { expect, test } from 'vitest'
import { z } from 'zod'
import { HOUR, SECOND } from '../../src/clock.ts'
import { startClockedDaemon } from '../rig/clocked-daemon.ts'
import type { ClockedDaemon } from '../rig/clocked-daemon.ts'
import { startFakeForge } from '../rig/fake-forge.ts'
import type { FakeForge } from '../rig/fake-forge.ts'
import { PASSWORDS } from '../rig/journey.ts'
import type { BoundPair } from '../rig/journey.ts'

// Who is told what about syncs, and how often.

const Message = z.looseObject({ type: z.string(), data: z.looseObject({}) })

test('a conflict is told when it opens and when it closes, however often it is found', async () => {
  await using world = await startClockedDaemon()
  await using receiver = await listen(world)
  const app = await world.bind('app', { direction: 'both' })
  const { own } = await diverge(world, app)

  await sync(world)
  await sync(world)
  await sync(world)
  await world.call('POST', '/api/v1/bindings/app/conflicts/main/resolve', { take: 'internal' })
  await expect.poll(() => told(receiver)).toEqual(['sync_conflict', 'sync_recovered'])
  await sync(world)
  await world.work.push(app.inner.dir, `${own}:refs/heads/more`)
  await sync(world)

  expect(told(receiver)).toEqual(['sync_conflict', 'sync_recovered'])
})

test('two conflicts are told apart, and each end is told', async () => {
  await using world = await startClockedDaemon()
  await using receiver = await listen(world)
  const app = await world.bind('app', { direction: 'both' })
  const { own, foreign } = await diverge(world, app)
  await sync(world)
  await expect.poll(() => told(receiver)).toEqual(['sync_conflict'])
  await world.work.push(app.inner.dir, `${own}:refs/heads/other`)
  await world.work.push(app.outer.dir, `${foreign}:refs/heads/other`)

  await sync(world)
  await world.call('POST', '/api/v1/bindings/app/conflicts/other/resolve', { take: 'internal' })

  await expect.poll(() => told(receiver)).toEqual(['sync_conflict', 'sync_conflict', 'sync_recovered'])
})

test('a login that fails for good is told as a failure and as a pause, once each, and its end too', async () => {
  await using world = await startClockedDaemon()
  await using receiver = await listen(world)
  const app = await world.bind('app', {
    external: { address: world.outer.url('team/app'), token: 'bob:wrong' },
  })
  await world.work.commit('first')
  await world.work.push(app.inner.dir, 'HEAD:refs/heads/main')

  await sync(world)
  await sync(world)
  await world.advanceToRun(HOUR, 'app')
  await world.advanceToRun(HOUR, 'app')
  const token = `${PASSWORDS.outer.username}:${PASSWORDS.outer.password}`
  await world.call('PATCH', '/api/v1/bindings/app', { external: { token } })

  await expect.poll(() => told(receiver)).toEqual(['sync_failure', 'binding_paused', 'sync_recovered'])
})

test('retries are not told, only how they end', async () => {
  await using world = await startClockedDaemon({ SYNC_ATTEMPTS: '3' })
  await using receiver = await listen(world)
  const app = await world.bind('app')
  await world.work.commit('first')
  await world.work.push(app.inner.dir, 'HEAD:refs/heads/main')
  world.outer.fault('team/app', { kind: 'status', status: 500 })
  const asked = await world.call('POST', '/api/v1/bindings/app/sync')
  const { run_id: run } = z.object({ data: z.object({ run_id: z.number() }) }).parse(asked.body).data

  await expect
    .poll(
      async () => {
        world.clock.advance(10 * SECOND)
        return (await world.call('GET', `/api/v1/runs/${run}`)).body
      },
      { timeout: 20_000 },
    )
    .toMatchObject({ data: { status: 'failed', attempts: 3 } })
  await expect
    .poll(() => {
      world.clock.advance(SECOND)
      return told(receiver)
    })
    .toEqual(['sync_failure'])
})

/** A receiver that hears of everything that is news. */
async function listen(world: ClockedDaemon): Promise<FakeForge> {
  const receiver = await startFakeForge(() => ({ status: 200 }))
  const events = ['sync_success', 'sync_failure', 'sync_conflict', 'sync_recovered', 'binding_paused']
  const channel = { type: 'webhook', name: 'ci', config: { url: receiver.origin }, events }
  const { status } = await world.call('POST', '/api/v1/notification/channels', channel)
  if (status !== 200) throw new Error(`the channel was answered ${status}`)
  return receiver
}

/** Each message once: a clock that jumps while one is sent has it sent again, under its id. */
function told(receiver: FakeForge): readonly string[] {
  const messages = new Map(
    receiver.requests.map(({ headers, body }) => [
      headers['webhook-id'],
      Message.parse(JSON.parse(body)).type,
    ]),
  )
  return [...messages.values()]
}

function sync(world: ClockedDaemon) {
  return world.call('POST', '/cerobot/sync/repo/app')
}

async function diverge({ work }: ClockedDaemon, app: BoundPair) {
  await work.commit('base')
  await work.push(app.inner.dir, 'HEAD:refs/heads/main')
  await work.push(app.outer.dir, 'HEAD:refs/heads/main')
  await work.branch('foreign')
  const foreign = await work.commit('foreign')
  await work.push(app.outer.dir, 'HEAD:refs/heads/main')
  await work.branch('own', 'HEAD~1')
  const own = await work.commit('own')
  await work.push(app.inner.dir, 'HEAD:refs/heads/main')
  return { own, foreign }
}
