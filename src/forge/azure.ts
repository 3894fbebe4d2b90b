import { z } from 'zod'
import { movedRefs } from './change.ts'
import { header, idOrNull, list, part, text } from './fields.ts'
import type { Envelope, Forge, ForgeRepository, ParsedDelivery, Signature, WebhookRequest } from './forge.ts'
import { readPayload } from './payload.ts'
import { isSecret } from './signature.ts'

// Azure DevOps, cloud and server. It signs nothing: the subscription has a user name and a password.

/** The repository in the sample that its "Test" button sends. */
const SAMPLE_REPOSITORY = '278d5cd2-584d-4b63-824a-2ba458937249'

export const azure: Forge = {
  name: 'azure',
  verify: (request, secrets) => Promise.resolve(verify(request, secrets)),
  parse,
}

/** No header tells that Azure sent a request, only what is in it. */
export function isFromAzure(request: WebhookRequest): boolean {
  const payload = readPayload(request, ['json'])
  if (payload.kind !== 'json') return false
  const body = Body.safeParse(payload.value)
  return body.success && body.data.publisherId === 'tfs' && body.data.eventType !== undefined
}

// The secret is the password; any user name will do.
function verify(request: WebhookRequest, secrets: readonly string[]): Signature {
  const authorization = header(request, ['authorization'])
  if (authorization === undefined) return 'none'
  const [, encoded] = /^basic ([a-z0-9+/]+={0,2})$/i.exec(authorization) ?? []
  const credentials = Buffer.from(encoded ?? '', 'base64')
  const colon = credentials.indexOf(':')
  return colon !== -1 && isSecret(credentials.subarray(colon + 1), secrets) ? 'verified' : 'invalid'
}

const Body = z.object({
  id: text,
  eventType: text,
  publisherId: text,
  resource: part({
    refUpdates: list({ name: text, oldObjectId: text, newObjectId: text }),
    pushedBy: part({ uniqueName: text, displayName: text }),
    repository: part({
      id: text,
      name: text,
      project: part({ name: text }),
      defaultBranch: text,
      remoteUrl: text,
    }),
  }),
})
type Resource = z.infer<typeof Body>['resource']

function parse(request: WebhookRequest): ParsedDelivery {
  const payload = readPayload(request, ['json'])
  if (payload.kind !== 'json') return payload
  const body = Body.safeParse(payload.value)
  if (!body.success) return { kind: 'malformed', problem: 'The payload is not a JSON object.' }
  const { id, eventType = 'unknown', resource } = body.data
  const envelope: Envelope = {
    event: eventType,
    deliveryId: idOrNull(id),
    repository: toRepository(resource),
    pusher: resource?.pushedBy?.uniqueName ?? resource?.pushedBy?.displayName ?? null,
    payload: payload.text,
  }
  if (eventType !== 'git.push') return { ...envelope, kind: 'nothing', reason: 'event' }
  if (resource?.repository?.id === SAMPLE_REPOSITORY) return { ...envelope, kind: 'nothing', reason: 'test' }
  // A subscription may send less than all details; that something was pushed is still told.
  if (resource?.refUpdates === undefined) return { ...envelope, kind: 'changes', changes: 'all' }
  return movedRefs(
    envelope,
    resource.refUpdates.map((update) => ({
      ref: update.name,
      before: update.oldObjectId,
      after: update.newObjectId,
    })),
  )
}

function toRepository(resource: Resource): ForgeRepository | null {
  const repository = resource?.repository
  if (repository === undefined) return null
  const { name, project, remoteUrl, defaultBranch } = repository
  // `org@` stands before the host only to help people log in.
  const url = remoteUrl?.replace(/^(https?:\/\/)[^/@]*@/i, '$1') ?? null
  return {
    fullName: project?.name !== undefined && name !== undefined ? `${project.name}/${name}` : null,
    cloneUrl: url,
    sshUrl: null,
    htmlUrl: url,
    defaultBranch: defaultBranch?.replace(/^refs\/heads\//, '') ?? null,
    otherUrls: [],
  }
}
