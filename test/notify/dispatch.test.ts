import { expect, test } from 'vitest'
import { z } from 'zod'
import { DAY, HOUR, MINUTE, SECOND } from '../../src/clock.ts'
import type { Channel } from '../../src/notify/channel.ts'
import { updateChannel } from '../../src/notify/configure.ts'
import { getDelivery, replayDelivery } from '../../src/notify/deliveries.ts'
import { startPruning } from '../../src/schedule/prune.ts'
import { startFakeForge } from '../rig/fake-forge.ts'
import type { FakeForge } from '../rig/fake-forge.ts'
import {
  createNotifyWorld,
  EVERY_EVENT,
  failureOf,
  failures,
  noticeOf,
  refOf,
  startReceiver,
  unreachable,
} from './world.ts'
import type { NotifyWorld } from './world.ts'

const Body = z.object({ type: z.string(), data: z.looseObject({ binding: z.string().nullable() }) })

function addWebhook(world: NotifyWorld, receiver: FakeForge): Promise<Channel> {
  return world.addChannel('webhook', { url: receiver.origin }, { events: EVERY_EVENT })
}

test('a receiver that is down for an hour gets each notice once, in order, under the id of its first try', async () => {
  await using world = await createNotifyWorld()
  await using receiver = await startReceiver()
  const channel = await addWebhook(world, receiver)
  receiver.failWith({ status: 500 })
  for (let number = 1; number <= 12; number += 1) {
    await world.report(failureOf(number))
    await world.pass(5 * MINUTE)
  }
  const tries = receiver.requests.length
  const during = await world.deliveriesOf(channel)
  receiver.failWith(undefined)

  await world.pass(HOUR)

  const taken = receiver.requests.slice(tries)
  const after = await world.deliveriesOf(channel)
  expect(during.every(({ status }) => status === 'waiting')).toBe(true)
  expect(tries).toBeLessThan(15)
  expect(taken.map(({ body }) => Body.parse(JSON.parse(body)).data.binding)).toEqual(
    Array.from({ length: 12 }, (_, index) => `app-${index + 1}`),
  )
  expect(taken.map(({ headers }) => headers['webhook-id'])).toEqual(
    during.map(({ messageId }) => messageId).toReversed(),
  )
  expect(after.every(({ status, endedAt }) => status === 'sent' && endedAt !== null)).toBe(true)
})

test('a receiver that never answers costs its own channel five seconds, and no other channel waits', async () => {
  await using world = await createNotifyWorld()
  await using silent = await startReceiver()
  await using receiver = await startReceiver()
  const stuck = await addWebhook(world, silent)
  const other = await addWebhook(world, receiver)
  silent.failWith('silence')
  await world.report(unreachable)
  world.dispatcher.wake()
  while ((await world.deliveriesOf(other))[0]?.status !== 'sent' || silent.requests.length === 0) {
    await new Promise((resolve) => setImmediate(resolve))
  }
  const before = await world.deliveriesOf(stuck)

  world.clock.advance(5 * SECOND)
  await world.dispatcher.settled()

  const [delivery] = await world.deliveriesOf(stuck)
  expect(before).toMatchObject([{ status: 'waiting', answer: null }])
  expect(delivery?.answer).toMatch(/took longer than 5000 ms$/)
})

test('a message that is refused does not keep the next one', async () => {
  await using world = await createNotifyWorld()
  await using receiver = await startFakeForge(({ body }) => ({ status: body.includes('app-1') ? 400 : 200 }))
  const channel = await addWebhook(world, receiver)

  await world.report(failureOf(1), failureOf(2))
  await world.send()

  expect(await world.deliveriesOf(channel)).toMatchObject([
    { subjectName: 'app-2', status: 'sent' },
    { subjectName: 'app-1', status: 'waiting', httpStatus: 400 },
  ])
})

test('what nobody takes for three days is dead, said so in the log, and goes out again when asked', async () => {
  await using world = await createNotifyWorld()
  await using receiver = await startReceiver()
  const channel = await addWebhook(world, receiver)
  receiver.failWith({ status: 503 })
  await world.report(unreachable)
  await world.send()
  for (let hours = 0; hours < 73; hours += 1) {
    world.clock.advance(HOUR)
    await world.send()
  }
  const [dead] = await world.deliveriesOf(channel)
  if (dead === undefined) throw new Error('no delivery')
  const tries = receiver.requests.length
  await world.pass(HOUR)
  const triesOfTheDead = receiver.requests.length
  receiver.failWith(undefined)

  await replayDelivery(world.deps, channel.id, dead.id)
  world.dispatcher.reopen(channel.id)
  await world.dispatcher.settled()

  const { delivery, attempts } = await getDelivery(world.deps, channel.id, dead.id)
  expect(dead).toMatchObject({ status: 'dead', httpStatus: 503 })
  expect(triesOfTheDead).toBe(tries)
  expect(world.logged()).toMatch(/"level":50.*dead/)
  expect(delivery).toMatchObject({ status: 'sent', attempts: 1, messageId: dead.messageId })
  expect(receiver.requests.at(-1)?.headers['webhook-id']).toBe(dead.messageId)
  expect(attempts).toHaveLength(20)
  expect(attempts[0]).toMatchObject({ isTaken: true, httpStatus: 200 })
})

test('Retry-After is kept to, up to a day', async () => {
  await using world = await createNotifyWorld()
  await using receiver = await startReceiver()
  const channel = await addWebhook(world, receiver)
  receiver.failWith({ status: 429, headers: { 'retry-after': '3600' } })
  await world.report(unreachable)
  await world.send()
  receiver.failWith(undefined)

  await world.pass(59 * MINUTE)
  const before = receiver.requests.length
  await world.pass(2 * MINUTE)

  expect(before).toBe(1)
  expect(await world.deliveriesOf(channel)).toMatchObject([{ status: 'sent', attempts: 2 }])
})

test('old notices, deliveries and problems go with their time, and what waits stays', async () => {
  await using world = await createNotifyWorld()
  await using receiver = await startReceiver()
  const channel = await addWebhook(world, receiver)
  const refused = noticeOf('sync_failure', { refs: [refOf('main', 'rejected')] })
  await world.report(...failures(1200))
  await updateChannel(world.deps, channel.id, { enabled: false })
  await updateChannel(world.deps, channel.id, { enabled: true })
  await world.report(unreachable)
  await world.send()
  world.clock.advance(31 * DAY)
  await world.report({ ...refused, bindingId: 5000, subjectName: 'fresh' })

  const timers = world.clock.pendingTimers()
  await using _pruning = startPruning({
    ...world.deps,
    runRetentionMs: 0,
    deliveryRetentionMs: 30 * DAY,
    backupRetentionMs: 0,
    dropBackups: () => Promise.resolve(true),
  })
  while (world.clock.pendingTimers() === timers) await new Promise((resolve) => setImmediate(resolve))

  const left = await world.deliveriesOf(channel)
  const notices = await world.db.selectFrom('notice').select('subject_name').execute()
  const attempts = await world.db.selectFrom('notification_attempt').selectAll().execute()
  const problems = await world.db.selectFrom('notification_problem').select('subject').execute()
  expect(left).toMatchObject([{ subjectName: 'fresh', status: 'waiting' }])
  expect(notices).toEqual([{ subject_name: 'fresh' }])
  expect(receiver.requests).toHaveLength(1)
  expect(attempts).toEqual([])
  expect(problems).toEqual([{ subject: 'binding:5000' }])
}, 60_000)
