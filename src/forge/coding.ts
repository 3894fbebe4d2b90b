import { z } from 'zod'
import { fullRef, movedRef } from './change.ts'
import { deliveryId, flag, header, part, pathInUrl, text } from './fields.ts'
import type { Envelope, Forge, ForgeRepository, ParsedDelivery, Signature, WebhookRequest } from './forge.ts'
import { readPayload } from './payload.ts'
import type { Carrier, Payload } from './payload.ts'
import { isHexHmac, isSecret } from './signature.ts'

// Coding.net. Its second version sends a body like GitHub's, signed with sha1 because it knows nothing
// better; the first has its token in the body, short refs and other names for the addresses.

const CARRIERS: readonly Carrier[] = ['json', 'form']

export const coding: Forge = {
  name: 'coding',
  verify: (request, secrets) => Promise.resolve(verify(request, secrets)),
  parse,
}

function verify(request: WebhookRequest, secrets: readonly string[]): Signature {
  // Once a request carries a signature, no token makes up for a wrong one.
  const signature = header(request, ['x-coding-signature'])
  if (signature !== undefined) {
    const [, hex = ''] = /^sha1=(.*)$/s.exec(signature) ?? []
    return isHexHmac(hex, request.body, secrets, 'sha1') ? 'verified' : 'invalid'
  }
  const token = tokenIn(readPayload(request, CARRIERS))
  if (token === undefined) return 'none'
  return isSecret(Buffer.from(token), secrets) ? 'verified' : 'invalid'
}

function tokenIn(payload: Payload): string | undefined {
  if (payload.kind !== 'json') return undefined
  return z.object({ token: z.string().min(1) }).safeParse(payload.value).data?.token
}

const Person = part({ login: text, username: text, name: text, global_key: text })

const Body = z.object({
  event: text,
  zen: text,
  ref: text,
  before: text,
  after: text,
  created: flag,
  deleted: flag,
  forced: flag,
  pusher: Person,
  sender: Person,
  user: Person,
  repository: part({
    full_name: text,
    clone_url: text,
    https_url: text,
    ssh_url: text,
    html_url: text,
    web_url: text,
    default_branch: text,
  }),
})
type Body = z.infer<typeof Body>

function parse(request: WebhookRequest): ParsedDelivery {
  const payload = readPayload(request, CARRIERS)
  if (payload.kind !== 'json') return payload
  const body = Body.safeParse(payload.value)
  if (!body.success) return { kind: 'malformed', problem: 'The payload is not a JSON object.' }
  const event = header(request, ['x-coding-event']) ?? body.data.event ?? 'unknown'
  const envelope: Envelope = {
    event,
    deliveryId: deliveryId(request, ['x-coding-delivery']),
    repository: toRepository(body.data.repository),
    pusher: pusherOf(body.data),
    payload: payload.text,
  }
  // The first request of a new hook has a saying and no ref, whatever event it is called.
  const isPing = event === 'ping' || (body.data.zen !== undefined && body.data.ref === undefined)
  if (isPing) return { ...envelope, kind: 'nothing', reason: 'ping' }
  if (event === 'push') return movedRef(envelope, { ...body.data, ref: fullRef(body.data.ref) })
  return { ...envelope, kind: 'nothing', reason: 'event' }
}

function toRepository(repository: Body['repository']): ForgeRepository | null {
  if (repository === undefined) return null
  const cloneUrl = repository.clone_url ?? repository.https_url
  return {
    fullName: repository.full_name ?? pathInUrl(cloneUrl),
    cloneUrl: cloneUrl ?? null,
    sshUrl: repository.ssh_url ?? null,
    htmlUrl: repository.html_url ?? repository.web_url ?? null,
    defaultBranch: repository.default_branch ?? null,
    otherUrls: [],
  }
}

function pusherOf({ pusher, sender, user }: Body): string | null {
  return pusher?.login ?? pusher?.username ?? pusher?.name ?? sender?.login ?? user?.global_key ?? null
}
