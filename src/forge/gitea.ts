import { deliveryId, header } from './fields.ts'
import type { Forge, ForgeName, Signature, WebhookRequest } from './forge.ts'
import { readGithubBody } from './github-body.ts'
import { readPayload, signedJson } from './payload.ts'
import type { Carrier } from './payload.ts'
import { isHexHmac } from './signature.ts'

// Gitea, and what it shares with its kin: they sign the JSON text, whatever it travels in,
// and say so in several headers at once. Without a secret the headers are there and empty.

export const gitea: Forge = giteaKin('gitea', ['json', 'form', 'query'])

/** A forge that descends from Gogs as Gitea does. */
export function giteaKin(name: ForgeName, carriers: readonly Carrier[]): Forge {
  return {
    name,
    verify: (request, secrets) => Promise.resolve(verify(request, secrets)),
    parse: (request) => {
      const event = header(request, ['x-forgejo-event', 'x-gitea-event', 'x-gogs-event', 'x-github-event'])
      if (event === undefined) return { kind: 'malformed', problem: 'No header names the event.' }
      const id = deliveryId(request, ['x-forgejo-delivery', 'x-gitea-delivery', 'x-gogs-delivery'])
      return readGithubBody(event, id, readPayload(request, carriers))
    },
  }
}

function verify(request: WebhookRequest, secrets: readonly string[]): Signature {
  const signatures = signaturesOf(request)
  if (signatures.length === 0) return 'none'
  const json = signedJson(request)
  if (json === undefined) return 'invalid'
  // Every one must hold: a request with a right and a wrong signature was put together by someone else.
  return signatures.every((signature) => isHexHmac(signature, json, secrets)) ? 'verified' : 'invalid'
}

// sha1 is left out: it comes beside the others or was left alone by someone, and alone it never holds.
function signaturesOf(request: WebhookRequest): readonly string[] {
  const names = ['x-forgejo-signature', 'x-gitea-signature', 'x-gogs-signature', 'x-hub-signature-256']
  const given = names.map((name) => header(request, [name])?.replace(/^sha256=/, '') ?? '')
  const signatures = [...new Set(given)].filter((signature) => signature !== '')
  if (signatures.length > 0) return signatures
  const old = header(request, ['x-hub-signature'])
  return old === undefined || old === 'sha1=' ? [] : [old]
}
