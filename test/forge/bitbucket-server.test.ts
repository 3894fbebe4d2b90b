import { describe, expect, it } from 'vitest'
import { recognise } from '../../src/forge/forges.ts'
import {
  bitbucketChanges,
  bitbucketServerPush,
  bitbucketServerRepository,
  sendBitbucketServer,
} from '../rig/deliveries-bitbucket.ts'
import { toWebhookRequest } from '../rig/deliveries.ts'
import type { SentRequest } from '../rig/deliveries.ts'
import { forgeByName, REPOSITORY, requestOf, SHA_1, SHA_2, ZERO } from './request.ts'

const server = forgeByName('bitbucket-server')
const SECRET = 'a secret of the server'
const SENDING = { repository: REPOSITORY, secret: SECRET, deliveryId: '6f2b4a3e-1c5d-4e8f-9a0b-7c6d5e4f3a2b' }
const MOVE = { ...SENDING, ref: 'refs/heads/main', before: SHA_1, after: SHA_2 }

/** A repository as versions before 7 describe it: only its page. */
function oldRepository(page: string): object {
  return { slug: 'app', project: { key: 'TEAM' }, links: { self: [{ href: page }] } }
}

const DELIVERIES: readonly (readonly [string, SentRequest, object])[] = [
  [
    'a push of several refs, in their order',
    bitbucketServerPush(
      MOVE,
      { ref: 'refs/tags/v1', before: null, after: SHA_2 },
      { ref: 'refs/heads/旧', before: SHA_1, after: null },
    ),
    {
      kind: 'changes',
      event: 'repo:refs_changed',
      deliveryId: SENDING.deliveryId,
      repository: { ...REPOSITORY, defaultBranch: null },
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
        { ref: 'refs/tags/v1', before: null, after: SHA_2, created: true, deleted: false },
        { ref: 'refs/heads/旧', before: SHA_1, after: null, created: false, deleted: true },
      ],
    },
  ],
  [
    'a change that says little',
    sendBitbucketServer('repo:refs_changed', SENDING, {
      changes: [{ refId: 'refs/heads/main', fromHash: ZERO, toHash: SHA_2 }, {}],
    }),
    { repository: null, changes: [{ ref: 'refs/heads/main', before: null, after: SHA_2, created: true }] },
  ],
  [
    'what a mirror has fetched',
    sendBitbucketServer('mirror:repo_synchronized', SENDING, {
      mirrorServer: { id: 'x' },
      syncType: 'INCREMENTAL',
      refLimitExceeded: false,
      changes: [{ ref: { id: 'refs/heads/main' }, fromHash: SHA_1, toHash: SHA_2, type: 'UPDATE' }],
    }),
    { kind: 'changes', changes: [{ ref: 'refs/heads/main', before: SHA_1, after: SHA_2 }] },
  ],
  [
    'more refs than it lists',
    sendBitbucketServer('mirror:repo_synchronized', SENDING, {
      refLimitExceeded: true,
      repository: bitbucketServerRepository(REPOSITORY),
      changes: [],
    }),
    { kind: 'changes', changes: 'all', repository: { cloneUrl: REPOSITORY.cloneUrl } },
  ],
  [
    'no change at all',
    sendBitbucketServer('repo:refs_changed', SENDING, { changes: [] }),
    { kind: 'nothing', reason: 'event' },
  ],
  [
    'nothing but refs without a name',
    sendBitbucketServer('repo:refs_changed', SENDING, { changes: [{}] }),
    { kind: 'malformed' },
  ],
  [
    'the test of a connection',
    sendBitbucketServer('diagnostics:ping', SENDING, { test: true }),
    { kind: 'nothing', reason: 'ping', repository: null },
  ],
  [
    'another event',
    sendBitbucketServer('repo:comment:added', SENDING, {}),
    { kind: 'nothing', reason: 'event' },
  ],
  [
    'the body that a plugin sends',
    sendBitbucketServer('repo:push', SENDING, {
      push: bitbucketChanges([MOVE, { ref: 'refs/tags/v1', before: null, after: SHA_2 }]),
      actor: { username: 'ada' },
      repository: {
        fullName: 'TEAM/app',
        links: { self: [{ href: 'https://h/projects/TEAM/repos/app/browse' }] },
      },
    }),
    {
      pusher: 'ada',
      repository: { fullName: 'TEAM/app', cloneUrl: 'https://h/scm/team/app.git' },
      changes: [
        { ref: 'refs/heads/main', after: SHA_2 },
        { ref: 'refs/tags/v1', created: true },
      ],
    },
  ],
]

describe('a delivery from Bitbucket Server', () => {
  it.each(DELIVERIES)('is verified and read: %s', async (_, sent, expected) => {
    const request = toWebhookRequest(sent)

    const signature = await server.verify(request, [SECRET], 0)
    const parsed = server.parse(request)

    expect(recognise(request)).toBe('bitbucket-server')
    expect(signature).toBe('verified')
    expect(parsed).toMatchObject(expected)
  })

  it.each([
    ['https://h/projects/TEAM/repos/app/browse', 'https://h/scm/team/app.git'],
    ['http://h:7990/stash/projects/TEAM/repos/app', 'http://h:7990/stash/scm/team/app.git'],
    ['https://h/users/Ada/repos/app/browse/', 'https://h/scm/~ada/app.git'],
    ['https://h/plugins/projects', null],
    ['no address', null],
  ])('has an address also where only the page %s is told', (page, cloneUrl) => {
    const sent = sendBitbucketServer('repo:refs_changed', SENDING, { repository: oldRepository(page) })

    const parsed = server.parse(toWebhookRequest(sent))

    expect(parsed).toMatchObject({ repository: { fullName: 'TEAM/app', cloneUrl, sshUrl: null } })
  })

  it('has no address when nothing is told', () => {
    const repository = { slug: 'app', project: { key: 'TEAM' } }
    const sent = sendBitbucketServer('repo:refs_changed', SENDING, { repository })

    const parsed = server.parse(toWebhookRequest(sent))

    expect(parsed).toMatchObject({ repository: { fullName: 'TEAM/app', cloneUrl: null, htmlUrl: null } })
  })

  it('is malformed without an event header', () => {
    const parsed = server.parse(requestOf({ body: '{}' }))

    expect(parsed).toMatchObject({ kind: 'malformed' })
  })
})
