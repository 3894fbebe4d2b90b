import { describe, expect, it, test } from 'vitest'
import { recognise } from '../../src/forge/forges.ts'
import { giteePush, giteePushBody, giteeSign, giteeSignedPush, sendGitee } from '../rig/deliveries-gitee.ts'
import { toWebhookRequest } from '../rig/deliveries.ts'
import type { SentRequest } from '../rig/deliveries.ts'
import { forgeByName, LONG_SHA_2, REPOSITORY, requestOf, SHA_1, SHA_2, ZERO } from './request.ts'

const gitee = forgeByName('gitee')
const SECRET = 'bBg5lrt03VixkX85CNqYIcecC0SIGASE'
const NOW = 1_633_679_083_918
const MINUTE = 60_000
const SENDING = {
  repository: REPOSITORY,
  secret: SECRET,
  deliveryId: '0123456789abcdef0123456789abcdef',
  sentAt: NOW,
}
const MOVE = { ...SENDING, ref: 'refs/heads/main', before: SHA_1, after: SHA_2 }
const CHANGE = {
  ref: 'refs/heads/main',
  before: SHA_1,
  after: SHA_2,
  created: false,
  deleted: false,
  forced: false,
}

function withHeaders(sent: SentRequest, headers: Readonly<Record<string, string>>): SentRequest {
  return { ...sent, headers: { ...sent.headers, ...headers } }
}

const DELIVERIES: readonly (readonly [string, SentRequest, object])[] = [
  [
    'a push',
    giteePush(MOVE),
    {
      kind: 'changes',
      event: 'Push Hook',
      deliveryId: SENDING.deliveryId,
      repository: { ...REPOSITORY, otherUrls: [] },
      pusher: 'octocat',
      changes: [CHANGE],
    },
  ],
  ['a push of a hook that signs', giteeSignedPush(MOVE), { kind: 'changes', changes: [CHANGE] }],
  [
    'a new branch',
    giteePush({ ...MOVE, ref: 'refs/heads/功能', before: null }),
    { changes: [{ ref: 'refs/heads/功能', before: null, created: true }] },
  ],
  [
    'a branch that is gone',
    giteePush({ ...MOVE, after: null }),
    { changes: [{ before: SHA_1, after: null, created: false, deleted: true }] },
  ],
  [
    'a tag in a sha256 repository',
    giteePush({ ...MOVE, ref: 'refs/tags/v1', before: null, after: LONG_SHA_2 }),
    { event: 'Tag Push Hook', changes: [{ ref: 'refs/tags/v1', after: LONG_SHA_2, created: true }] },
  ],
  [
    'a body whose flags are missing',
    sendGitee('Push Hook', SENDING, { ref: 'refs/heads/main', before: ZERO, after: SHA_2 }),
    { repository: null, pusher: null, changes: [{ before: null, created: true, deleted: false }] },
  ],
  [
    'a body that has a project only',
    sendGitee('Push Hook', SENDING, {
      ...giteePushBody(MOVE),
      repository: null,
      project: {
        path_with_namespace: 'a/b',
        git_http_url: 'https://gitee.com/a/b.git',
        git_ssh_url: 'git@gitee.com:a/b.git',
      },
    }),
    {
      repository: {
        fullName: 'a/b',
        cloneUrl: 'https://gitee.com/a/b.git',
        sshUrl: 'git@gitee.com:a/b.git',
        htmlUrl: null,
      },
    },
  ],
  [
    'the name of the event as the body spells it',
    sendGitee('tag_push_hooks', SENDING, giteePushBody({ ...MOVE, ref: 'refs/tags/v1' })),
    { kind: 'changes', changes: [{ ref: 'refs/tags/v1' }] },
  ],
  [
    'a test, which may look like a push or even a deletion',
    withHeaders(giteePush({ ...MOVE, after: null }), { 'X-Gitee-Ping': 'true' }),
    { kind: 'nothing', reason: 'test', repository: REPOSITORY },
  ],
  ['equal shas', giteePush({ ...MOVE, before: SHA_2 }), { kind: 'nothing', reason: 'test' }],
  [
    'another event',
    sendGitee('Note Hook', SENDING, { hook_name: 'note_hooks' }),
    { kind: 'nothing', reason: 'event', event: 'Note Hook', repository: null },
  ],
  [
    'a push without a ref',
    sendGitee('Push Hook', SENDING, { before: SHA_1, after: SHA_2 }),
    { kind: 'malformed' },
  ],
]

describe('a delivery from Gitee', () => {
  it.each(DELIVERIES)('is verified and read: %s', async (_, sent, expected) => {
    const request = toWebhookRequest(sent)

    const signature = await gitee.verify(request, [SECRET], NOW)
    const parsed = gitee.parse(request)

    expect(recognise(request)).toBe('gitee')
    expect(signature).toBe('verified')
    expect(parsed).toMatchObject(expected)
  })

  it('is known by its request id, else by the time of sending', () => {
    const body = JSON.stringify({ hook_name: 'note_hooks' })
    const headers = { 'x-gitee-timestamp': String(NOW) }

    const parsed = [
      gitee.parse(requestOf({ body, headers: { ...headers, 'x-request-id': 'a' } })),
      gitee.parse(requestOf({ body, headers })),
      gitee.parse(requestOf({ body })),
    ]

    expect(parsed).toMatchObject([{ deliveryId: 'a' }, { deliveryId: String(NOW) }, { deliveryId: null }])
  })

  it('takes the event from the body when no header has it', () => {
    const parsed = gitee.parse(requestOf({ body: JSON.stringify(giteePushBody(MOVE)) }))

    expect(parsed).toMatchObject({ kind: 'changes', event: 'push_hooks' })
  })
})

describe('the password of a Gitee hook', () => {
  it.each(['', 'a', SECRET.slice(1), `${SECRET} `, `${SECRET}, ${SECRET}`, SECRET.toLowerCase()])(
    'must be the whole secret (%#)',
    async (token) => {
      const request = requestOf({ body: '{}', headers: { 'x-gitee-token': token } })

      const signature = await gitee.verify(request, [SECRET], NOW)

      expect(signature).toBe(token === '' ? 'none' : 'invalid')
    },
  )

  it('may hold letters beyond ASCII and needs no time', async () => {
    const onTheWire = Buffer.from('秘密').toString('latin1')
    const request = requestOf({ body: '{}', headers: { 'x-gitee-token': onTheWire } })

    const signature = await gitee.verify(request, ['秘密'], NOW)

    expect(signature).toBe('verified')
  })
})

test('the signature of the Gitee documentation verifies', async () => {
  const headers = {
    'x-gitee-token': 'Xvh4YPVe6l31XpDRL9J2yeaEXabsckIoUUschpXiVck=',
    'x-gitee-timestamp': '1633679083918',
  }

  const signature = await gitee.verify(requestOf({ headers }), [SECRET], NOW)

  expect(signature).toBe('verified')
})

describe('the sign of a Gitee hook', () => {
  const sign = giteeSign(SECRET, NOW)
  const verify = (headers: Readonly<Record<string, string>>, now = NOW) =>
    gitee.verify(
      requestOf({ headers: { 'x-gitee-token': sign, 'x-gitee-timestamp': String(NOW), ...headers } }),
      ['another', SECRET],
      now,
    )

  it.each([-10 * MINUTE, 0, 10 * MINUTE])('verifies %d ms after it was sent', async (age) => {
    const signature = await verify({}, NOW + age)

    expect(signature).toBe('verified')
  })

  it.each([-10 * MINUTE - 1, 10 * MINUTE + 1, 59 * MINUTE])(
    'is refused %d ms after it was sent, although Gitee allows an hour',
    async (age) => {
      const signature = await verify({}, NOW + age)

      expect(signature).toBe('invalid')
    },
  )

  it('verifies when it is escaped as in an address', async () => {
    // Times whose signs hold each character that an address escapes.
    const times = Array.from({ length: 50 }, (_, n) => NOW + n)
    const escaped = times.map((time) => encodeURIComponent(giteeSign(SECRET, time)))

    const signatures = await Promise.all(
      escaped.map((token, n) => verify({ 'x-gitee-token': token, 'x-gitee-timestamp': String(NOW + n) })),
    )

    expect(escaped.join('')).toMatch(/(?=.*%2B)(?=.*%2F)(?=.*%3D)/)
    expect(new Set(signatures)).toEqual(new Set(['verified']))
  })

  it.each<[string, Readonly<Record<string, string>>]>([
    ['has another time', { 'x-gitee-timestamp': String(NOW + 1) }],
    ['has no time', { 'x-gitee-timestamp': '' }],
    ['has a time in seconds', { 'x-gitee-timestamp': String(Math.floor(NOW / 1000)) }],
    ['has a time that is no number', { 'x-gitee-timestamp': 'NaN' }],
    ['was made with another key', { 'x-gitee-token': giteeSign('another key', NOW) }],
    ['is cut', { 'x-gitee-token': sign.slice(0, -1) }],
    ['comes twice', { 'x-gitee-token': `${sign}, ${sign}` }],
    ['holds a broken escape', { 'x-gitee-token': `${sign.slice(0, -1)}%` }],
    ['is far too long', { 'x-gitee-token': sign.repeat(20_000) }],
  ])('is refused when it %s', async (_, headers) => {
    const signature = await verify(headers)

    expect(signature).toBe('invalid')
  })
})
