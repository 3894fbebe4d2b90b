import { z } from 'zod'
import { MINUTE } from '../clock.ts'
import { movedRef } from './change.ts'
import { deliveryId, flag, header, headerBytes, part, text } from './fields.ts'
import type { Envelope, Forge, ForgeRepository, ParsedDelivery, Signature, WebhookRequest } from './forge.ts'
import { readPayload } from './payload.ts'
import { isBase64Hmac, isSecret } from './signature.ts'

// Gitee. A hook sends its password, or a sign over the time and the key. Neither covers the body:
// whoever sees one delivery can send another, so what it says is even less than elsewhere the truth.

/** Gitee allows an hour; so long a stolen sign need not live. */
const TOLERANCE_MS = 10 * MINUTE
// Pings have been seen with the body's spelling in the header.
const PUSHES: ReadonlySet<string> = new Set(['Push Hook', 'Tag Push Hook', 'push_hooks', 'tag_push_hooks'])

export const gitee: Forge = {
  name: 'gitee',
  verify: (request, secrets, now) => Promise.resolve(verify(request, secrets, now)),
  parse,
}

function verify(request: WebhookRequest, secrets: readonly string[], now: number): Signature {
  const token = header(request, ['x-gitee-token'])
  if (token === undefined) return 'none'
  const holds = isSecret(headerBytes(token), secrets) || isSign(request, token, secrets, now)
  return holds ? 'verified' : 'invalid'
}

function isSign(request: WebhookRequest, token: string, secrets: readonly string[], now: number): boolean {
  const timestamp = header(request, ['x-gitee-timestamp']) ?? ''
  if (!/^\d{13}$/.test(timestamp) || Math.abs(now - Number(timestamp)) > TOLERANCE_MS) return false
  // The documentation escapes the sign for an address, the service does not.
  const sign = token.replace(/%(2b|2f|3d)/gi, decodeURIComponent)
  return secrets.some((secret) => isBase64Hmac([sign], [`${timestamp}\n${secret}`], [Buffer.from(secret)]))
}

const Repository = part({
  full_name: text,
  path_with_namespace: text,
  clone_url: text,
  git_http_url: text,
  ssh_url: text,
  git_ssh_url: text,
  html_url: text,
  default_branch: text,
})

const Person = part({ username: text, user_name: text, login: text })

const Body = z.object({
  hook_name: text,
  ref: text,
  before: text,
  after: text,
  created: flag,
  deleted: flag,
  pusher: Person,
  sender: Person,
  repository: Repository,
  project: Repository,
})
type Body = z.infer<typeof Body>

function parse(request: WebhookRequest): ParsedDelivery {
  const payload = readPayload(request, ['json'])
  if (payload.kind !== 'json') return payload
  const body = Body.safeParse(payload.value)
  if (!body.success) return { kind: 'malformed', problem: 'The payload is not a JSON object.' }
  const event = header(request, ['x-gitee-event', 'x-git-oschina-event']) ?? body.data.hook_name ?? 'unknown'
  const envelope: Envelope = {
    event,
    // Where no id is sent, the time of sending tells two deliveries of one text apart.
    deliveryId: deliveryId(request, ['x-request-id', 'x-gitee-timestamp']),
    repository: toRepository(body.data),
    pusher: pusherOf(body.data),
    payload: payload.text,
  }
  if (header(request, ['x-gitee-ping']) === 'true') return { ...envelope, kind: 'nothing', reason: 'test' }
  if (PUSHES.has(event)) return movedRef(envelope, body.data)
  return { ...envelope, kind: 'nothing', reason: 'event' }
}

// The two are near duplicates.
function toRepository({ repository, project }: Body): ForgeRepository | null {
  const sent = repository ?? project
  if (sent === undefined) return null
  return {
    fullName: sent.full_name ?? sent.path_with_namespace ?? null,
    cloneUrl: sent.clone_url ?? sent.git_http_url ?? null,
    sshUrl: sent.ssh_url ?? sent.git_ssh_url ?? null,
    htmlUrl: sent.html_url ?? null,
    defaultBranch: sent.default_branch ?? null,
    otherUrls: [],
  }
}

function pusherOf({ pusher, sender }: Body): string | null {
  return pusher?.username ?? pusher?.user_name ?? pusher?.login ?? sender?.username ?? sender?.login ?? null
}
