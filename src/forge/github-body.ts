import { z } from 'zod'
import { movedRef, namedRef } from './change.ts'
import { flag, part, text } from './fields.ts'
import type { Envelope, ParsedDelivery } from './forge.ts'
import type { Payload } from './payload.ts'

// The body that GitHub made and that Gogs, Gitea, Forgejo and GitLink took over.

const Person = part({ login: text, username: text, name: text })

const Body = z.object({
  ref: text,
  ref_type: text,
  before: text,
  after: text,
  sha: text,
  created: flag,
  deleted: flag,
  forced: flag,
  pusher: Person,
  sender: Person,
  repository: part({
    full_name: text,
    clone_url: text,
    ssh_url: text,
    html_url: text,
    default_branch: text,
  }),
})

/** The delivery in a body of GitHub's shape; the event comes from a header. */
export function readGithubBody(event: string, deliveryId: string | null, payload: Payload): ParsedDelivery {
  if (payload.kind !== 'json') return payload
  const body = Body.safeParse(payload.value)
  if (!body.success) return { kind: 'malformed', problem: 'The payload is not a JSON object.' }
  const envelope = toEnvelope(event, deliveryId, payload.text, body.data)
  switch (event) {
    case 'push':
      return movedRef(envelope, body.data)
    case 'create':
    case 'delete':
      return namedRef(envelope, {
        action: event,
        refType: body.data.ref_type,
        ref: body.data.ref,
        sha: body.data.sha,
      })
    case 'ping':
      return { ...envelope, kind: 'nothing', reason: 'ping' }
    default:
      return { ...envelope, kind: 'nothing', reason: 'event' }
  }
}

function toEnvelope(
  event: string,
  deliveryId: string | null,
  payload: string,
  body: z.infer<typeof Body>,
): Envelope {
  const { repository, pusher, sender } = body
  return {
    event,
    deliveryId,
    repository:
      repository === undefined
        ? null
        : {
            fullName: repository.full_name ?? null,
            cloneUrl: repository.clone_url ?? null,
            sshUrl: repository.ssh_url ?? null,
            htmlUrl: repository.html_url ?? null,
            defaultBranch: repository.default_branch ?? null,
            otherUrls: [],
          },
    // GitHub's pusher has only a name; the others have a login, in some versions under another key.
    pusher: pusher?.login ?? pusher?.username ?? pusher?.name ?? sender?.login ?? null,
    payload,
  }
}
