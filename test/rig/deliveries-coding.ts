import { randomUUID } from 'node:crypto'
import { githubPushBody, htmlUrlOf, shasOf, sshUrlOf } from './delivery-bodies.ts'
import { encode, hexHmac } from './deliveries-encoding.ts'
import type { SentPush, SentRequest } from './deliveries.ts'

// Coding.net, in both versions of its hooks.

export function codingPush(push: SentPush): SentRequest {
  return sendCoding('push', push, githubPushBody(push))
}

/** The second version: signed over the body as it is sent. */
export function sendCoding(
  event: string,
  sending: Pick<SentPush, 'secret' | 'deliveryId' | 'encoding'>,
  body: object,
): SentRequest {
  const encoded = encode(JSON.stringify(body), sending.encoding)
  const { secret } = sending
  return {
    ...encoded,
    headers: {
      ...encoded.headers,
      'User-Agent': 'Coding.net Hook',
      'X-Coding-Event': event,
      'X-Coding-Delivery': sending.deliveryId ?? randomUUID(),
      'X-Coding-WebHook-Version': 'v2',
      ...(secret === undefined
        ? {}
        : { 'X-Coding-Signature': `sha1=${hexHmac('sha1', secret, encoded.body ?? '')}` }),
    },
  }
}

/** The first version: the token stands in the body, and the ref is a short name. */
export function codingOldPush(push: SentPush): SentRequest {
  const [owner, name] = push.repository.fullName.split('/')
  return sendOldCoding('push', {
    ...shasOf(push),
    ref: push.ref.replace(/^refs\/heads\//, ''),
    event: 'push',
    token: push.secret,
    user: { global_key: push.pusher ?? 'octocat', name: 'Octo Cat' },
    repository: {
      https_url: push.repository.cloneUrl,
      ssh_url: sshUrlOf(push.repository),
      web_url: htmlUrlOf(push.repository),
      name,
      owner: { global_key: owner, name: owner },
    },
    commits: [],
  })
}

export function sendOldCoding(event: string, body: object): SentRequest {
  const encoded = encode(JSON.stringify(body))
  return {
    ...encoded,
    headers: { ...encoded.headers, 'User-Agent': 'Coding.net Hook', 'X-Coding-Event': event },
  }
}
