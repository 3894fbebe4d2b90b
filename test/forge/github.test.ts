import { describe, expect, it } from 'vitest'
import { recognise } from '../../src/forge/forges.ts'
import { githubPing, githubPush, refEventFrom, sendGithub, toWebhookRequest } from '../rig/deliveries.ts'
import type { SentRequest } from '../rig/deliveries.ts'
import { forgeByName, LONG_SHA_1, LONG_SHA_2, REPOSITORY, requestOf, SHA_1, SHA_2 } from './request.ts'

const github = forgeByName('github')
const SECRET = 'It is a secret'
const SENDING = { repository: REPOSITORY, secret: SECRET, deliveryId: '72d3162e-cc78-11e3-81ab-4c9367dc0958' }
const MOVE = { ...SENDING, ref: 'refs/heads/main', before: SHA_1, after: SHA_2 }

const DELIVERIES: readonly (readonly [string, SentRequest, object])[] = [
  [
    'a push',
    githubPush(MOVE),
    {
      kind: 'changes',
      event: 'push',
      deliveryId: SENDING.deliveryId,
      repository: REPOSITORY,
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
    'a push in a form',
    githubPush({ ...MOVE, encoding: 'form' }),
    { kind: 'changes', changes: [{ after: SHA_2 }], repository: REPOSITORY },
  ],
  [
    'a new branch',
    githubPush({ ...MOVE, ref: 'refs/heads/功能/ü', before: null }),
    { changes: [{ ref: 'refs/heads/功能/ü', before: null, after: SHA_2, created: true, deleted: false }] },
  ],
  [
    'a branch that is gone',
    githubPush({ ...MOVE, after: null }),
    { changes: [{ before: SHA_1, after: null, created: false, deleted: true }] },
  ],
  [
    'a push by a deploy key',
    sendGithub('push', SENDING, {
      ref: 'refs/heads/main',
      pusher: { name: 'deploy' },
      sender: { login: 'octocat' },
    }),
    { pusher: 'deploy' },
  ],
  ['a forced push', githubPush({ ...MOVE, forced: true }), { changes: [{ forced: true }] }],
  [
    'a moved tag',
    githubPush({ ...MOVE, ref: 'refs/tags/v1' }),
    { changes: [{ ref: 'refs/tags/v1', before: SHA_1, created: false }] },
  ],
  [
    'a push in a sha256 repository',
    githubPush({ ...MOVE, before: LONG_SHA_1, after: LONG_SHA_2 }),
    { changes: [{ before: LONG_SHA_1, after: LONG_SHA_2 }] },
  ],
  [
    'a new branch in a sha256 repository',
    githubPush({ ...MOVE, before: null, after: LONG_SHA_2 }),
    { changes: [{ before: null, after: LONG_SHA_2, created: true }] },
  ],
  [
    'a create event',
    refEventFrom('github', { ...SENDING, action: 'create', refType: 'branch', ref: 'a/b' }),
    { event: 'create', changes: [{ ref: 'refs/heads/a/b', before: null, after: null, created: true }] },
  ],
  [
    'a delete event',
    refEventFrom('github', { ...SENDING, action: 'delete', refType: 'tag', ref: 'v1' }),
    { event: 'delete', changes: [{ ref: 'refs/tags/v1', after: null, deleted: true }] },
  ],
  ['a ping', githubPing(SENDING), { kind: 'nothing', reason: 'ping', repository: REPOSITORY }],
  [
    'a ping of an organisation',
    sendGithub('ping', SENDING, { zen: 'Design for failure.' }),
    { kind: 'nothing', reason: 'ping', repository: null, pusher: null },
  ],
  ['equal shas', githubPush({ ...MOVE, before: SHA_2 }), { kind: 'nothing', reason: 'test' }],
  [
    'a pull request ref',
    githubPush({ ...MOVE, ref: 'refs/pull/1/head' }),
    { kind: 'nothing', reason: 'event' },
  ],
  [
    'a ref git refuses',
    githubPush({ ...MOVE, ref: 'refs/heads/a..b' }),
    { kind: 'nothing', reason: 'event' },
  ],
  ['a short ref', githubPush({ ...MOVE, ref: 'main' }), { kind: 'nothing', reason: 'event' }],
  [
    'another event',
    sendGithub('issues', SENDING, { action: 'opened' }),
    { kind: 'nothing', reason: 'event' },
  ],
  [
    'a push without a ref',
    sendGithub('push', SENDING, { before: SHA_1, after: SHA_2 }),
    { kind: 'malformed' },
  ],
  [
    'odd types everywhere',
    sendGithub('push', SENDING, {
      ref: 'refs/heads/main',
      before: 7,
      after: { a: 1 },
      created: 'yes',
      deleted: null,
      pusher: 'octocat',
      sender: { login: 'octo\u0000cat' },
      repository: { full_name: ['a'], clone_url: null, created_at: {}, html_url: '' },
    }),
    {
      kind: 'changes',
      changes: [{ before: null, after: null, created: false, deleted: false, forced: false }],
      pusher: null,
      repository: { fullName: null, cloneUrl: null, sshUrl: null, htmlUrl: null, defaultBranch: null },
    },
  ],
]

describe('a delivery from GitHub', () => {
  it.each(DELIVERIES)('is verified and read: %s', async (_, sent, expected) => {
    const request = toWebhookRequest(sent)

    const signature = await github.verify(request, [SECRET], 0)
    const parsed = github.parse(request)

    expect(recognise(request)).toBe('github')
    expect(signature).toBe('verified')
    expect(parsed).toMatchObject(expected)
  })

  it('keeps the JSON text that came in a form', () => {
    const json = toWebhookRequest(githubPush(MOVE))
    const form = toWebhookRequest(githubPush({ ...MOVE, encoding: 'form' }))

    const parsed = [github.parse(json), github.parse(form)]

    expect(parsed[1]).toEqual(parsed[0])
    expect(parsed[0]).toMatchObject({ payload: githubPush(MOVE).body })
  })

  it('is malformed without an event header', () => {
    const parsed = github.parse(requestOf({ body: '{}' }))

    expect(parsed).toMatchObject({ kind: 'malformed' })
  })

  it('is never sent with GET', () => {
    const sent = githubPush({ ...MOVE, encoding: 'get' })

    const parsed = github.parse(toWebhookRequest(sent))

    expect(parsed).toMatchObject({ kind: 'malformed' })
  })

  it.each(['', 'a b', 'x'.repeat(129), 'é'])('has no id when the header says %j', (id) => {
    const sent = githubPush({ ...MOVE, deliveryId: id })

    const parsed = github.parse(toWebhookRequest(sent))

    expect(parsed).toMatchObject({ deliveryId: null })
  })
})
