import { createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { startFakeForge } from '../rig/fake-forge.ts'
import { startVendor, vendors } from './vendors.ts'
import type { Vendor } from './vendors.ts'
import { createNotifyWorld, noticeOf, refOf, unreachable } from './world.ts'

const SECRET = 'SEC-of-the-robot'

test.for(vendors)('$type takes a notice as a message of its own form', async (vendor) => {
  await using world = await createNotifyWorld()
  await using receiver = await startVendor(vendor)
  const channel = await world.addChannel(vendor.type, { webhook: `${receiver.origin}${vendor.path}` })

  await world.report(unreachable)
  await world.send()

  const [request] = receiver.requests
  if (request === undefined) throw new Error('nothing arrived')
  expect(receiver.requests).toHaveLength(1)
  expect(request.method).toBe('POST')
  expect(`${request.path}?${String(request.query)}`.replace(/\?$/, '')).toBe(vendor.path)
  expect(request.headers).toMatchObject({
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(request.body)),
  })
  const { title, text } = vendor.read(request)
  expect(title).toContain('[失败] 同步任务 app / Sync failed')
  expect(text).toContain('连接超时')
  expect(text).toContain('20004')
  expect(await world.deliveriesOf(channel)).toMatchObject([{ status: 'sent', attempts: 1, httpStatus: 200 }])
})

describe('signatures', () => {
  test('DingTalk finds timestamp and signature in the query, over timestamp and secret', async () => {
    await using world = await createNotifyWorld()
    await using receiver = await startFakeForge(({ query }) => {
      const sign = createHmac('sha256', SECRET)
        .update(`${query.get('timestamp') ?? ''}\n${SECRET}`)
        .digest('base64')
      const isRight = query.get('sign') === sign && query.get('access_token') === 'abc'
      const isNear = Math.abs(Number(query.get('timestamp')) - world.clock.now()) < 3_600_000
      return isRight && isNear
        ? { status: 200, json: { errcode: 0, errmsg: 'ok' } }
        : { status: 200, json: { errcode: 310_000, errmsg: 'sign not match' } }
    })
    const webhook = `${receiver.origin}/robot/send?access_token=abc`
    const right = await world.addChannel('dingtalk', { webhook, secret: SECRET })
    const wrong = await world.addChannel('dingtalk', { webhook, secret: 'another' })

    await world.report(unreachable)
    await world.send()

    expect(await world.deliveriesOf(right)).toMatchObject([{ status: 'sent', code: '0' }])
    expect(await world.deliveriesOf(wrong)).toMatchObject([
      { status: 'waiting', code: '310000', answer: 'sign not match', httpStatus: 200 },
    ])
  })

  test.for([
    [
      'feishu',
      (at: string) => `${at}\n${SECRET}`,
      { code: 0 },
      { code: 19_021, msg: 'sign match fail' },
      '19021',
    ],
    [
      'lanxin',
      (at: string) => `${at}@${SECRET}`,
      { errCode: 0 },
      { errCode: 10_003, errMsg: 'bad sign' },
      '10003',
    ],
  ] as const)(
    '%s finds timestamp and signature in the body, keyed by both',
    async ([type, keyOf, taken, refused, code]) => {
      await using world = await createNotifyWorld()
      await using receiver = await startFakeForge(({ body }) => {
        const { timestamp, sign } = z
          .object({ timestamp: z.string(), sign: z.string() })
          .parse(JSON.parse(body))
        const isNear = Math.abs(Number(timestamp) * 1000 - world.clock.now()) < 3_600_000
        const isRight = sign === createHmac('sha256', keyOf(timestamp)).digest('base64')
        return { status: 200, json: isRight && isNear ? taken : refused }
      })
      const right = await world.addChannel(type, { webhook_url: receiver.origin, secret: SECRET })
      const wrong = await world.addChannel(type, { webhook_url: receiver.origin, sign: 'another' })

      await world.report(unreachable)
      await world.send()

      expect(await world.deliveriesOf(right)).toMatchObject([{ status: 'sent', code: '0' }])
      expect(await world.deliveriesOf(wrong)).toMatchObject([{ status: 'waiting', code }])
    },
  )

  test.for(['dingtalk', 'feishu', 'lanxin'] as const)(
    '%s gets a message that holds one of its keywords, whatever the text is',
    async (type) => {
      await using world = await createNotifyWorld()
      const vendor = vendors.find((known) => known.type === type)
      if (vendor === undefined) throw new Error('no such vendor')
      await using receiver = await startVendor(vendor)
      const webhook = `${receiver.origin}${vendor.path}`
      await world.addChannel(type, { webhook, security_type: 'keyword', keywords: '同步告警,运维' })
      await world.addChannel(type, { webhook, keywords: ['同步任务'] })

      await world.report(unreachable)
      await world.send()

      const texts = receiver.requests
        .map((request) => vendor.read(request))
        .map(({ title, text }) => title + text)
      expect(texts.filter((text) => text.includes('同步告警'))).toHaveLength(1)
      expect(texts.filter((text) => !text.includes('同步告警') && text.includes('同步任务'))).toHaveLength(1)
      expect(receiver.requests.some(({ body, query }) => body.includes('sign') || query.has('sign'))).toBe(
        false,
      )
    },
  )
})

test.for([
  ['dingtalk', { errcode: 300_001, errmsg: 'token is not exist' }, '300001', 'token is not exist'],
  [
    'feishu',
    { code: 19_001, msg: 'param invalid: incoming webhook access token invalid' },
    '19001',
    'param invalid',
  ],
  ['wecom', { errcode: 93_000, errmsg: 'invalid webhook url' }, '93000', 'invalid webhook url'],
  ['lanxin', { errCode: 10_001, errMsg: 'hook token invalid' }, '10001', 'hook token invalid'],
] as const)('an answer 200 of %s with an error in it is a failure in the vendor’s words', async (row) => {
  const [type, json, code, words] = row
  await using world = await createNotifyWorld()
  await using receiver = await startFakeForge(() => ({ status: 200, json }))
  const channel = await world.addChannel(type, { webhook: receiver.origin })

  await world.report(unreachable)
  await world.send()

  const [delivery] = await world.deliveriesOf(channel)
  expect(delivery).toMatchObject({ status: 'waiting', code, httpStatus: 200 })
  expect(delivery?.answer).toContain(words)
})

test.for([
  [
    'a page of somebody else',
    { status: 200, text: '<html>Please sign in</html>' },
    'is not that of such a robot',
  ],
  ['a redirect', { status: 302, headers: { location: 'http://127.0.0.1:1/' } }, 'not followed'],
  [
    'an endless answer',
    { status: 200, text: `{"errcode":0,"errmsg":"${'x'.repeat(70_000)}"}` },
    'not that of',
  ],
] as const)('%s is no success', async ([, answer, words]) => {
  await using world = await createNotifyWorld()
  await using receiver = await startFakeForge(() => answer)
  const channel = await world.addChannel('wecom', { webhook: receiver.origin })

  await world.report(unreachable)
  await world.send()

  const [delivery] = await world.deliveriesOf(channel)
  expect(delivery).toMatchObject({ status: 'waiting', attempts: 1 })
  expect(delivery?.answer).toContain(words)
  expect(receiver.requests).toHaveLength(1)
})

test('a robot that had too many is left alone for as long as it is shut', async () => {
  await using world = await createNotifyWorld()
  await using receiver = await startFakeForge(() => ({ status: 200, json: { errcode: 0, errmsg: 'ok' } }))
  receiver.failWith({ status: 200, json: { errcode: 130_101, errmsg: 'send too fast' } })
  const channel = await world.addChannel('dingtalk', { webhook: receiver.origin })
  await world.report(unreachable)
  await world.send()
  receiver.failWith(undefined)

  await world.pass(9 * 60_000)
  const during = receiver.requests.length
  await world.pass(2 * 60_000)

  expect(during).toBe(1)
  expect(await world.deliveriesOf(channel)).toMatchObject([{ status: 'sent', attempts: 2 }])
})

// Feishu's posts and Lanxin's texts know no markup at all.
const MARKUP: Partial<Record<Vendor['type'], RegExp>> = {
  dingtalk: /(?<!\\)(?:<|\]\(|\[a)/,
  wecom: /<(?:@|at|!)|\]\(/,
  wechat: /<(?:@|at|!)|\]\(/,
  slack: /[<>]/,
}

test.for(vendors)(
  '$type: what a value holds stays words: nobody is called, nothing becomes a link',
  async (vendor) => {
    await using world = await createNotifyWorld()
    await using receiver = await startVendor(vendor)
    await world.addChannel(vendor.type, { webhook: `${receiver.origin}${vendor.path}` })
    const evil =
      '@everyone <!here> <@U1> <at user_id="all">x</at> [a](http://evil.example) \u001b[2J\u202e{{Secret}}'

    await world.report(
      noticeOf('sync_failure', { code: 1, errorMessage: evil, refs: [refOf('@all', 'rejected')] }),
    )
    await world.send()

    const [request] = receiver.requests
    const { text } = vendor.read(
      request ?? { method: '', path: '', query: new URLSearchParams(), headers: {}, body: '' },
    )
    expect(text).not.toMatch(MARKUP[vendor.type] ?? /^$/)
  },
)
