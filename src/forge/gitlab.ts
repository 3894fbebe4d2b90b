import { z } from 'zod'
import { MINUTE, SECOND } from '../clock.ts'
import { movedRef } from './change.ts'
import { deliveryId, header, headerBytes, part, text } from './fields.ts'
import type { Envelope, Forge, ForgeRepository, ParsedDelivery, Signature, WebhookRequest } from './forge.ts'
import { readPayload } from './payload.ts'
import { isBase64Hmac, isSecret } from './signature.ts'

// GitLab. A hook has a plain token, or a signing token by the rules of Standard Webhooks
// (https://www.standardwebhooks.com); a secret that starts with `whsec_` is one of the latter.

const SIGNING_KEY = 'whsec_'
const TOLERANCE_MS = 5 * MINUTE

export const gitlab: Forge = {
  name: 'gitlab',
  verify: (request, secrets, now) => Promise.resolve(verify(request, secrets, now)),
  parse,
}

function verify(request: WebhookRequest, secrets: readonly string[], now: number): Signature {
  // Once a request carries a signature, no token makes up for a wrong one.
  const signature = request.headers.get('webhook-signature')
  if (signature !== undefined) return isSigned(request, signature, secrets, now) ? 'verified' : 'invalid'
  const token = header(request, ['x-gitlab-token'])
  if (token === undefined) return 'none'
  const tokens = secrets.filter((secret) => !secret.startsWith(SIGNING_KEY))
  return isSecret(headerBytes(token), tokens) ? 'verified' : 'invalid'
}

function isSigned(
  request: WebhookRequest,
  signature: string,
  secrets: readonly string[],
  now: number,
): boolean {
  const id = request.headers.get('webhook-id') ?? ''
  const timestamp = request.headers.get('webhook-timestamp') ?? ''
  // The list has no comma before a space: that is how HTTP joins two headers of one name.
  if (signature.includes(', ')) return false
  if (id === '' || !/^\d{1,12}$/.test(timestamp)) return false
  if (Math.abs(now - Number(timestamp) * SECOND) > TOLERANCE_MS) return false
  const digests = signature
    .split(' ')
    .flatMap((one) => (one.startsWith('v1,') ? [one.slice('v1,'.length)] : []))
  const keys = secrets
    .filter((secret) => secret.startsWith(SIGNING_KEY))
    .map((secret) => Buffer.from(secret.slice(SIGNING_KEY.length), 'base64'))
  return isBase64Hmac(digests, [headerBytes(`${id}.${timestamp}.`), request.body], keys)
}

const Body = z.object({
  object_kind: text,
  event_name: text,
  ref: text,
  before: text,
  after: text,
  user_username: text,
  user_name: text,
  project: part({
    path_with_namespace: text,
    default_branch: text,
    git_http_url: text,
    git_ssh_url: text,
    web_url: text,
  }),
  repository: part({ git_http_url: text, git_ssh_url: text, homepage: text }),
})
type Body = z.infer<typeof Body>

function parse(request: WebhookRequest): ParsedDelivery {
  const payload = readPayload(request, ['json'])
  if (payload.kind !== 'json') return payload
  const body = Body.safeParse(payload.value)
  if (!body.success) return { kind: 'malformed', problem: 'The payload is not a JSON object.' }
  const event = eventOf(request, body.data)
  const envelope: Envelope = {
    event,
    deliveryId: deliveryId(request, ['idempotency-key', 'webhook-id']),
    repository: toRepository(body.data),
    pusher: body.data.user_username ?? body.data.user_name ?? null,
    payload: payload.text,
  }
  if (event === 'push' || event === 'tag_push') return movedRef(envelope, body.data)
  return { ...envelope, kind: 'nothing', reason: 'event' }
}

// System hooks have one header for all events, and some of them only the second name.
function eventOf(request: WebhookRequest, body: Body): string {
  return body.object_kind ?? body.event_name ?? header(request, ['x-gitlab-event']) ?? 'unknown'
}

// `repository` is the older of the two and no longer complete.
function toRepository({ project, repository }: Body): ForgeRepository | null {
  if (project === undefined && repository === undefined) return null
  return {
    fullName: project?.path_with_namespace ?? null,
    cloneUrl: project?.git_http_url ?? repository?.git_http_url ?? null,
    sshUrl: project?.git_ssh_url ?? repository?.git_ssh_url ?? null,
    htmlUrl: project?.web_url ?? repository?.homepage ?? null,
    defaultBranch: project?.default_branch ?? null,
    otherUrls: [],
  }
}
