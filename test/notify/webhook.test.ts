import { Webhook } from 'standardwebhooks'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { DAY, HOUR } from '../../src/clock.ts'
import { rotateSecret, updateChannel } from '../../src/notify/configure.ts'
import { startFakeForge } from '../rig/fake-forge.ts'
import type { FakeRequest } from '../rig/fake-forge.ts'
import { createNotifyWorld, noticeOf, refOf } from './world.ts'

const SECRET = `whsec_${Buffer.from('a key of thirty-two bytes for us').toString('base64')}`
// The public library refuses what is older than five minutes by the real clock.
const NOW = Math.floor(Date.now() / 1000) * 1000

const Payload = z.object({
  type: z.string(),
  timestamp: z.iso.datetime(),
  data: z.looseObject({ refs: z.array(z.unknown()) }),
})

const EVENTS = ['sync_success', 'sync_failure', 'sync_conflict'] as const

function verify(request: FakeRequest | undefined, secret: string): z.infer<typeof Payload> {
  if (request === undefined) throw new Error('nothing arrived')
  return Payload.parse(new Webhook(secret).verify(request.body, { ...request.headers }))
}

test('a pipeline gets a request that the public library verifies, with before and after of every ref', async () => {
  await using world = await createNotifyWorld({ start: NOW })
  await using receiver = await startFakeForge(() => ({ status: 204 }))
  const refs = [
    refOf('main', 'updated'),
    refOf('new', 'created', { before: null }),
    refOf('old', 'up_to_date'),
  ]
  await world.addChannel(
    'webhook',
    { url: `${receiver.origin}/ci`, secret: SECRET, headers: { Authorization: 'Bearer of-the-pipeline' } },
    { events: EVENTS, report: 'all' },
  )

  await world.report(noticeOf('sync_success', { code: 0, durationMs: 1234, refs }))
  await world.send()

  const [request] = receiver.requests
  const { type, timestamp, data } = verify(request, SECRET)
  expect(request).toMatchObject({ method: 'POST', path: '/ci' })
  expect(request?.headers).toMatchObject({
    authorization: 'Bearer of-the-pipeline',
    'content-type': 'application/json',
    'webhook-timestamp': String(NOW / 1000),
  })
  expect(type).toBe('sync_success')
  expect(timestamp).toBe(new Date(NOW).toISOString())
  expect(data).toMatchObject({ binding: 'app', run_id: 7, status: 'success', code: 0, duration_ms: 1234 })
  expect(data.refs).toHaveLength(3)
  expect(data.refs).toEqual(expect.arrayContaining(refs))
  expect(() => verify(request, 'whsec_YW5vdGhlciBrZXkgb2YgYSBmb3JnZXI=')).toThrow('No matching signature')
})

test('a secret that is plain words signs with its bytes', async () => {
  await using world = await createNotifyWorld({ start: NOW })
  await using receiver = await startFakeForge(() => ({ status: 200 }))
  await world.addChannel('webhook', { url: receiver.origin, secret: 'plain words' }, { events: EVENTS })

  await world.report(noticeOf('sync_failure'))
  await world.send()

  const [request] = receiver.requests
  const library = new Webhook('plain words', { format: 'raw' })
  expect(library.verify(request?.body ?? '', { ...request?.headers })).toMatchObject({ type: 'sync_failure' })
})

test('the id stays the same from try to try, and the time and signature are those of each', async () => {
  await using world = await createNotifyWorld({ start: NOW - HOUR })
  await using receiver = await startFakeForge(() => ({ status: 200 }))
  receiver.failWith({ status: 503 })
  const channel = await world.addChannel('webhook', { url: receiver.origin, secret: SECRET })
  await world.report(noticeOf('sync_failure'))
  await world.send()
  receiver.failWith(undefined)

  await world.pass(HOUR)

  const ids = receiver.requests.map(({ headers }) => headers['webhook-id'])
  const [delivery] = await world.deliveriesOf(channel)
  expect(delivery).toMatchObject({ status: 'sent', attempts: 2 })
  expect(ids).toEqual([delivery?.messageId, delivery?.messageId])
  const times = receiver.requests.map(({ headers }) => Number(headers['webhook-timestamp']))
  expect(times[1]).toBeGreaterThan(times[0] ?? 0)
  expect(receiver.requests[0]?.headers['webhook-signature']).not.toBe(
    receiver.requests[1]?.headers['webhook-signature'],
  )
})

test('after a rotation both secrets sign for a day, then the new one alone', async () => {
  await using world = await createNotifyWorld({ start: NOW })
  await using receiver = await startFakeForge(() => ({ status: 200 }))
  const channel = await world.addChannel('webhook', { url: receiver.origin, secret: SECRET })

  const { secret: fresh } = await rotateSecret(world.deps, channel.id)
  await world.report(noticeOf('sync_failure', { code: 1 }))
  await world.send()
  world.clock.advance(DAY)
  await world.report(noticeOf('sync_failure', { code: 2 }))
  await world.send()

  const [during, after] = receiver.requests
  expect(fresh).toMatch(/^whsec_/)
  expect(verify(during, SECRET)).toEqual(verify(during, fresh))
  expect(during?.headers['webhook-signature']?.split(' ')).toHaveLength(2)
  expect(after?.headers['webhook-signature']?.split(' ')).toHaveLength(1)
})

test('a secret that is changed by an update is a rotation too', async () => {
  await using world = await createNotifyWorld({ start: NOW })
  await using receiver = await startFakeForge(() => ({ status: 200 }))
  const channel = await world.addChannel('webhook', { url: receiver.origin, secret: SECRET })
  const fresh = `whsec_${Buffer.from('another key of thirty-two bytes!').toString('base64')}`

  await updateChannel(world.deps, channel.id, { config: { secret: fresh } })
  await world.report(noticeOf('sync_failure'))
  await world.send()

  const [request] = receiver.requests
  expect(verify(request, fresh)).toEqual(verify(request, SECRET))
})

test('a redirect is an answer, and is not followed', async () => {
  await using world = await createNotifyWorld()
  await using canary = await startFakeForge(() => ({ status: 200 }))
  await using receiver = await startFakeForge(() => ({ status: 307, headers: { location: canary.origin } }))
  const channel = await world.addChannel('webhook', { url: receiver.origin, secret: SECRET })

  await world.report(noticeOf('sync_failure'))
  await world.send()

  const [delivery] = await world.deliveriesOf(channel)
  expect(delivery).toMatchObject({ status: 'waiting', httpStatus: 307 })
  expect(canary.requests).toEqual([])
})

test('what the receiver says is nobody’s business: it could be a page that only this machine may read', async () => {
  await using world = await createNotifyWorld()
  await using receiver = await startFakeForge(() => ({ status: 403, text: 'ami-id: secret of the cloud' }))
  const channel = await world.addChannel('webhook', { url: receiver.origin, secret: SECRET })

  await world.report(noticeOf('sync_failure'))
  await world.send()

  expect(await world.deliveriesOf(channel)).toMatchObject([
    { httpStatus: 403, code: null, answer: 'the receiver answered 403' },
  ])
  expect(world.logged()).not.toContain('ami-id')
})

test('a large run keeps the refs that matter and tells how many it left out', async () => {
  await using world = await createNotifyWorld({ start: NOW })
  await using receiver = await startFakeForge(() => ({ status: 200 }))
  await world.addChannel('webhook', { url: receiver.origin, secret: SECRET }, { events: EVENTS })
  const quiet = Array.from({ length: 5000 }, (_, number) => refOf(`quiet-${number}`, 'up_to_date'))

  await world.report(noticeOf('sync_failure', { refs: [...quiet, refOf('bad', 'rejected')] }))
  await world.send()

  const { data } = verify(receiver.requests[0], SECRET)
  expect(data.refs).toHaveLength(200)
  expect(data.refs[0]).toEqual(refOf('bad', 'rejected'))
  expect(data).toMatchObject({ refs_omitted: 4801 })
})
