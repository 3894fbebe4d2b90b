import { z } from 'zod'
import type { Forge, WebhookRequest } from './forge.ts'
import { giteaKin } from './gitea.ts'
import { readPayload } from './payload.ts'
import type { Carrier } from './payload.ts'

// GitLink (Forgeplus) runs an old Gitea and sends Gitea's headers.

const CARRIERS: readonly Carrier[] = ['json', 'form', 'query']

export const gitlink: Forge = giteaKin('gitlink', CARRIERS)

/**
 * Tells GitLink from Gitea: no GitHub-style signature, and the secret in clear in the body.
 * Gitea up to about 1.13 does the same; both are verified and read alike, so only the name is at stake.
 */
export function isFromGitlink(request: WebhookRequest): boolean {
  if (request.headers.has('x-hub-signature') || request.headers.has('x-hub-signature-256')) return false
  const payload = readPayload(request, CARRIERS)
  return payload.kind === 'json' && z.object({ secret: z.string() }).safeParse(payload.value).success
}
