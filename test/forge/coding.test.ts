import { describe, expect, it } from 'vitest'
import { recognise } from '../../src/forge/forges.ts'
import { codingOldPush, codingPush, sendCoding, sendOldCoding } from '../rig/deliveries-coding.ts'
import { toWebhookRequest } from '../rig/deliveries.ts'
import type { SentRequest } from '../rig/deliveries.ts'
import { forgeByName, hexHmac, REPOSITORY, requestOf, SHA_1, SHA_2 } from './request.ts'

const coding = forgeByName('coding')
const SECRET = 'a token of Coding'
const SENDING = { repository: REPOSITORY, secret: SECRET, deliveryId: '0b5b1a0e-9f6c-4a57-8d3a-2f1f6f3c9a11' }
const MOVE = { ...SENDING, ref: 'refs/heads/main', before: SHA_1, after: SHA_2 }
const ZEN = 'Coding！ 让开发更简单'
const CHANGE = {
  ref: 'refs/heads/main',
  before: SHA_1,
  after: SHA_2,
  created: false,
  deleted: false,
  forced: false,
}

const DELIVERIES: readonly (readonly [string, SentRequest, object])[] = [
  [
    'a push',
    codingPush(MOVE),
    {
      kind: 'changes',
      event: 'push',
      deliveryId: SENDING.deliveryId,
      repository: REPOSITORY,
      pusher: 'octocat',
      changes: [CHANGE],
    },
  ],
  [
    'a push in a form',
    codingPush({ ...MOVE, encoding: 'form' }),
    { changes: [CHANGE], repository: REPOSITORY },
  ],
  [
    'a new tag',
    codingPush({ ...MOVE, ref: 'refs/tags/v1', before: null }),
    { changes: [{ ref: 'refs/tags/v1', before: null, created: true }] },
  ],
  [
    'a branch that is gone',
    codingPush({ ...MOVE, after: null }),
    { changes: [{ before: SHA_1, after: null, deleted: true }] },
  ],
  [
    'a push of the first version',
    codingOldPush(MOVE),
    {
      kind: 'changes',
      event: 'push',
      deliveryId: null,
      repository: { ...REPOSITORY, defaultBranch: null },
      pusher: 'octocat',
      changes: [CHANGE],
    },
  ],
  [
    'a branch with slashes in the first version',
    codingOldPush({ ...MOVE, ref: 'refs/heads/功能/a' }),
    { changes: [{ ref: 'refs/heads/功能/a' }] },
  ],
  [
    'a ping',
    sendCoding('ping', SENDING, { zen: ZEN, hook_id: 1, repository: { full_name: 'a/b' } }),
    { kind: 'nothing', reason: 'ping', repository: { fullName: 'a/b' } },
  ],
  [
    'the first request of an old hook',
    sendOldCoding('ping', { token: SECRET, zen: ZEN }),
    { kind: 'nothing', reason: 'ping', repository: null },
  ],
  [
    'the first request of an old hook under the name of a push',
    sendOldCoding('push', { token: SECRET, zen: ZEN }),
    { kind: 'nothing', reason: 'ping' },
  ],
  ['equal shas', codingPush({ ...MOVE, before: SHA_2 }), { kind: 'nothing', reason: 'test' }],
  [
    'another event',
    sendCoding('merge request', SENDING, { action: 'create' }),
    { kind: 'nothing', reason: 'event', event: 'merge request' },
  ],
  [
    'a push without a ref',
    sendCoding('push', SENDING, { before: SHA_1, after: SHA_2 }),
    { kind: 'malformed' },
  ],
]

describe('a delivery from Coding.net', () => {
  it.each(DELIVERIES)('is verified and read: %s', async (_, sent, expected) => {
    const request = toWebhookRequest(sent)

    const signature = await coding.verify(request, ['another', SECRET], 0)
    const parsed = coding.parse(request)

    expect(recognise(request)).toBe('coding')
    expect(signature).toBe('verified')
    expect(parsed).toMatchObject(expected)
  })

  it('is signed over the form as it is sent', async () => {
    const sent = codingPush({ ...MOVE, encoding: 'form' })
    const json = new URLSearchParams(sent.body ?? '').get('payload') ?? ''
    const headers = { ...sent.headers, 'X-Coding-Signature': `sha1=${hexHmac(SECRET, json, 'sha1')}` }

    const signature = await coding.verify(toWebhookRequest({ ...sent, headers }), [SECRET], 0)

    expect(signature).toBe('invalid')
  })

  it.each([
    hexHmac(SECRET, '{}', 'sha1'),
    `sha256=${hexHmac(SECRET, '{}')}`,
    'sha1=',
    `sha1=${'0'.repeat(40)}`,
    `sha1=${hexHmac(SECRET, '{}', 'sha1')}, sha1=${hexHmac(SECRET, '{}', 'sha1')}`,
  ])('is refused with the signature %s', async (value) => {
    const request = requestOf({ body: '{}', headers: { 'x-coding-signature': value } })

    const signature = await coding.verify(request, [SECRET], 0)

    expect(signature).toBe('invalid')
  })

  it('is not saved by a right token from a wrong signature', async () => {
    const sent = codingOldPush(MOVE)
    const headers = { ...sent.headers, 'X-Coding-Signature': `sha1=${'0'.repeat(40)}` }

    const signature = await coding.verify(toWebhookRequest({ ...sent, headers }), [SECRET], 0)

    expect(signature).toBe('invalid')
  })

  it.each([
    ['invalid', { token: 'guessed' }],
    ['invalid', { token: `${SECRET} ` }],
    ['none', { token: '' }],
    ['none', { token: [SECRET] }],
    ['none', { nested: { token: SECRET } }],
    ['none', [SECRET]],
  ])('is %s when an old body says %j', async (expected, body) => {
    const request = toWebhookRequest(sendOldCoding('push', body))

    const signature = await coding.verify(request, [SECRET], 0)

    expect(signature).toBe(expected)
  })
})
