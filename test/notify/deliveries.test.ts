import { expect, test } from 'vitest'
import { DAY, HOUR } from '../../src/clock.ts'
import { deleteChannel } from '../../src/notify/configure.ts'
import { listDeliveries, replayDelivery } from '../../src/notify/deliveries.ts'
import { createNotifyWorld, failures, noticeOf, startReceiver, unreachable } from './world.ts'

test('every page of the log is where it should be, from whichever end it is counted', async () => {
  await using world = await createNotifyWorld()
  await using receiver = await startReceiver()
  const channel = await world.addChannel('webhook', { url: receiver.origin })
  await world.report(...failures(11))

  const pages = await Promise.all(
    [1, 2, 3, 4, 5].map(async (page) => {
      const { deliveries, total } = await listDeliveries(world.deps, channel.id, {}, { page, pageSize: 3 })
      return { total, names: deliveries.map(({ subjectName }) => subjectName) }
    }),
  )
  const none = await listDeliveries(world.deps, channel.id, { status: 'dead' }, { page: 1, pageSize: 3 })

  expect(pages.map(({ names }) => names)).toEqual([
    ['app-11', 'app-10', 'app-9'],
    ['app-8', 'app-7', 'app-6'],
    ['app-5', 'app-4', 'app-3'],
    ['app-2', 'app-1'],
    [],
  ])
  expect(new Set(pages.map(({ total }) => total))).toEqual(new Set([11]))
  expect(none).toEqual({ deliveries: [], total: 0 })
})

test('only what has ended by itself can be sent again', async () => {
  await using world = await createNotifyWorld()
  await using receiver = await startReceiver()
  const channel = await world.addChannel('webhook', { url: receiver.origin }, { stormLimit: 2 })
  await world.report(...failures(3))
  await world.send()
  const [held] = await world.deliveriesOf(channel)
  await world.pass(HOUR)
  const [digest, digested] = await world.deliveriesOf(channel)
  if (held === undefined || digest === undefined || digested === undefined) throw new Error('too few')

  const again = await replayDelivery(world.deps, channel.id, digest.id)
  await world.send()

  expect(held).toMatchObject({ status: 'waiting', hold: 'storm' })
  expect(digested.status).toBe('digested')
  await expect(replayDelivery(world.deps, channel.id, digested.id)).rejects.toThrow('that is digested cannot')
  expect(again.messageId).toBe(digest.messageId)
  expect(receiver.requests.map(({ headers }) => headers['webhook-id'])).toEqual([
    expect.any(String),
    digest.messageId,
    digest.messageId,
  ])
})

test('a channel goes with everything that was sent through it, and leaves the others alone', async () => {
  await using world = await createNotifyWorld()
  await using receiver = await startReceiver()
  const gone = await world.addChannel('webhook', { url: receiver.origin })
  const kept = await world.addChannel('webhook', { url: receiver.origin })
  await world.report(...failures(600))

  await deleteChannel(world.deps, gone.id)

  const rows = await world.db
    .selectFrom('notification_delivery')
    .select((eb) => ['channel_id', eb.fn.countAll<number>().as('count')])
    .groupBy('channel_id')
    .execute()
  const problems = await world.db.selectFrom('notification_problem').select('channel_id').distinct().execute()
  expect(rows).toEqual([{ channel_id: kept.id, count: 600 }])
  expect(problems).toEqual([{ channel_id: kept.id }])
  await expect(deleteChannel(world.deps, gone.id)).rejects.toThrow('channel_unknown')
})

test('a clock that is set back by a year keeps nothing waiting for that year', async () => {
  await using world = await createNotifyWorld()
  await using receiver = await startReceiver()
  const channel = await world.addChannel('webhook', { url: receiver.origin })
  await world.report(unreachable)
  await world.db
    .updateTable('notification_delivery')
    .set({ next_at: world.clock.now() + 365 * DAY, expires_at: world.clock.now() + 368 * DAY })
    .execute()

  await world.send()

  expect(await world.deliveriesOf(channel)).toMatchObject([{ status: 'sent' }])
})

test('a record that cannot be read keeps no other notice from being sent', async () => {
  await using world = await createNotifyWorld()
  await using receiver = await startReceiver()
  const channel = await world.addChannel('webhook', { url: receiver.origin })
  await world.report(...failures(2))
  await world.db.updateTable('notice').set({ facts: '{"refs":' }).where('id', '=', 1).execute()

  await world.send()

  expect(await world.deliveriesOf(channel)).toMatchObject([
    { subjectName: 'app-2', status: 'sent' },
    { subjectName: 'app-1', status: 'waiting', attempts: 1 },
  ])
})

test('a notice keeps no login that a message of git repeats', async () => {
  await using world = await createNotifyWorld()
  await using receiver = await startReceiver()
  await world.addChannel('webhook', { url: receiver.origin })
  const words = "fatal: unable to access 'https://ada:planted-git-password@git.example/app.git/': 403"

  await world.report(noticeOf('sync_failure', { errorMessage: words, hint: words }))
  await world.send()

  const stored = await world.db.selectFrom('notice').select('facts').execute()
  expect(receiver.requests[0]?.body).toContain('https://***@git.example/app.git/')
  expect(JSON.stringify([stored, receiver.requests, world.logged()])).not.toContain('planted-git-password')
})
