import { describe, expect, it } from 'vitest'
import { recognise } from '../../src/forge/forges.ts'
import { gitlabPush, sendGitlab, toWebhookRequest } from '../rig/deliveries.ts'
import type { SentRequest } from '../rig/deliveries.ts'
import { forgeByName, LONG_SHA_2, REPOSITORY, requestOf, SHA_1, SHA_2, ZERO } from './request.ts'

const gitlab = forgeByName('gitlab')
const TOKEN = 'plain token'
const SENDING = { repository: REPOSITORY, secret: TOKEN, deliveryId: 'f5e5f430-f57b-4e6e-9fac-d9128cd7232f' }
const MOVE = { ...SENDING, ref: 'refs/heads/main', before: SHA_1, after: SHA_2 }

const DELIVERIES: readonly (readonly [string, SentRequest, object])[] = [
  [
    'a push',
    gitlabPush(MOVE),
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
    'a new branch',
    gitlabPush({ ...MOVE, before: null, ref: 'refs/heads/分支' }),
    { changes: [{ ref: 'refs/heads/分支', before: null, created: true }] },
  ],
  [
    'a new branch in a sha256 repository',
    gitlabPush({ ...MOVE, before: null, after: LONG_SHA_2 }),
    { changes: [{ before: null, after: LONG_SHA_2, created: true }] },
  ],
  [
    'a branch that is gone',
    gitlabPush({ ...MOVE, after: null }),
    { changes: [{ before: SHA_1, after: null, deleted: true }] },
  ],
  [
    'a tag',
    gitlabPush({ ...MOVE, ref: 'refs/tags/v1', before: null }),
    { event: 'tag_push', changes: [{ ref: 'refs/tags/v1', created: true }] },
  ],
  [
    'a system hook that has only the second name of the event',
    sendGitlab('System Hook', SENDING, {
      event_name: 'push',
      before: SHA_1,
      after: SHA_2,
      ref: 'refs/heads/main',
      user_name: 'Somebody',
      project: { git_http_url: REPOSITORY.cloneUrl, default_branch: null },
    }),
    {
      event: 'push',
      pusher: 'Somebody',
      repository: { cloneUrl: REPOSITORY.cloneUrl, fullName: null, defaultBranch: null },
      changes: [{ after: SHA_2 }],
    },
  ],
  [
    'a body of an older version, without a project',
    sendGitlab('Push Hook', SENDING, {
      object_kind: 'push',
      before: SHA_1,
      after: SHA_2,
      ref: 'refs/heads/main',
      user_name: 'Somebody',
      repository: { git_http_url: REPOSITORY.cloneUrl, homepage: REPOSITORY.htmlUrl, url: 'x' },
    }),
    {
      repository: { cloneUrl: REPOSITORY.cloneUrl, htmlUrl: REPOSITORY.htmlUrl },
      changes: [{ after: SHA_2 }],
    },
  ],
  [
    'null default branch and zero shas',
    sendGitlab('Push Hook', SENDING, {
      object_kind: 'push',
      before: ZERO,
      after: ZERO,
      ref: 'refs/heads/main',
      project: { path_with_namespace: 'a/b', default_branch: null },
    }),
    { kind: 'nothing', reason: 'test', repository: { fullName: 'a/b', defaultBranch: null } },
  ],
  ['equal shas', gitlabPush({ ...MOVE, before: SHA_2 }), { kind: 'nothing', reason: 'test' }],
  [
    'a keep-around ref',
    gitlabPush({ ...MOVE, ref: 'refs/keep-around/1' }),
    { kind: 'nothing', reason: 'event' },
  ],
  [
    'another event',
    sendGitlab('Note Hook', SENDING, { object_kind: 'note', project: { path_with_namespace: 'a/b' } }),
    { kind: 'nothing', reason: 'event', event: 'note', repository: { fullName: 'a/b' } },
  ],
  [
    'a template of somebody’s own',
    sendGitlab('Push Hook', SENDING, { text: 'somebody pushed' }),
    { kind: 'nothing', reason: 'event', event: 'Push Hook', repository: null, pusher: null },
  ],
  ['a push without a ref', sendGitlab('Push Hook', SENDING, { object_kind: 'push' }), { kind: 'malformed' }],
]

describe('a delivery from GitLab', () => {
  it.each(DELIVERIES)('is verified and read: %s', async (_, sent, expected) => {
    const request = toWebhookRequest(sent)

    const signature = await gitlab.verify(request, [TOKEN], 0)
    const parsed = gitlab.parse(request)

    expect(recognise(request)).toBe('gitlab')
    expect(signature).toBe('verified')
    expect(parsed).toMatchObject(expected)
  })

  it('is known by its idempotency key, else by the id that was signed, never by the random ones', () => {
    const headers = { 'x-gitlab-event-uuid': 'a', 'x-gitlab-webhook-uuid': 'b' }
    const body = '{"object_kind":"note"}'

    const parsed = [
      gitlab.parse(requestOf({ body, headers: { ...headers, 'idempotency-key': 'c', 'webhook-id': 'd' } })),
      gitlab.parse(requestOf({ body, headers: { ...headers, 'webhook-id': 'd' } })),
      gitlab.parse(requestOf({ body, headers })),
    ]

    expect(parsed).toMatchObject([{ deliveryId: 'c' }, { deliveryId: 'd' }, { deliveryId: null }])
  })

  it.each(['form', 'get'] as const)('is never sent as %s', (encoding) => {
    const sent = gitlabPush({ ...MOVE, encoding })

    const parsed = gitlab.parse(toWebhookRequest(sent))

    expect(['unsupported_type', 'malformed']).toContain(parsed.kind)
  })
})
