import { z } from 'zod'
import { movedRef } from './change.ts'
import { header, headerBytes, part, pathInUrl, text } from './fields.ts'
import type { Envelope, Forge, ForgeRepository, ParsedDelivery, Signature, WebhookRequest } from './forge.ts'
import { readPayload } from './payload.ts'
import { isSecret } from './signature.ts'

// Alibaba Codeup. Much like an old GitLab, but a repository has two pairs of addresses,
// with the organisation in the path and without.

const PUSHES: ReadonlySet<string> = new Set(['push', 'tag_push', 'Push Hook', 'Tag Push Hook'])

export const codeup: Forge = {
  name: 'codeup',
  verify: (request, secrets) => Promise.resolve(verify(request, secrets)),
  parse,
}

function verify(request: WebhookRequest, secrets: readonly string[]): Signature {
  const token = header(request, ['x-codeup-token'])
  if (token === undefined) return 'none'
  return isSecret(headerBytes(token), secrets) ? 'verified' : 'invalid'
}

const Body = z.object({
  object_kind: text,
  ref: text,
  before: text,
  after: text,
  user_name: text,
  repository: part({
    homepage: text,
    git_http_url: text,
    git_ssh_url: text,
    git_secondary_http_url: text,
    git_secondary_ssh_url: text,
  }),
})
type Body = z.infer<typeof Body>

function parse(request: WebhookRequest): ParsedDelivery {
  const payload = readPayload(request, ['json'])
  if (payload.kind !== 'json') return payload
  const body = Body.safeParse(payload.value)
  if (!body.success) return { kind: 'malformed', problem: 'The payload is not a JSON object.' }
  const { object_kind: kind, ref, user_name: user, repository } = body.data
  const event = kind ?? header(request, ['x-codeup-event', 'codeup-event']) ?? 'unknown'
  const envelope: Envelope = {
    event,
    // None is sent, and the text of a delivery is no id: a branch can go from one commit to another twice.
    deliveryId: null,
    repository: toRepository(repository),
    pusher: user ?? null,
    payload: payload.text,
  }
  if (!PUSHES.has(event)) return { ...envelope, kind: 'nothing', reason: 'event' }
  // Its test holds two shas and nothing else.
  if (ref === undefined) return { ...envelope, kind: 'nothing', reason: 'test' }
  return movedRef(envelope, body.data)
}

function toRepository(repository: Body['repository']): ForgeRepository | null {
  if (repository === undefined) return null
  const { git_secondary_http_url: otherUrl, git_secondary_ssh_url: otherSshUrl } = repository
  return {
    fullName: pathInUrl(repository.git_http_url),
    cloneUrl: repository.git_http_url ?? null,
    sshUrl: repository.git_ssh_url ?? null,
    htmlUrl: repository.homepage ?? null,
    defaultBranch: null,
    otherUrls: [otherUrl, otherSshUrl].filter((url) => url !== undefined),
  }
}
