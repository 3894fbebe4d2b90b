import { fullRef, movedRef } from './change.ts'
import { deliveryId, header, text } from './fields.ts'
import type { Envelope, Forge, ParsedDelivery, Signature, WebhookRequest } from './forge.ts'
import { readPointer } from './json-pointer.ts'
import { readPayload } from './payload.ts'
import { isBase64Hmac, isHexHmac } from './signature.ts'
import type { HmacAlgorithm } from './signature.ts'

// Whatever can send JSON signed with an HMAC: a pipeline, a script, a forge that has no adapter of its own.
// The settings say where in a request the signature, the id, the ref and the address are.

export type GenericSettings = {
  /** Lower case, as is `idHeader`. */
  readonly signatureHeader: string
  readonly algorithm: HmacAlgorithm
  readonly encoding: 'hex' | 'base64'
  /** May stand before the signature and is no part of it. */
  readonly prefix: string
  readonly idHeader: string
  /** JSON pointers into the payload. */
  readonly pointers: Readonly<Record<'ref' | 'before' | 'after' | 'url', string>>
}

export function createGeneric(settings: GenericSettings): Forge {
  return {
    name: 'generic',
    verify: (request, secrets) => Promise.resolve(verify(settings, request, secrets)),
    parse: (request) => parse(settings, request),
  }
}

function verify(
  { signatureHeader, algorithm, encoding, prefix }: GenericSettings,
  request: WebhookRequest,
  secrets: readonly string[],
): Signature {
  const sent = header(request, [signatureHeader])
  if (sent === undefined) return 'none'
  const signature = sent.startsWith(prefix) ? sent.slice(prefix.length) : sent
  const keys = secrets.map((secret) => Buffer.from(secret))
  const holds =
    encoding === 'hex'
      ? isHexHmac(signature, request.body, secrets, algorithm)
      : isBase64Hmac([signature], [request.body], keys, algorithm)
  return holds ? 'verified' : 'invalid'
}

function parse({ idHeader, pointers }: GenericSettings, request: WebhookRequest): ParsedDelivery {
  const payload = readPayload(request, ['json', 'form'])
  if (payload.kind !== 'json') return payload
  const at = (pointer: string) => text.parse(readPointer(payload.value, pointer))
  const cloneUrl = at(pointers.url)
  if (cloneUrl === undefined) {
    return { kind: 'malformed', problem: `The payload has no address of a repository at ${pointers.url}.` }
  }
  const envelope: Envelope = {
    event: 'push',
    deliveryId: deliveryId(request, [idHeader]),
    repository: { fullName: null, cloneUrl, sshUrl: null, htmlUrl: null, defaultBranch: null, otherUrls: [] },
    pusher: null,
    payload: payload.text,
  }
  const ref = fullRef(at(pointers.ref))
  if (ref === undefined) return { ...envelope, kind: 'changes', changes: 'all' }
  return movedRef(envelope, { ref, before: at(pointers.before), after: at(pointers.after) })
}
