import { afterAll, expect, test } from 'vitest'
import { z } from 'zod'
import { githubPush } from '../../rig/deliveries.ts'
import { startFakeForge } from '../../rig/fake-forge.ts'
import { all, Channel, CHANNELS, create, detailOf, dingtalk, serve } from './notification-world.ts'
import type { Served } from './notification-world.ts'

test('the documented example makes a channel, which is listed, shown, changed and deleted', async () => {
  await using served = await serve()
  const { daemon } = served
  const example = {
    type: 'dingtalk',
    name: '开发群通知',
    config: { webhook: 'https://oapi.dingtalk.com/robot/send?access_token=xxx', secret: 'SECxxx' },
    events: ['sync_success', 'sync_failure'],
    template: '【同步状态】任务: {{.TaskName}}',
  }

  const created = await daemon.call('POST', CHANNELS, example)
  const list = await daemon.call('GET', `${CHANNELS}?page=1&page_size=5`)
  const shown = await daemon.call('GET', `${CHANNELS}/1`)
  const changed = await daemon.call('PUT', `${CHANNELS}/1`, { enabled: false, events: ['sync_conflict'] })
  const removed = await daemon.call('DELETE', `${CHANNELS}/1`)
  const gone = await daemon.call('GET', `${CHANNELS}/1`)

  const channel = {
    id: 1,
    name: '开发群通知',
    type: 'dingtalk',
    enabled: true,
    config: {
      webhook: 'https://oapi.dingtalk.com/***',
      security_type: 'sign',
      keywords: [],
      has_secret: true,
    },
    events: ['sync_success', 'sync_failure'],
    template: '【同步状态】任务: {{.TaskName}}',
    report: 'changes',
  }
  expect(created).toMatchObject({ status: 200, body: { code: 0, message: 'success', data: channel } })
  expect(list).toMatchObject({
    status: 200,
    body: { data: { items: [channel], channels: [channel], total: 1, page: 1, page_size: 5 } },
  })
  expect(shown).toMatchObject({ status: 200, body: { code: 0, data: channel } })
  expect(changed).toMatchObject({
    body: { data: { ...channel, enabled: false, events: ['sync_conflict'] } },
  })
  expect(removed).toMatchObject({ status: 200, body: { code: 0, data: null } })
  expect(gone).toMatchObject({ status: 404, body: { code: 404, data: null } })
  expect(JSON.stringify([created, list, shown, changed])).not.toMatch(/SECxxx|access_token/)
})

test('the names and forms of real clients mean the same', async () => {
  await using served = await serve()
  const { daemon } = served
  const client = {
    type: 'wechat',
    name: 'client',
    config: '{"webhook_url":"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=1"}',
    enabled: true,
    notify_on_success: false,
    notify_on_failure: true,
    trigger_events: '["sync_success","sync_failure"]',
    title_template: '',
    content_template: '{{.TaskName}} {{.StatusText}}',
    event_templates_json:
      '[{"event_type":"sync_failure","title_template":"","content_template":"{{.ErrorMessage}}"}]',
  }

  const whole = await create(daemon, client)
  const { trigger_events: _events, ...legacy } = client
  const old = await create(daemon, { ...legacy, name: 'older', trigger_events: '' })

  expect(whole).toMatchObject({
    type: 'wechat',
    config: { webhook: 'https://qyapi.weixin.qq.com/***' },
    events: ['sync_success', 'sync_failure'],
    title_template: null,
    template: '{{.TaskName}} {{.StatusText}}',
    templates: [{ event: 'sync_failure', title_template: null, template: '{{.ErrorMessage}}' }],
  })
  expect(old).toMatchObject({ events: ['sync_failure', 'sync_conflict', 'binding_paused'] })
})

test('what a GET shows can be sent back by a PUT, and changes nothing', async () => {
  await using served = await serve()
  const { daemon } = served
  await using receiver = await startFakeForge(() => ({ status: 200, json: { errcode: 0, errmsg: 'ok' } }))
  const bodies = [
    { ...dingtalk('ding', `${receiver.origin}/send?access_token=t`), storm_limit: 5, report: 'all' },
    {
      type: 'webhook',
      name: 'ci',
      config: { url: `${receiver.origin}/ci`, headers: { 'X-Key': 'key of ours' } },
    },
    {
      type: 'email',
      name: 'mail',
      config: {
        smtp_host: 'mail.example',
        username: 'u',
        password: 'mail password',
        from_address: 'a@example.com',
        to_addresses: 'b@example.com, c@example.com',
      },
      quiet_hours: { from: '22:00', to: '08:00', time_zone: 'Asia/Shanghai' },
      templates: [{ event: 'sync_failure', template: '{{TaskName}}' }],
    },
  ]
  for (const body of bodies) await create(daemon, body)

  const before = await all(daemon)
  for (const channel of before) await daemon.call('PUT', `${CHANNELS}/${channel.id}`, channel)
  const after = await all(daemon)
  await daemon.call('POST', `${CHANNELS}/1/test`)
  await daemon.call('POST', `${CHANNELS}/2/test`)

  const withoutTime = (channels: typeof after) => channels.map((channel) => ({ ...channel, updated_at: '' }))
  expect(withoutTime(after)).toEqual(withoutTime(before))
  const [ding, ci] = receiver.requests
  expect(ding?.query.get('access_token')).toBe('t')
  expect(ding?.query.has('sign')).toBe(true)
  expect(ci?.headers).toMatchObject({ 'x-key': 'key of ours' })
})

test('a stored secret is not sent to another host: with a new address it must be given again', async () => {
  await using served = await serve()
  const { daemon } = served
  await create(daemon, {
    type: 'webhook',
    name: 'ci',
    config: { url: 'https://ci.example/hook', headers: { Authorization: 'Bearer abc' } },
  })
  await create(daemon, {
    type: 'email',
    name: 'mail',
    config: { smtp_host: 'mail.example', password: 'p', from_address: 'a@b.c', to_addresses: ['a@b.c'] },
  })

  const moved = await daemon.call('PUT', `${CHANNELS}/1`, { config: { url: 'https://evil.example/hook' } })
  const masked = await daemon.call('PUT', `${CHANNELS}/1`, { config: { url: 'https://evil.example/***' } })
  const mail = await daemon.call('PUT', `${CHANNELS}/2`, { config: { smtp_host: 'evil.example' } })
  const again = await daemon.call('PUT', `${CHANNELS}/1`, {
    config: { url: 'https://new.example/hook', headers: { Authorization: 'Bearer abc' } },
  })

  expect(detailOf(moved)).toContain('config.headers must be given again')
  expect(detailOf(masked)).toContain('config.url must be a whole http or https address')
  expect(detailOf(mail)).toContain('config.password must be given again')
  expect([moved, masked, mail].map(({ status }) => status)).toEqual([400, 400, 400])
  expect(again).toMatchObject({ status: 200, body: { data: { config: { url: 'https://new.example/***' } } } })
})

test('a test tells what the receiver really said, and stays in the log of the channel', async () => {
  const { daemon } = await shared()
  await using receiver = await startFakeForge(({ body }) =>
    body.includes('你好')
      ? { status: 200, json: { errcode: 0, errmsg: 'ok' } }
      : { status: 200, json: { errcode: 310_000, errmsg: 'keywords not in content' } },
  )
  const { id } = await create(daemon, dingtalk('tested', `${receiver.origin}/send?access_token=abcdefgh`))

  const refused = await daemon.call('POST', `${CHANNELS}/${id}/test`)
  const taken = await daemon.call('POST', `${CHANNELS}/${id}/test`, { message: '你好 @all' })
  await receiver[Symbol.asyncDispose]()
  const closed = await daemon.call('POST', `${CHANNELS}/${id}/test`)
  const log = await daemon.call('GET', `${CHANNELS}/${id}/deliveries?page_size=2`)

  expect(refused).toMatchObject({
    status: 200,
    body: {
      code: 0,
      data: {
        success: false,
        result: 'refused',
        http_status: 200,
        code: '310000',
        error: 'keywords not in content',
      },
    },
  })
  expect(taken).toMatchObject({
    status: 200,
    body: { data: { success: true, code: '0', answer: 'ok', error: null } },
  })
  expect(receiver.requests[1]?.body).not.toContain('@all')
  expect(closed).toMatchObject({
    body: { data: { success: false, result: 'unavailable', http_status: null } },
  })
  expect(JSON.stringify(closed.body)).toContain('ECONNREFUSED')
  expect(log).toMatchObject({
    body: {
      data: { total: 3, page_size: 2, items: [{ event: 'test', status: 'dead' }, { status: 'sent' }] },
    },
  })
})

test('who tests too often is told to wait', async () => {
  const { daemon } = await shared()
  await using receiver = await startFakeForge(() => ({ status: 200, text: 'ok' }))
  const { id } = await create(daemon, { type: 'slack', name: 'often', config: { webhook: receiver.origin } })

  const statuses: number[] = []
  for (let count = 0; count < 12; count += 1) {
    statuses.push((await daemon.call('POST', `${CHANNELS}/${id}/test`)).status)
  }

  expect(statuses).toEqual([...Array.from({ length: 10 }, () => 200), 429, 429])
  expect(receiver.requests).toHaveLength(10)
})

test('the signing secret of a webhook is shown when it is made, and never again', async () => {
  const { daemon } = await shared()

  const made = await create(daemon, {
    type: 'webhook',
    name: 'made',
    config: { url: 'https://ci.example/a' },
  })
  const given = await create(daemon, {
    type: 'webhook',
    name: 'given',
    config: { url: 'https://ci.example/b', secret: 'a secret of mine' },
  })
  const rotated = await daemon.call('POST', `${CHANNELS}/${made.id}/rotate`)
  const shown = await daemon.call('GET', `${CHANNELS}/${made.id}`)

  const fresh = z.object({ data: Channel }).parse(rotated.body).data
  expect(made.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
  expect(given.secret).toBeUndefined()
  expect(fresh.secret).toMatch(/^whsec_/)
  expect(fresh.secret).not.toBe(made.secret)
  expect(fresh.config['previous_secret_until']).toMatch(/^\d{4}-/)
  expect(JSON.stringify(shown.body)).not.toContain('whsec_')
})

test('a rejected delivery is told with its reason, and a delivery can be looked at and sent again', async () => {
  await using served = await serve({ WEBHOOK_SECRET: 'right' })
  const { daemon } = served
  await using receiver = await startFakeForge(() => ({ status: 204 }))
  const { id } = await create(daemon, {
    type: 'webhook',
    name: 'ci',
    config: { url: receiver.origin },
    events: ['webhook_error'],
  })
  const repository = { fullName: 'team/app', cloneUrl: 'https://inner.example/team/app.git' }
  const push = githubPush({
    repository,
    ref: 'refs/heads/main',
    before: null,
    after: '1'.repeat(40),
    secret: 'wrong',
  })
  for (let count = 0; count < 3; count += 1) await daemon.deliver(push, '/webhooks/github')
  await daemon.printed(/notification sent/)
  const List = z.object({ data: z.object({ items: z.array(z.looseObject({ id: z.number() })) }) })
  const { body } = await daemon.call('GET', `${CHANNELS}/${id}/deliveries?status=sent`)
  const [delivery] = List.parse(body).data.items

  const detail = await daemon.call('GET', `${CHANNELS}/${id}/deliveries/${delivery?.id ?? 0}`)
  const replayed = await daemon.call('POST', `${CHANNELS}/${id}/deliveries/${delivery?.id ?? 0}/replay`)
  await daemon.printed(/notification sent[^]*notification sent/)

  expect(detail).toMatchObject({
    status: 200,
    body: {
      data: {
        event: 'webhook_error',
        subject: 'webhooks',
        status: 'sent',
        http_status: 204,
        title: '[Webhook错误] webhooks / Deliveries rejected',
        log: [{ taken: true, http_status: 204 }],
      },
    },
  })
  expect(JSON.stringify(detail.body)).toContain('3 deliveries were rejected (signature_invalid ×3)')
  expect(replayed).toMatchObject({ status: 202, body: { data: { status: 'waiting', attempts: 0 } } })
  const ids = receiver.requests.map(({ headers }) => headers['webhook-id'])
  expect(ids).toHaveLength(2)
  expect(new Set(ids).size).toBe(1)
})

let sharedDaemon: Promise<Served> | undefined
afterAll(async () => (await sharedDaemon)?.[Symbol.asyncDispose]())

/** One daemon for everything that another test does not notice. */
function shared(): Promise<Served> {
  return (sharedDaemon ??= serve())
}
