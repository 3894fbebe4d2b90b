import { expect, test } from 'vitest'
import { HOUR } from '../../src/clock.ts'
import type { Channel } from '../../src/notify/channel.ts'
import { updateChannel } from '../../src/notify/configure.ts'
import { enqueueNotice } from '../../src/notify/outbox.ts'
import type { FakeForge } from '../rig/fake-forge.ts'
import {
  createNotifyWorld,
  EVERY_EVENT,
  failureOf,
  noticeOf,
  refOf,
  startReceiver,
  unreachable,
} from './world.ts'
import type { NotifyWorld } from './world.ts'

function addWebhook(world: NotifyWorld, receiver: FakeForge): Promise<Channel> {
  return world.addChannel('webhook', { url: receiver.origin }, { events: EVERY_EVENT })
}

test('a channel hears only of its bindings and tasks', async () => {
  await using world = await createNotifyWorld()
  await using receiver = await startReceiver()
  await world.db.insertInto('binding').values(bindingRow('app-1')).execute()
  const scope = { bindings: ['app-1'], tasks: [5] }
  const channel = await world.addChannel('webhook', { url: receiver.origin }, { scope, events: EVERY_EVENT })

  await world.report(failureOf(1), failureOf(2))
  await world.report(noticeOf('sync_failure', {}, { bindingId: null, taskId: 5, subjectName: 'nightly' }))
  await world.report(noticeOf('sync_failure', {}, { bindingId: null, taskId: 6, subjectName: 'weekly' }))
  await world.report(noticeOf('webhook_error', {}, { bindingId: null, subjectName: 'webhooks' }))
  await world.send()

  const told = await world.deliveriesOf(channel)
  expect(told.map(({ subjectName }) => subjectName)).toEqual(['nightly', 'app-1'])
})

test('a channel that is switched off gives up what waits, and hears of what still fails when it is on again', async () => {
  await using world = await createNotifyWorld()
  await using receiver = await startReceiver()
  const channel = await addWebhook(world, receiver)
  receiver.failWith({ status: 500 })
  await world.report(unreachable)
  await world.send()
  receiver.failWith(undefined)

  await updateChannel(world.deps, channel.id, { enabled: false })
  await world.report(unreachable)
  await world.pass(HOUR)
  const whileOff = receiver.requests.length
  await updateChannel(world.deps, channel.id, { enabled: true })
  await world.report(unreachable)
  await world.send()

  expect(whileOff).toBe(1)
  expect(await world.deliveriesOf(channel)).toMatchObject([
    { status: 'sent' },
    { status: 'dead', answer: 'the channel was switched off' },
  ])
})

test('what fails already when a channel is made is told to it at the next failure', async () => {
  await using world = await createNotifyWorld()
  await using receiver = await startReceiver()
  await addWebhook(world, receiver)
  await world.report(unreachable)
  const late = await addWebhook(world, receiver)

  await world.report(unreachable)
  await world.send()

  expect(receiver.requests).toHaveLength(2)
  expect(await world.deliveriesOf(late)).toHaveLength(1)
})

test('a transaction that is rolled back has told nobody', async () => {
  await using world = await createNotifyWorld()
  await using receiver = await startReceiver()
  await addWebhook(world, receiver)

  const failing = world.db.transaction().execute(async (trx) => {
    await enqueueNotice(trx, unreachable, world.clock.now())
    throw new Error('the run could not be recorded')
  })
  await expect(failing).rejects.toThrow('could not be recorded')
  await world.send()
  await world.report(unreachable)
  await world.send()

  expect(receiver.requests).toHaveLength(1)
})

function bindingRow(name: string) {
  return {
    name,
    enabled: 1 as const,
    internal_address: `https://inner.example/team/${name}`,
    external_address: `https://outer.example/team/${name}`,
    internal_host: 'inner.example',
    external_host: 'outer.example',
    granularity: 'all' as const,
    direction: 'to_outer' as const,
    reconcile_at: 0,
    created_at: 0,
    updated_at: 0,
  }
}

test('a channel that asks for everything hears of each sync that changed something, unless it chose its events', async () => {
  await using world = await createNotifyWorld()
  await using receiver = await startReceiver()
  const config = { url: receiver.origin }
  const all = await world.addChannel('webhook', config, { report: 'all' })
  const later = await world.addChannel('webhook', config)
  await updateChannel(world.deps, later.id, { report: 'all' })
  const choosy = await world.addChannel('webhook', config, { report: 'all', events: ['sync_failure'] })
  await updateChannel(world.deps, choosy.id, { report: 'all' })

  await world.report(noticeOf('sync_success', { refs: [refOf('main', 'updated')] }))
  await world.report(noticeOf('sync_success', { refs: [refOf('main', 'up_to_date')] }))

  const told = async (channel: typeof all) => (await world.deliveriesOf(channel)).map(({ event }) => event)
  expect(await told(all)).toEqual(['sync_success'])
  expect(await told(later)).toEqual(['sync_success'])
  expect(await told(choosy)).toEqual([])
})
