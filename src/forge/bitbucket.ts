import { z } from 'zod'
import { movedRefs } from './change.ts'
import type { SentMove } from './change.ts'
import { deliveryId, flag, header, list, part, text } from './fields.ts'
import type { Forge, ForgeRepository, ParsedDelivery, Signature, WebhookRequest } from './forge.ts'
import { readPayload } from './payload.ts'
import { isHexHmac } from './signature.ts'

// Bitbucket Cloud. One delivery tells of several refs, by short names and without zeros.

export const bitbucket: Forge = {
  name: 'bitbucket',
  verify: (request, secrets) => Promise.resolve(verifyBitbucket(request, secrets)),
  parse,
}

/** The header is named as GitHub names its sha1 one; what made the signature stands before it. */
export function verifyBitbucket(request: WebhookRequest, secrets: readonly string[]): Signature {
  const signature = header(request, ['x-hub-signature'])
  if (signature === undefined) return 'none'
  const [, hex = ''] = /^sha256=(.*)$/s.exec(signature) ?? []
  return isHexHmac(hex, request.body, secrets) ? 'verified' : 'invalid'
}

const Ref = part({ type: text, name: text, target: part({ hash: text }) })

/** `push` of a body; a plugin for Bitbucket Server sends the same. */
export const CloudPush = part({ changes: list({ old: Ref, new: Ref, forced: flag }) })

const Body = z.object({
  push: CloudPush,
  actor: part({ nickname: text, display_name: text }),
  repository: part({ full_name: text, links: part({ html: part({ href: text }) }) }),
})
type Body = z.infer<typeof Body>

const FOLDERS: ReadonlyMap<string | undefined, string> = new Map([
  ['branch', 'refs/heads/'],
  ['named_branch', 'refs/heads/'],
  ['tag', 'refs/tags/'],
  ['annotated_tag', 'refs/tags/'],
])

function parse(request: WebhookRequest): ParsedDelivery {
  const event = header(request, ['x-event-key'])
  if (event === undefined) return { kind: 'malformed', problem: 'The X-Event-Key header is missing.' }
  const payload = readPayload(request, ['json'])
  if (payload.kind !== 'json') return payload
  const body = Body.safeParse(payload.value)
  if (!body.success) return { kind: 'malformed', problem: 'The payload is not a JSON object.' }
  const { push, actor, repository } = body.data
  const envelope = {
    event,
    // The same for every attempt to deliver.
    deliveryId: deliveryId(request, ['x-request-uuid']),
    repository: toRepository(repository),
    pusher: actor?.nickname ?? actor?.display_name ?? null,
    payload: payload.text,
  }
  return event === 'repo:push'
    ? movedRefs(envelope, cloudMoves(push))
    : { ...envelope, kind: 'nothing', reason: 'event' }
}

/** The refs that a push moved; what is neither branch nor tag is left out. */
export function cloudMoves(push: z.infer<typeof CloudPush>): readonly SentMove[] {
  return (push?.changes ?? []).flatMap(({ old: before, new: after, forced }) => {
    const { type, name } = after ?? before ?? {}
    const folder = FOLDERS.get(type)
    if (folder === undefined || name === undefined) return []
    return [
      {
        ref: `${folder}${name}`,
        before: before?.target?.hash,
        after: after?.target?.hash,
        created: before === undefined,
        deleted: after === undefined,
        forced,
      },
    ]
  })
}

// No address is sent, but that of the page says them all.
function toRepository(repository: Body['repository']): ForgeRepository | null {
  const fullName = repository?.full_name
  if (fullName === undefined) return null
  const page = repository?.links?.html?.href?.replace(/\/+$/, '') ?? `https://bitbucket.org/${fullName}`
  const host = URL.parse(page)?.hostname
  return {
    fullName,
    cloneUrl: `${page}.git`,
    sshUrl: host === undefined ? null : `git@${host}:${fullName}.git`,
    htmlUrl: page,
    defaultBranch: null,
    otherUrls: [],
  }
}
