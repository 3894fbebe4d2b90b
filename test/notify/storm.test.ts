import { expect, test } from 'vitest'
import { z } from 'zod'
import { HOUR, MINUTE, SECOND } from '../../src/clock.ts'
import { createNotifyWorld, failures, noticeOf, startReceiver } from './world.ts'

const Body = z.object({ type: z.string(), data: z.looseObject({ binding: z.string().nullable() }) })

test('five hundred failing syncs are three messages in an hour, and every one of them is told', async () => {
  await using world = await createNotifyWorld()
  await using receiver = await startReceiver()
  const channel = await world.addChannel('dingtalk', { webhook: receiver.origin })
  const perHour: number[] = []
  for (let hour = 0; hour < 3; hour += 1) {
    const before = receiver.requests.length
    await world.report(...failures(500, hour * 500 + 1))
    await world.pass(HOUR)
    perHour.push(receiver.requests.length - before)
  }

  await world.pass(2 * HOUR)

  const rows = await world.db
    .selectFrom('notification_delivery')
    .select((eb) => ['status', eb.fn.countAll<number>().as('count')])
    .where('channel_id', '=', channel.id)
    .groupBy('status')
    .execute()
  const counts = new Map(rows.map(({ status, count }) => [status, count]))
  const texts = receiver.requests.map(({ body }) => body).join('\n')
  const digested = [...texts.matchAll(/\[汇总\] (\d+) 条通知/g)].filter((_, index) => index % 2 === 0)
  const told = digested.reduce((sum, [, count]) => sum + Number(count), 0)
  expect(perHour.every((count) => count <= 3)).toBe(true)
  expect(counts.get('waiting')).toBeUndefined()
  expect(counts.get('digested')).toBe(told)
  expect(told + (counts.get('sent') ?? 0) - digested.length).toBe(1500)
}, 60_000)

test('failures of other kinds are told at once during a storm', async () => {
  await using world = await createNotifyWorld()
  await using receiver = await startReceiver()
  await world.addChannel('dingtalk', { webhook: receiver.origin })
  await world.report(...failures(10))
  await world.send()
  const before = receiver.requests.length

  await world.report(noticeOf('sync_failure', { code: 20_005 }, { bindingId: 99, subjectName: 'other' }))
  await world.send()

  expect(before).toBe(2)
  expect(receiver.requests).toHaveLength(3)
  expect(receiver.requests[2]?.body).toContain('other')
})

test('a digest lists what it stands for, and reaches a machine with all facts', async () => {
  await using world = await createNotifyWorld()
  await using receiver = await startReceiver()
  const channel = await world.addChannel('webhook', { url: receiver.origin }, { stormLimit: 2 })
  await world.report(...failures(30))

  await world.pass(11 * MINUTE)

  const last = z
    .object({
      type: z.string(),
      data: z.object({ count: z.number(), content: z.string(), notices: z.array(Body) }),
    })
    .parse(JSON.parse(receiver.requests.at(-1)?.body ?? ''))
  expect(receiver.requests).toHaveLength(2)
  expect(last).toMatchObject({ type: 'digest', data: { count: 29 } })
  expect(last.data.notices.map(({ data }) => data.binding)).toEqual(
    Array.from({ length: 29 }, (_, index) => `app-${index + 2}`),
  )
  expect(last.data.content.split('\n').at(-1)).toBe('… 另有 9 条 / 9 more')
  const [digest, ...members] = await world.deliveriesOf(channel)
  expect(digest).toMatchObject({ event: 'digest', status: 'sent' })
  expect(members.filter(({ digestId }) => digestId === digest?.id)).toHaveLength(29)
})

test('the limit of a vendor is never exceeded, whatever the person has allowed', async () => {
  await using world = await createNotifyWorld()
  await using receiver = await startReceiver()
  await world.addChannel('wecom', { webhook: receiver.origin }, { stormLimit: 0 })
  await world.report(...failures(50))

  const perMinute: number[] = []
  for (let minute = 0; minute < 4; minute += 1) {
    const before = receiver.requests.length
    await world.send()
    perMinute.push(receiver.requests.length - before)
    world.clock.advance(MINUTE)
  }

  expect(perMinute).toEqual([20, 20, 10, 0])
})

test('a flood of rejected deliveries is one message an hour, with how many and why', async () => {
  await using world = await createNotifyWorld()
  await using receiver = await startReceiver()
  await world.addChannel('webhook', { url: receiver.origin }, { events: ['webhook_error'] })
  const rejected = (reason: string, count: number) =>
    noticeOf(
      'webhook_error',
      { rejections: { [reason]: count }, webhookSource: 'github' },
      { bindingId: null, subjectName: 'webhooks', runId: null },
    )
  const Told = z.object({
    data: z.object({ rejections: z.record(z.string(), z.number()), message: z.string() }),
  })
  for (let second = 0; second < 600; second += 1) {
    await world.report(rejected('signature_invalid', 200), rejected('address', 1))
    world.clock.advance(SECOND)
    await world.send()
  }
  const early = receiver.requests.length

  await world.pass(HOUR)

  const told = receiver.requests.map(({ body }) => Told.parse(JSON.parse(body)).data)
  const { notices } = await world.db
    .selectFrom('notice')
    .select((eb) => eb.fn.countAll<number>().as('notices'))
    .executeTakeFirstOrThrow()
  expect(early).toBe(1)
  expect(notices).toBe(2)
  expect(told).toHaveLength(2)
  const sum = (reason: string): number =>
    told.reduce((all, { rejections }) => all + (rejections[reason] ?? 0), 0)
  expect({ signature: sum('signature_invalid'), address: sum('address') }).toEqual({
    signature: 120_000,
    address: 600,
  })
  expect(told[1]?.message).toMatch(/deliveries were rejected \(signature_invalid ×\d+, address ×\d+\)$/)
}, 60_000)
