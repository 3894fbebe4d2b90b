import { randomUUID } from 'node:crypto'
import { shasOf } from './delivery-bodies.ts'
import { encode, hexHmac } from './deliveries-encoding.ts'
import type { SentPush, SentRequest } from './deliveries.ts'

// What a script sends that follows the default settings of the generic forge.

export function genericPush(push: SentPush): SentRequest {
  const { before, after } = shasOf(push)
  const body = { ref: push.ref, before, after, repository: { clone_url: push.repository.cloneUrl } }
  const encoded = encode(JSON.stringify(body), push.encoding)
  const { secret } = push
  return {
    ...encoded,
    headers: {
      ...encoded.headers,
      'X-Delivery-Id': push.deliveryId ?? randomUUID(),
      ...(secret === undefined
        ? {}
        : { 'X-Hub-Signature-256': `sha256=${hexHmac('sha256', secret, encoded.body ?? '')}` }),
    },
  }
}
