import { describe, expect, it } from 'vitest'
import { recognise } from '../../src/forge/forges.ts'
import { codeupPush, sendCodeup } from '../rig/deliveries-codeup.ts'
import { toWebhookRequest } from '../rig/deliveries.ts'
import type { SentRequest } from '../rig/deliveries.ts'
import { forgeByName, REPOSITORY, requestOf, SHA_1, SHA_2 } from './request.ts'

const codeup = forgeByName('codeup')
const SECRET = 'a plain token'
const SENDING = { repository: REPOSITORY, secret: SECRET }
const MOVE = { ...SENDING, ref: 'refs/heads/main', before: SHA_1, after: SHA_2 }

const DELIVERIES: readonly (readonly [string, SentRequest, object])[] = [
  [
    'a push',
    codeupPush(MOVE),
    {
      kind: 'changes',
      event: 'push',
      deliveryId: null,
      repository: {
        ...REPOSITORY,
        defaultBranch: null,
        otherUrls: ['https://codeup.aliyun.com/répo.git', 'git@codeup.aliyun.com:répo.git'],
      },
      pusher: 'octocat',
      changes: [
        {
          ref: 'refs/heads/main',
          before: SHA_1,
          after: SHA_2,
          created: false,
          deleted: false,
          forced: false,
        },
      ],
    },
  ],
  [
    'a new tag',
    codeupPush({ ...MOVE, ref: 'refs/tags/v1', before: null }),
    { event: 'tag_push', changes: [{ ref: 'refs/tags/v1', before: null, created: true }] },
  ],
  [
    'a branch that is gone',
    codeupPush({ ...MOVE, after: null }),
    { changes: [{ before: SHA_1, after: null, deleted: true }] },
  ],
  [
    'an address in a group, with the organisation first',
    codeupPush({
      ...MOVE,
      repository: {
        fullName: 'x/app',
        cloneUrl: 'https://codeup.aliyun.com/60de7a6852743a5162b5f957/group/app.git',
      },
    }),
    {
      repository: {
        fullName: '60de7a6852743a5162b5f957/group/app',
        cloneUrl: 'https://codeup.aliyun.com/60de7a6852743a5162b5f957/group/app.git',
      },
    },
  ],
  [
    'the test of a hook',
    sendCodeup('Push Hook', SENDING, { before: SHA_1, after: SHA_2 }),
    { kind: 'nothing', reason: 'test', repository: null },
  ],
  ['equal shas', codeupPush({ ...MOVE, before: SHA_2 }), { kind: 'nothing', reason: 'test' }],
  [
    'another event',
    sendCodeup('Note Hook', SENDING, { object_kind: 'note', repository: {} }),
    { kind: 'nothing', reason: 'event', event: 'note', repository: { fullName: null, otherUrls: [] } },
  ],
]

describe('a delivery from Codeup', () => {
  it.each(DELIVERIES)('is verified and read: %s', async (_, sent, expected) => {
    const request = toWebhookRequest(sent)

    const signature = await codeup.verify(request, [SECRET], 0)
    const parsed = codeup.parse(request)

    expect(recognise(request)).toBe('codeup')
    expect(signature).toBe('verified')
    expect(parsed).toMatchObject(expected)
  })

  it.each(['X-Codeup-Event', 'Codeup-Event'])('may name its event in %s alone', (name) => {
    const body = JSON.stringify({ ref: 'refs/heads/main', before: SHA_1, after: SHA_2 })
    const request = requestOf({ body, headers: { [name]: 'Push Hook' } })

    const parsed = codeup.parse(request)

    expect(recognise(request)).toBe('codeup')
    expect(parsed).toMatchObject({ kind: 'changes', event: 'Push Hook' })
  })

  it.each(['', 'a', `${SECRET} `, `${SECRET}, ${SECRET}`])('needs the whole token (%#)', async (token) => {
    const request = requestOf({ body: '{}', headers: { 'x-codeup-token': token } })

    const signature = await codeup.verify(request, [SECRET], 0)

    expect(signature).toBe(token === '' ? 'none' : 'invalid')
  })
})
