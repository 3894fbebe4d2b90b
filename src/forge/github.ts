import { Webhooks } from '@octokit/webhooks'
import { deliveryId, header } from './fields.ts'
import type { Forge, Signature, WebhookRequest } from './forge.ts'
import { readGithubBody } from './github-body.ts'
import { bytesToText, readPayload } from './payload.ts'
import { isHexHmac } from './signature.ts'

// GitHub and GitHub Enterprise Server. They sign the body as it is sent, a form included.

const SIGNATURE = 'x-hub-signature-256'
/** Made with sha1: never good enough, but a request that carries it is not unsigned. */
const OLD_SIGNATURE = 'x-hub-signature'

export const github: Forge = {
  name: 'github',
  verify,
  parse: (request) => {
    const event = header(request, ['x-github-event'])
    if (event === undefined) return { kind: 'malformed', problem: 'The X-GitHub-Event header is missing.' }
    const id = deliveryId(request, ['x-github-delivery'])
    return readGithubBody(event, id, readPayload(request, ['json', 'form']))
  },
}

async function verify(request: WebhookRequest, secrets: readonly string[]): Promise<Signature> {
  const signature = header(request, [SIGNATURE])
  if (signature === undefined) return header(request, [OLD_SIGNATURE]) === undefined ? 'none' : 'invalid'
  for (const secret of secrets) {
    if (secret !== '' && (await isSignedWith(secret, request.body, signature))) return 'verified'
  }
  return 'invalid'
}

// GitHub's own library checks text. It takes neither an empty body nor bytes that are no text; when
// those are rightly signed they are malformed, which is another answer than forged.
async function isSignedWith(secret: string, body: Uint8Array, signature: string): Promise<boolean> {
  const text = bytesToText(body)
  if (text !== undefined && text !== '') return new Webhooks({ secret }).verify(text, signature)
  return signature.startsWith('sha256=') && isHexHmac(signature.slice('sha256='.length), body, [secret])
}
