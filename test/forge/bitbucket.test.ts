import { describe, expect, it } from 'vitest'
import { recognise } from '../../src/forge/forges.ts'
import { bitbucketPush, bitbucketRepository, sendBitbucket } from '../rig/deliveries-bitbucket.ts'
import { toWebhookRequest } from '../rig/deliveries.ts'
import type { SentRequest } from '../rig/deliveries.ts'
import { forgeByName, hexHmac, LONG_SHA_2, REPOSITORY, requestOf, SHA_1, SHA_2 } from './request.ts'

const bitbucket = forgeByName('bitbucket')
const SECRET = 'a secret of Bitbucket'
const SENDING = { repository: REPOSITORY, secret: SECRET, deliveryId: '44e25d18-f3ec-4b1c-b4c2-a5a8b5c7d5ab' }
const MOVE = { ...SENDING, ref: 'refs/heads/main', before: SHA_1, after: SHA_2 }
const UPDATED = {
  ref: 'refs/heads/main',
  before: SHA_1,
  after: SHA_2,
  created: false,
  deleted: false,
  forced: false,
}

function pushOf(change: object): SentRequest {
  return sendBitbucket('repo:push', SENDING, { push: { changes: [change] } })
}

const DELIVERIES: readonly (readonly [string, SentRequest, object])[] = [
  [
    'a push',
    bitbucketPush(MOVE),
    {
      kind: 'changes',
      event: 'repo:push',
      deliveryId: SENDING.deliveryId,
      repository: { ...REPOSITORY, defaultBranch: null, otherUrls: [] },
      pusher: 'octocat',
      changes: [UPDATED],
    },
  ],
  [
    'several refs at once, in their order',
    bitbucketPush(
      MOVE,
      { ref: 'refs/heads/功能/a', before: null, after: LONG_SHA_2 },
      { ref: 'refs/tags/v1', before: SHA_1, after: null },
      { ref: 'refs/heads/main', before: SHA_2, after: SHA_1, forced: true },
    ),
    {
      changes: [
        UPDATED,
        { ref: 'refs/heads/功能/a', before: null, after: LONG_SHA_2, created: true, deleted: false },
        { ref: 'refs/tags/v1', before: SHA_1, after: null, created: false, deleted: true },
        { ref: 'refs/heads/main', forced: true },
      ],
    },
  ],
  [
    'a tag that moved from one object to another of the same commit',
    bitbucketPush({ ...MOVE, ref: 'refs/tags/v1', before: SHA_2 }),
    { kind: 'changes', changes: [{ ref: 'refs/tags/v1', before: SHA_2, after: SHA_2 }] },
  ],
  [
    'the kinds of refs that older repositories had',
    sendBitbucket('repo:push', SENDING, {
      push: {
        changes: [
          { old: null, new: { type: 'named_branch', name: 'a', target: { hash: SHA_1 } } },
          { old: null, new: { type: 'annotated_tag', name: 'b', target: { hash: SHA_2 } } },
          { old: null, new: { type: 'bookmark', name: 'c', target: { hash: SHA_2 } } },
        ],
      },
    }),
    { repository: null, pusher: null, changes: [{ ref: 'refs/heads/a' }, { ref: 'refs/tags/b' }] },
  ],
  [
    'a change that is nonsense beside one that is not',
    sendBitbucket('repo:push', SENDING, {
      push: {
        changes: [7, null, { old: 'x', new: { type: 'branch' } }, { new: { type: 'branch', name: 'a' } }],
      },
    }),
    { changes: [{ ref: 'refs/heads/a', before: null, after: null }] },
  ],
  [
    'no change at all',
    sendBitbucket('repo:push', SENDING, { push: { changes: [] } }),
    { kind: 'nothing', reason: 'event' },
  ],
  ['a push without a list', sendBitbucket('repo:push', SENDING, {}), { kind: 'nothing', reason: 'event' }],
  [
    'a name that git refuses',
    pushOf({ new: { type: 'branch', name: 'a..b' } }),
    { kind: 'nothing', reason: 'event' },
  ],
  [
    'a repository without a page',
    sendBitbucket('repo:fork', SENDING, {
      repository: { full_name: 'ws/app' },
      actor: { display_name: 'Ada' },
    }),
    {
      kind: 'nothing',
      reason: 'event',
      pusher: 'Ada',
      repository: {
        fullName: 'ws/app',
        cloneUrl: 'https://bitbucket.org/ws/app.git',
        sshUrl: 'git@bitbucket.org:ws/app.git',
        htmlUrl: 'https://bitbucket.org/ws/app',
      },
    },
  ],
  [
    'a page that is no address',
    sendBitbucket('repo:push', SENDING, {
      repository: { ...bitbucketRepository(REPOSITORY), links: { html: { href: 'nowhere' } } },
    }),
    { repository: { sshUrl: null, htmlUrl: 'nowhere' } },
  ],
]

describe('a delivery from Bitbucket Cloud', () => {
  it.each(DELIVERIES)('is verified and read: %s', async (_, sent, expected) => {
    const request = toWebhookRequest(sent)

    const signature = await bitbucket.verify(request, [SECRET], 0)
    const parsed = bitbucket.parse(request)

    expect(recognise(request)).toBe('bitbucket')
    expect(signature).toBe('verified')
    expect(parsed).toMatchObject(expected)
  })

  it('has the same id at every attempt', () => {
    const sent = bitbucketPush(MOVE)
    const second = { ...sent, headers: { ...sent.headers, 'X-Attempt-Number': '2' } }

    const parsed = [sent, second].map((attempt) => bitbucket.parse(toWebhookRequest(attempt)))

    expect(parsed[1]).toEqual(parsed[0])
  })

  it('is malformed without an event header', () => {
    const parsed = bitbucket.parse(requestOf({ body: '{}' }))

    expect(parsed).toMatchObject({ kind: 'malformed' })
  })

  it('is never sent as a form', () => {
    const headers = { 'x-event-key': 'repo:push', 'content-type': 'application/x-www-form-urlencoded' }

    const parsed = bitbucket.parse(requestOf({ headers, body: 'payload={}' }))

    expect(parsed).toMatchObject({ kind: 'unsupported_type' })
  })

  it.each(['sha1', 'sha512', 'md5', ''])('may not be signed with %j', async (algorithm) => {
    const hex = hexHmac(SECRET, '{}', algorithm === '' ? 'sha256' : algorithm)
    const headers = { 'x-hub-signature': algorithm === '' ? hex : `${algorithm}=${hex}` }

    const signature = await bitbucket.verify(requestOf({ headers, body: '{}' }), [SECRET], 0)

    expect(signature).toBe('invalid')
  })
})
