import { afterAll, describe, expect, test } from 'vitest'
import { CHANNELS, create, detailOf, dingtalk, serve } from './notification-world.ts'
import type { Served } from './notification-world.ts'

describe('what cannot be is refused with the reason', () => {
  test.for<readonly [string, Readonly<Record<string, unknown>>, RegExp]>([
    ['a type that there is not', { ...dingtalk('a'), type: 'carrier-pigeon' }, /无效选项.*type does not fit/],
    ['no name', { type: 'slack', config: {} }, /缺少参数 name \/ name is missing/],
    [
      'an event that there is not',
      { ...dingtalk('a'), events: ['backup_success'] },
      /events\.0 does not fit/,
    ],
    ['no address', { type: 'slack', name: 'a', config: {} }, /config\.webhook is missing/],
    ['another scheme', dingtalk('a', 'ftp://example.com/x'), /config\.webhook must be a whole http/],
    [
      'a login in the address',
      dingtalk('a', 'https://u:p@example.com/x'),
      /config\.webhook must be a whole http/,
    ],
    ['config as a text that is none', { ...dingtalk('a'), config: 'x' }, /config does not fit/],
    [
      'sign without a secret',
      { type: 'feishu', name: 'a', config: { webhook: 'https://f.example/x', security_type: 'sign' } },
      /config\.secret is missing/,
    ],
    [
      'keyword without a word',
      { type: 'lanxin', name: 'a', config: { webhook: 'https://f.example/x', security_type: 'keyword' } },
      /config\.keywords is missing/,
    ],
    [
      'no recipient',
      {
        type: 'email',
        name: 'a',
        config: { smtp_host: 'm.example', from_address: 'a@b.c', to_addresses: [] },
      },
      /config\.to_addresses/,
    ],
    [
      'a header that is ours',
      { type: 'webhook', name: 'a', config: { url: 'https://f.example/x', headers: { 'Webhook-Id': '1' } } },
      /config\.headers\.Webhook-Id is set by this service/,
    ],
    [
      'a header that ends the line',
      { type: 'webhook', name: 'a', config: { url: 'https://f.example/x', headers: { X: 'a\r\nY: b' } } },
      /config\.headers\.X/,
    ],
    [
      'a weak secret',
      { type: 'webhook', name: 'a', config: { url: 'https://f.example/x', secret: 'short' } },
      /config\.secret must be a key/,
    ],
    [
      'a wrong template',
      { ...dingtalk('a'), template: '{{Password}}' },
      /template: "Password" is no variable/,
    ],
    [
      'a wrong template of an event',
      { ...dingtalk('a'), templates: [{ event: 'sync_failure', title_template: '{{#x}}' }] },
      /templates\.sync_failure\.title_template: /,
    ],
    [
      'an hour that there is not',
      { ...dingtalk('a'), quiet_hours: { from: '25:00', to: '08:00' } },
      /quiet_hours/,
    ],
    [
      'a zone that there is not',
      { ...dingtalk('a'), quiet_hours: { from: '22:00', to: '08:00', time_zone: 'Mars/Olympus' } },
      /quiet_hours\.time_zone/,
    ],
    ['a binding that there is not', { ...dingtalk('a'), scope: { bindings: ['nobody'] } }, /"nobody"/],
  ])('%s', async ([, body, words]) => {
    const { daemon } = await shared()

    const answer = await daemon.call('POST', CHANNELS, body)

    expect(answer).toMatchObject({ status: 400, body: { code: 400, data: null } })
    expect(detailOf(answer)).toMatch(words)
  })

  test('a second channel of one name, another type, and what there is not', async () => {
    const { daemon } = await shared()
    const { id } = await create(daemon, dingtalk('twice'))
    await create(daemon, dingtalk('other'))

    const answers = [
      await daemon.call('POST', CHANNELS, dingtalk('twice')),
      await daemon.call('PUT', `${CHANNELS}/${id}`, { name: 'other' }),
      await daemon.call('PUT', `${CHANNELS}/${id}`, { type: 'slack' }),
      await daemon.call('POST', `${CHANNELS}/${id}/rotate`),
      await daemon.call('GET', `${CHANNELS}/9999`),
      await daemon.call('POST', `${CHANNELS}/9999/test`),
      await daemon.call('GET', `${CHANNELS}/9999/deliveries`),
      await daemon.call('GET', `${CHANNELS}/${id}/deliveries/9999`),
      await daemon.call('POST', `${CHANNELS}/${id}/deliveries/9999/replay`),
      await daemon.call('GET', `${CHANNELS}/x`),
    ]

    expect(answers.map(({ status }) => status)).toEqual([409, 409, 400, 409, 404, 404, 404, 404, 404, 400])
  })
})

let sharedDaemon: Promise<Served> | undefined
afterAll(async () => (await sharedDaemon)?.[Symbol.asyncDispose]())

/** One daemon for everything that another test does not notice. */
function shared(): Promise<Served> {
  return (sharedDaemon ??= serve())
}
