import { readFileSync } from 'node:fs'
import { describe, expect, it, test } from 'vitest'
import { recognise } from '../../src/forge/forges.ts'
import { pushFrom, refEventFrom, sendGitea, toWebhookRequest } from '../rig/deliveries.ts'
import type { GogsKin } from '../rig/deliveries.ts'
import { forgeByName, LONG_SHA_1, LONG_SHA_2, REPOSITORY, requestOf, SHA_1, SHA_2, ZERO } from './request.ts'

const KIN: readonly GogsKin[] = ['gitea', 'forgejo', 'gogs', 'gitlink']
const SENDERS_WITH_GET: readonly GogsKin[] = ['gitea', 'forgejo', 'gitlink']

const SECRET = '123456'
const SENDING = { repository: REPOSITORY, secret: SECRET, deliveryId: '99aa2c23-6884-4c44-9020-5469320aa408' }
const MOVE = { ...SENDING, ref: 'refs/heads/main', before: SHA_1, after: SHA_2 }

describe.each(KIN)('a delivery from %s', (name) => {
  const forge = forgeByName(name)
  const body = { ref: 'refs/heads/main', secret: SECRET, repository: null, commits: null, head_commit: null }

  it.each([
    [
      'a push',
      pushFrom(name, MOVE),
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
      pushFrom(name, { ...MOVE, encoding: 'form' }),
      { changes: [{ after: SHA_2 }], repository: REPOSITORY },
    ],
    [
      'a new branch',
      pushFrom(name, { ...MOVE, ref: 'refs/heads/功能', before: null }),
      { changes: [{ ref: 'refs/heads/功能', before: null, created: true }] },
    ],
    [
      'a branch that is gone',
      pushFrom(name, { ...MOVE, after: null }),
      { changes: [{ before: SHA_1, after: null, created: false, deleted: true }] },
    ],
    [
      'a push in a sha256 repository',
      pushFrom(name, { ...MOVE, before: LONG_SHA_1, after: LONG_SHA_2 }),
      { changes: [{ before: LONG_SHA_1, after: LONG_SHA_2 }] },
    ],
    [
      'the deletion in a sha256 repository',
      pushFrom(name, { ...MOVE, before: LONG_SHA_1, after: null }),
      { changes: [{ before: LONG_SHA_1, after: null, deleted: true }] },
    ],
    [
      'a branch told by a create event',
      refEventFrom(name, { ...SENDING, action: 'create', refType: 'branch', ref: 'a/b' }),
      {
        event: 'create',
        pusher: 'octocat',
        changes: [{ ref: 'refs/heads/a/b', before: null, after: null, created: true, deleted: false }],
      },
    ],
    [
      'a tag told by a create event',
      refEventFrom(name, { ...SENDING, action: 'create', refType: 'tag', ref: 'v1', sha: SHA_1 }),
      { changes: [{ ref: 'refs/tags/v1', before: null, after: SHA_1, created: true }] },
    ],
    [
      'a branch told by a delete event',
      refEventFrom(name, { ...SENDING, action: 'delete', refType: 'branch', ref: 'a/b' }),
      { changes: [{ ref: 'refs/heads/a/b', after: null, deleted: true, created: false }] },
    ],
    [
      'a full name in a delete event',
      refEventFrom(name, { ...SENDING, action: 'delete', refType: 'tag', ref: 'refs/tags/v1' }),
      { changes: [{ ref: 'refs/tags/v1', deleted: true }] },
    ],
    [
      'the test of a repository',
      pushFrom(name, { ...MOVE, before: SHA_2 }),
      { kind: 'nothing', reason: 'test' },
    ],
    [
      'the test of a repository with a short name',
      pushFrom(name, { ...MOVE, ref: 'main', before: SHA_2 }),
      { kind: 'nothing', reason: 'test' },
    ],
    [
      'the test of an empty repository, which looks like a deletion',
      pushFrom(name, { ...MOVE, before: null, after: null }),
      { kind: 'nothing', reason: 'test' },
    ],
    [
      'a pusher of older versions',
      sendGitea(name, 'push', SENDING, { ...body, pusher: { username: 'a' }, sender: { login: 'b' } }),
      { pusher: 'a' },
    ],
    [
      'another event',
      sendGitea(name, 'issues', SENDING, { action: 'opened' }),
      { kind: 'nothing', reason: 'event', repository: null, pusher: null },
    ],
    [
      'something of another kind that is new',
      sendGitea(name, 'create', SENDING, { ...body, ref_type: 'repository' }),
      { kind: 'nothing', reason: 'event' },
    ],
    [
      'nothing but a ref',
      sendGitea(name, 'push', SENDING, body),
      {
        repository: null,
        pusher: null,
        changes: [{ before: null, after: null, created: false, deleted: false, forced: false }],
      },
    ],
    [
      'a zero sha without its counterpart',
      sendGitea(name, 'push', SENDING, { ...body, after: ZERO }),
      { changes: [{ before: null, after: null, deleted: false }] },
    ],
    ['a push without a ref', sendGitea(name, 'push', SENDING, { ...body, ref: null }), { kind: 'malformed' }],
    [
      'an event without a ref',
      sendGitea(name, 'delete', SENDING, { ...body, ref: '', ref_type: 'tag' }),
      { kind: 'malformed' },
    ],
  ])('is verified and read: %s', async (_, sent, expected) => {
    const request = toWebhookRequest(sent)

    const signature = await forge.verify(request, [SECRET], 0)
    const parsed = forge.parse(request)

    expect(signature).toBe('verified')
    expect(parsed).toMatchObject(expected)
  })

  it('says the same in JSON, in a form and in a query', async () => {
    const encodings = SENDERS_WITH_GET.includes(name)
      ? (['json', 'form', 'get'] as const)
      : (['json', 'form'] as const)
    const requests = encodings.map((encoding) => toWebhookRequest(pushFrom(name, { ...MOVE, encoding })))

    const parsed = requests.map((request) => forge.parse(request))
    const signatures = await Promise.all(requests.map((request) => forge.verify(request, [SECRET], 0)))

    expect(new Set(signatures)).toEqual(new Set(['verified']))
    expect(new Set(parsed.map((delivery) => JSON.stringify(delivery))).size).toBe(1)
    expect(requests.map(recognise)).toEqual(requests.map(() => name))
  })

  it('is not verified by a signature over the encoded form', async () => {
    const form = new URLSearchParams({ payload: '{"a": "ü &"}' }).toString()
    const sent = sendGitea(name, 'push', SENDING, {})

    const request = toWebhookRequest({
      ...sent,
      headers: { ...sent.headers, 'Content-Type': 'application/x-www-form-urlencoded' },
      body: form,
    })

    expect(await forge.verify(request, [SECRET], 0)).toBe('invalid')
  })

  it('without any event header is malformed', () => {
    const parsed = forge.parse(requestOf({ body: '{}' }))

    expect(parsed).toMatchObject({ kind: 'malformed' })
  })
})

test('Gogs does not send with GET', () => {
  const sent = pushFrom('gogs', { ...MOVE, encoding: 'get' })

  const parsed = forgeByName('gogs').parse(toWebhookRequest(sent))

  expect(parsed).toMatchObject({ kind: 'malformed' })
})

test('the delivery in the documentation of GitLink verifies byte for byte', async () => {
  const body = readFileSync(new URL('gitlink-delivery.json', import.meta.url), 'utf8').trimEnd()
  const signature = '34a01edcd952ff6410ff6ebc946471161bde74aff86171f21621d2c2c4130f66'
  const headers = {
    'x-github-delivery': SENDING.deliveryId,
    'x-github-event': 'push',
    'x-gitea-delivery': SENDING.deliveryId,
    'x-gitea-event': 'push',
    'x-gitea-signature': signature,
    'x-gogs-delivery': SENDING.deliveryId,
    'x-gogs-event': 'push',
    'x-gogs-signature': signature,
  }
  const request = requestOf({ body, headers })

  const parsed = forgeByName('gitlink').parse(request)

  expect(recognise(request)).toBe('gitlink')
  expect(await forgeByName('gitlink').verify(request, ['123456'], 0)).toBe('verified')
  expect(parsed).toMatchObject({
    kind: 'nothing',
    reason: 'test',
    deliveryId: SENDING.deliveryId,
    pusher: 'yystopf',
    repository: {
      fullName: 'yystopf/ceshi',
      cloneUrl: 'http://localhost:10081/yystopf/ceshi.git',
      sshUrl: 'virus@localhost:10081:yystopf/ceshi.git',
      defaultBranch: 'master',
    },
  })
})
