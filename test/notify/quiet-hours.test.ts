import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { HOUR, MINUTE } from '../../src/clock.ts'
import { replayDelivery } from '../../src/notify/deliveries.ts'
import { formatTime, quietUntil } from '../../src/notify/time-zone.ts'
import { firstDue } from '../../src/notify/waiting.ts'
import { startFakeForge } from '../rig/fake-forge.ts'
import { createNotifyWorld, noticeOf, unreachable } from './world.ts'

const night = { from: '22:00', to: '08:00' }

/** Where and when it becomes loud again, by the wall clock of the zone. */
function loudAt(at: string, timeZone: string, quiet = night): string | undefined {
  const until = quietUntil({ ...quiet, timeZone }, Date.parse(at))
  return until === undefined ? undefined : new Date(until).toISOString()
}

describe('quiet hours', () => {
  test.for([
    ['in the evening', '2026-01-31T14:30:00Z', '2026-02-01T00:00:00.000Z'],
    ['after midnight', '2026-01-31T18:00:00Z', '2026-02-01T00:00:00.000Z'],
    ['in the last minute', '2026-01-31T23:59:59Z', '2026-02-01T00:00:00.000Z'],
    ['at the first second', '2026-01-31T14:00:00Z', '2026-02-01T00:00:00.000Z'],
  ])('over midnight in Shanghai, %s, end at eight there', ([, at = '', until]) => {
    expect(loudAt(at, 'Asia/Shanghai')).toBe(until)
  })

  test.for(['2026-01-31T00:00:00Z', '2026-01-31T13:59:59Z', '2026-01-31T06:00:00Z'])(
    'are not at %s in Shanghai',
    (at) => {
      expect(loudAt(at, 'Asia/Shanghai')).toBeUndefined()
    },
  )

  test('within one day end on that day', () => {
    const lunch = { from: '12:00', to: '13:30' }

    expect(loudAt('2026-01-31T12:15:00Z', 'UTC', lunch)).toBe('2026-01-31T13:30:00.000Z')
    expect(loudAt('2026-01-31T13:30:00Z', 'UTC', lunch)).toBeUndefined()
  })

  test('end at eight by the wall clock in the nights in which it is set', () => {
    const springForward = loudAt('2026-03-28T22:00:00Z', 'Europe/Berlin')
    const fallBack = loudAt('2026-10-24T21:00:00Z', 'Europe/Berlin')

    expect(springForward).toBe('2026-03-29T06:00:00.000Z')
    expect(fallBack).toBe('2026-10-25T07:00:00.000Z')
  })

  test('are never over before they are over, at whatever minute of two such days one asks', () => {
    const zones = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kolkata']
    const days = ['2026-03-08', '2026-03-28', '2026-10-03', '2026-10-24', '2026-11-01']
    const wrong = zones.flatMap((timeZone) =>
      days.flatMap((day) => {
        const start = Date.parse(`${day}T00:00:00Z`)
        return Array.from({ length: 48 * 6 }, (_, step) => start + step * 10 * MINUTE).filter((at) => {
          const until = quietUntil({ ...night, timeZone }, at)
          if (until === undefined) return false
          const isStillQuiet = quietUntil({ ...night, timeZone }, until) !== undefined
          return until <= at || until > at + 12 * HOUR || isStillQuiet
        })
      }),
    )

    expect(wrong).toEqual([])
  })
})

test('what happens at night is told in the morning, together', async () => {
  const start = Date.parse('2026-01-31T14:30:00Z')
  await using world = await createNotifyWorld({ start })
  await using receiver = await startFakeForge(() => ({ status: 200, json: { code: 0, msg: 'success' } }))
  const quietHours = { ...night, timeZone: 'Asia/Shanghai' }
  const channel = await world.addChannel('feishu', { webhook: receiver.origin }, { quietHours })
  await world.report(unreachable)
  await world.pass(HOUR)
  await world.report(noticeOf('sync_conflict', {}, { bindingId: 2, subjectName: 'lib' }))
  await world.pass(HOUR)
  await world.report(noticeOf('sync_success', { isWhole: true }))
  const atNight = receiver.requests.length

  await world.pass(10 * HOUR)

  const Text = z.object({ content: z.object({ post: z.object({ zh_cn: z.object({ title: z.string() }) }) }) })
  const [digest, ...members] = await world.deliveriesOf(channel)
  expect(atNight).toBe(0)
  expect(receiver.requests).toHaveLength(1)
  expect(Text.parse(JSON.parse(receiver.requests[0]?.body ?? '')).content.post.zh_cn.title).toBe(
    '[汇总] 3 条通知 / 3 notifications',
  )
  expect(receiver.requests[0]?.body).toMatch(/\[失败\].*app.*\[冲突\].*lib.*\[恢复\].*app/s)
  expect(digest).toMatchObject({ event: 'digest', status: 'sent' })
  expect(digest?.endedAt).toBe(Date.parse('2026-02-01T00:00:00Z'))
  expect(members).toHaveLength(3)
  expect(members.every(({ status, digestId }) => status === 'digested' && digestId === digest?.id)).toBe(true)
})

test('one thing that happened at night is told in the morning as it is', async () => {
  const start = Date.parse('2026-01-31T23:30:00Z')
  await using world = await createNotifyWorld({ start })
  await using receiver = await startFakeForge(() => ({ status: 200, json: { code: 0, msg: 'success' } }))
  const quietHours = { ...night, timeZone: 'Asia/Shanghai' }
  const channel = await world.addChannel('feishu', { webhook: receiver.origin }, { quietHours })

  await world.report(unreachable)
  await world.send()
  const [held] = await world.deliveriesOf(channel)
  await world.pass(HOUR)

  expect(held).toMatchObject({ status: 'waiting', hold: 'quiet', attempts: 0 })
  expect(await world.deliveriesOf(channel)).toMatchObject([{ event: 'sync_failure', status: 'sent' }])
  expect(receiver.requests[0]?.body).toContain('2026-02-01 07:30:00 +08:00')
})

test('what a person sends again goes out at night too, and nothing else with it', async () => {
  const start = Date.parse('2026-01-31T13:00:00Z')
  await using world = await createNotifyWorld({ start })
  await using receiver = await startFakeForge(() => ({ status: 200, json: { code: 0, msg: 'success' } }))
  const quietHours = { ...night, timeZone: 'Asia/Shanghai' }
  const channel = await world.addChannel('feishu', { webhook: receiver.origin }, { quietHours })
  await world.report(unreachable)
  await world.send()
  world.clock.advance(2 * HOUR)
  await world.report(noticeOf('sync_conflict'))
  const [conflict, failure] = await world.deliveriesOf(channel)
  if (failure === undefined) throw new Error('nothing was sent')

  await replayDelivery(world.deps, channel.id, failure.id)
  const due = await firstDue(world.db, channel.id, world.clock.now(), { isQuiet: true })
  await world.send()

  const after = await world.deliveriesOf(channel)
  expect(due?.id).toBe(failure.id)
  expect(receiver.requests).toHaveLength(2)
  expect(after).toMatchObject([
    { id: conflict?.id, status: 'waiting', hold: 'quiet' },
    { id: failure.id, status: 'sent' },
  ])
})

test('a time is shown as people read it where they are', () => {
  const at = Date.UTC(2026, 6, 1, 23, 5, 9)

  const texts = ['Asia/Shanghai', 'UTC', 'America/St_Johns'].map((zone) => formatTime(at, zone))

  expect(texts).toEqual([
    '2026-07-02 07:05:09 +08:00',
    '2026-07-01 23:05:09 +00:00',
    '2026-07-01 20:35:09 -02:30',
  ])
})
