import { z } from 'zod'
import { cloudMoves, CloudPush, verifyBitbucket } from './bitbucket.ts'
import { movedRefs } from './change.ts'
import type { SentMove } from './change.ts'
import { deliveryId, flag, header, list, part, text } from './fields.ts'
import type { Envelope, Forge, ForgeRepository, ParsedDelivery, WebhookRequest } from './forge.ts'
import { readPayload } from './payload.ts'

// Bitbucket Server and Data Center. A repository is named by the key of its project and its slug;
// a plugin ("post webhooks") sends the body of Bitbucket Cloud instead.

export const bitbucketServer: Forge = {
  name: 'bitbucket-server',
  verify: (request, secrets) => Promise.resolve(verifyBitbucket(request, secrets)),
  parse,
}

const Links = list({ name: text, href: text })

const Body = z.object({
  changes: list({ ref: part({ id: text }), refId: text, type: text, fromHash: text, toHash: text }),
  refLimitExceeded: flag,
  push: CloudPush,
  actor: part({ name: text, slug: text, username: text }),
  repository: part({
    slug: text,
    fullName: text,
    project: part({ key: text }),
    links: part({ clone: Links, self: Links }),
  }),
})
type Body = z.infer<typeof Body>

function parse(request: WebhookRequest): ParsedDelivery {
  const event = header(request, ['x-event-key'])
  if (event === undefined) return { kind: 'malformed', problem: 'The X-Event-Key header is missing.' }
  const payload = readPayload(request, ['json'])
  if (payload.kind !== 'json') return payload
  const body = Body.safeParse(payload.value)
  if (!body.success) return { kind: 'malformed', problem: 'The payload is not a JSON object.' }
  const { actor, repository } = body.data
  const envelope = {
    event,
    deliveryId: deliveryId(request, ['x-request-id']),
    repository: toRepository(repository),
    pusher: actor?.name ?? actor?.slug ?? actor?.username ?? null,
    payload: payload.text,
  }
  return readEvent(envelope, body.data)
}

function readEvent(envelope: Envelope, body: Body): ParsedDelivery {
  switch (envelope.event) {
    case 'repo:refs_changed':
    case 'mirror:repo_synchronized':
      // Beyond a number of refs it lists none.
      return body.refLimitExceeded === true
        ? { ...envelope, kind: 'changes', changes: 'all' }
        : movedRefs(envelope, serverMoves(body))
    case 'repo:push':
      return movedRefs(envelope, cloudMoves(body.push))
    case 'diagnostics:ping':
      return { ...envelope, kind: 'nothing', reason: 'ping' }
    default:
      return { ...envelope, kind: 'nothing', reason: 'event' }
  }
}

function serverMoves({ changes = [] }: Body): readonly SentMove[] {
  return changes.map(({ ref, refId, type, fromHash, toHash }) => ({
    ref: ref?.id ?? refId,
    before: fromHash,
    after: toHash,
    created: type === undefined ? undefined : type === 'ADD',
    deleted: type === undefined ? undefined : type === 'DELETE',
  }))
}

function toRepository(repository: Body['repository']): ForgeRepository | null {
  if (repository === undefined) return null
  const { slug, fullName, project, links } = repository
  const addressOf = (name: RegExp) => links?.clone?.find((link) => name.test(link.name ?? ''))?.href
  const page = links?.self?.[0]?.href?.replace(/\/(?:browse)?\/*$/, '')
  return {
    fullName:
      project?.key !== undefined && slug !== undefined ? `${project.key}/${slug}` : (fullName ?? null),
    cloneUrl: addressOf(/^https?$/) ?? cloneUrlOf(page),
    sshUrl: addressOf(/^ssh$/) ?? null,
    htmlUrl: page ?? null,
    defaultBranch: null,
    otherUrls: [],
  }
}

// Before version 7 only the page is told: `/projects/KEY/repos/r` or `/users/u/repos/r`.
function cloneUrlOf(page: string | undefined): string | null {
  const [, base, owners, owner, slug] =
    /^(.*)\/(projects|users)\/([^/]+)\/repos\/([^/]+)$/.exec(page ?? '') ?? []
  if (base === undefined || owner === undefined || slug === undefined) return null
  return `${base}/scm/${owners === 'users' ? '~' : ''}${owner.toLowerCase()}/${slug}.git`
}
