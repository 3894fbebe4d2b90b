import { randomUUID } from 'node:crypto'
import { shasOf } from './delivery-bodies.ts'
import type { Json } from './delivery-bodies.ts'
import { encode } from './deliveries-encoding.ts'
import type { SentPush, SentRequest } from './deliveries.ts'

// Azure DevOps: no header tells who sent it, and the secret is a password.

export function azurePush(
  push: SentPush,
  ...others: readonly Pick<SentPush, 'ref' | 'before' | 'after'>[]
): SentRequest {
  const [project, name] = push.repository.fullName.split('/')
  return sendAzure(push, {
    commits: [],
    refUpdates: [push, ...others].map((move) => {
      const { before, after } = shasOf(move)
      return { name: move.ref, oldObjectId: before, newObjectId: after }
    }),
    repository: {
      id: 'f0f0f0f0-1111-2222-3333-444444444444',
      name,
      url: 'https://dev.azure.com/fabrikam/_apis/git/repositories/f0f0f0f0-1111-2222-3333-444444444444',
      project: { id: '6ce954b1-ce1f-45d1-b94d-e6bf2464ba2c', name: project, state: 'wellFormed' },
      defaultBranch: `refs/heads/${push.repository.defaultBranch ?? 'main'}`,
      remoteUrl: push.repository.cloneUrl,
    },
    pushedBy: { displayName: 'Octo Cat', uniqueName: push.pusher ?? 'octocat' },
    pushId: 14,
  })
}

export function sendAzure(
  sending: Pick<SentPush, 'secret' | 'deliveryId'>,
  resource: Json | null,
  eventType = 'git.push',
): SentRequest {
  const { secret, deliveryId = randomUUID() } = sending
  const encoded = encode(
    JSON.stringify({
      subscriptionId: '00000000-1111-2222-3333-444444444444',
      notificationId: 2,
      id: deliveryId,
      eventType,
      publisherId: 'tfs',
      message: null,
      detailedMessage: null,
      resource,
      resourceVersion: '1.0',
      createdDate: '2026-05-15T15:20:41.0000000Z',
    }),
  )
  const credentials = Buffer.from(`anybody:${secret ?? ''}`).toString('base64')
  return {
    ...encoded,
    headers: {
      'Content-Type': 'application/json; charset=utf-8',
      'User-Agent': 'VSServices/19.245.35227.10',
      'X-Vss-ActivityId': randomUUID(),
      'X-Vss-SubscriptionId': '00000000-1111-2222-3333-444444444444',
      ...(secret === undefined ? {} : { Authorization: `Basic ${credentials}` }),
    },
  }
}
