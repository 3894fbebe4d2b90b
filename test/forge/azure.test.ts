import { describe, expect, it } from 'vitest'
import { recognise } from '../../src/forge/forges.ts'
import { azurePush, sendAzure } from '../rig/deliveries-azure.ts'
import { toWebhookRequest } from '../rig/deliveries.ts'
import type { SentRequest } from '../rig/deliveries.ts'
import { forgeByName, requestOf, SHA_1, SHA_2 } from './request.ts'

const azure = forgeByName('azure')
const SECRET = 'pässword: with a colon'
const REMOTE = 'https://dev.azure.com/fabrikam/Web%20Shop/_git/app'
const SENDING = {
  repository: { fullName: 'Web Shop/app', cloneUrl: REMOTE, defaultBranch: 'trunk' },
  secret: SECRET,
  deliveryId: '03c164c2-8912-4d5e-8009-3707d5f83734',
}
const MOVE = { ...SENDING, ref: 'refs/heads/main', before: SHA_1, after: SHA_2 }

const DELIVERIES: readonly (readonly [string, SentRequest, object])[] = [
  [
    'a push of several refs, in their order',
    azurePush(
      MOVE,
      { ref: 'refs/tags/v1', before: null, after: SHA_2 },
      { ref: 'refs/heads/旧', before: SHA_1, after: null },
      { ref: 'refs/pull/1/merge', before: SHA_1, after: SHA_2 },
    ),
    {
      kind: 'changes',
      event: 'git.push',
      deliveryId: SENDING.deliveryId,
      repository: {
        fullName: 'Web Shop/app',
        cloneUrl: REMOTE,
        sshUrl: null,
        htmlUrl: REMOTE,
        defaultBranch: 'trunk',
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
        { ref: 'refs/tags/v1', before: null, after: SHA_2, created: true, deleted: false },
        { ref: 'refs/heads/旧', before: SHA_1, after: null, created: false, deleted: true },
      ],
    },
  ],
  [
    'an address that names the organisation for the login',
    azurePush({
      ...MOVE,
      repository: {
        ...SENDING.repository,
        cloneUrl: 'https://fabrikam@dev.azure.com/fabrikam/shop/_git/app',
      },
    }),
    { repository: { cloneUrl: 'https://dev.azure.com/fabrikam/shop/_git/app' } },
  ],
  [
    'the sample of its test button',
    sendAzure(SENDING, {
      refUpdates: [
        {
          name: 'refs/heads/master',
          oldObjectId: 'aad331d8d3b131fa9ae03cf5e53965b51942618a',
          newObjectId: '33b55f7cb7e7e245323987634f960cf4a6e6bc74',
        },
      ],
      repository: {
        id: '278d5cd2-584d-4b63-824a-2ba458937249',
        name: 'Fabrikam-Fiber-Git',
        project: { name: 'Fabrikam-Fiber-Git' },
        remoteUrl: 'https://dev.azure.com/fabrikam/DefaultCollection/_git/Fabrikam-Fiber-Git',
      },
    }),
    { kind: 'nothing', reason: 'test', repository: { fullName: 'Fabrikam-Fiber-Git/Fabrikam-Fiber-Git' } },
  ],
  [
    'less than which refs were pushed',
    sendAzure(SENDING, { repository: { name: 'app', remoteUrl: REMOTE } }),
    {
      kind: 'changes',
      changes: 'all',
      repository: { cloneUrl: REMOTE, fullName: null, defaultBranch: null },
    },
  ],
  ['no details at all', sendAzure(SENDING, null), { kind: 'changes', changes: 'all', repository: null }],
  ['no ref', sendAzure(SENDING, { refUpdates: [] }), { kind: 'nothing', reason: 'event' }],
  [
    'a ref without a name',
    sendAzure(SENDING, { refUpdates: [{ oldObjectId: SHA_1, newObjectId: SHA_2 }] }),
    { kind: 'malformed' },
  ],
  [
    'another event',
    sendAzure(SENDING, { status: 'active' }, 'git.pullrequest.created'),
    { kind: 'nothing', reason: 'event', event: 'git.pullrequest.created', pusher: null },
  ],
]

describe('a delivery from Azure DevOps', () => {
  it.each(DELIVERIES)('is verified and read: %s', async (_, sent, expected) => {
    const request = toWebhookRequest(sent)

    const signature = await azure.verify(request, ['another', SECRET], 0)
    const parsed = azure.parse(request)

    expect(recognise(request)).toBe('azure')
    expect(signature).toBe('verified')
    expect(parsed).toMatchObject(expected)
  })

  it.each(['', 'a b', 7, null])('has no id when the body says %j', (id) => {
    const parsed = azure.parse(requestOf({ body: JSON.stringify({ id, eventType: 'git.push' }) }))

    expect(parsed).toMatchObject({ deliveryId: null })
  })
})

describe('the password of an Azure subscription', () => {
  const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`
  const verify = (authorization: string) =>
    azure.verify(requestOf({ body: '{}', headers: { authorization } }), [SECRET], 0)

  it.each(['', 'ada', 'jürgen', ' '])('counts with the user name %j', async (user) => {
    const signature = await verify(basic(`${user}:${SECRET}`))

    expect(signature).toBe('verified')
  })

  it.each([
    basic(SECRET.replace(':', '')),
    basic(`ada:${SECRET}x`),
    basic('ada:'),
    basic(''),
    `Bearer ${SECRET}`,
    'Basic',
    'Basic !',
    basic(`ada:${SECRET}`).replace('Basic', 'Digest'),
    `${basic(`ada:${SECRET}`)}, ${basic(`ada:${SECRET}`)}`,
    basic(`ada:${'x'.repeat(1_000_000)}`),
  ])('must be the whole secret (%#)', async (authorization) => {
    const signature = await verify(authorization)

    expect(signature).toBe('invalid')
  })
})
