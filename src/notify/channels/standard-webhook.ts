import { createHmac, randomBytes } from 'node:crypto'
import { SECOND } from '../../clock.ts'

// The headers of Standard Webhooks (https://www.standardwebhooks.com): the receiver checks a signature over
// id, time and body, and knows by the id what it has already taken.

const SECRET_BYTES = 32
const PREFIX = 'whsec_'

export function createWebhookSecret(): string {
  return `${PREFIX}${randomBytes(SECRET_BYTES).toString('base64')}`
}

/** Whether it is a text of their own, or their form with a key in it. */
export function isWebhookSecret(text: string): boolean {
  return text.startsWith(PREFIX) ? keyOf(text).length >= 16 : text.length >= 8
}

/** With one signature per secret, so that a receiver may change to a new one whenever it likes. */
export function webhookHeaders(
  id: string,
  body: string,
  secrets: readonly string[],
  now: number,
): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(now / SECOND))
  const signatures = secrets.map((secret) => {
    const signature = createHmac('sha256', keyOf(secret)).update(`${id}.${timestamp}.${body}`)
    return `v1,${signature.digest('base64')}`
  })
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signatures.join(' '),
  }
}

function keyOf(secret: string): Buffer {
  return secret.startsWith(PREFIX)
    ? Buffer.from(secret.slice(PREFIX.length), 'base64')
    : Buffer.from(secret, 'utf8')
}
