import { z } from 'zod'
import { DAY } from '../../clock.ts'
import type { DomainError } from '../../domain-error.ts'
import { configRefused, secretAgain } from '../channel-error.ts'
import { statusOutcome, unreachedOutcome } from './answer.ts'
import { addressOver, isKept, maskAddress, MASK, readGiven, secretOver } from './given.ts'
import type { ChannelKind, Settings } from './kind.ts'
import { createWebhookSecret, isWebhookSecret, webhookHeaders } from './standard-webhook.ts'

// For machines: a signed request per notice, with what became of every ref, so that a pipeline can start.

/** How long the secret before a rotation signs beside the new one. */
const PREVIOUS_SIGNS_MS = 1 * DAY

const HEADER = 'header '
// What the request itself needs, or what would speak for us.
const OWN_HEADERS =
  /^(?:host|content-length|content-type|transfer-encoding|connection|upgrade|te|trailer|expect|webhook-.*)$/

const Headers = z.record(
  z.string().regex(/^[\w!#$%&'*+.^`|~-]{1,100}$/, 'must hold names of HTTP headers'),
  z.string().regex(/^[\t\x20-\x7e]{0,2000}$/, 'must hold printable values'),
)

const Given = z.object({
  url: z.string().max(2000).optional(),
  webhook_url: z.string().max(2000).optional(),
  webhook: z.string().max(2000).optional(),
  method: z.enum(['POST', 'PUT']).optional(),
  headers: Headers.optional(),
  content_type: z
    .string()
    .regex(/^application\/(?:[\w.-]+\+)?json(?: *; *charset=utf-8)?$/i, 'must be a JSON type')
    .optional(),
  secret: z.string().max(500).optional(),
})

const Shown = z.object({
  method: z.enum(['POST', 'PUT']).default('POST'),
  content_type: z.string().default('application/json'),
  previous_secret_until: z.iso.datetime().nullable().default(null),
})

export const webhook: ChannelKind = {
  perMinute: null,
  isForPeople: false,
  escape: (value) => value,
  configure: (given, stored, now) => {
    const read = readGiven(Given, given)
    const { method, content_type: type, previous_secret_until: until } = Shown.parse(stored?.shown ?? {})
    const url = addressOver('url', read.url ?? read.webhook_url ?? read.webhook, stored)
    const headers = headersOver(read.headers, stored)
    const isMoved = stored?.shown['url'] !== maskAddress(url)
    if (isMoved && headers.some(([, , isFromStore]) => isFromStore)) throw secretAgain('headers')
    const { secret: before, previous_secret: previous } = stored?.secrets ?? {}
    const secret = secretOver(read.secret, before) ?? createWebhookSecret()
    if (!isWebhookSecret(secret)) throw secretRefused()
    const settings = {
      shown: {
        url: maskAddress(url),
        method: read.method ?? method,
        content_type: read.content_type ?? type,
        headers: Object.fromEntries(headers.map(([name]) => [name, MASK])),
        has_secret: true,
        previous_secret_until: until,
      },
      secrets: {
        url,
        secret: before ?? secret,
        ...(previous === undefined ? {} : { previous_secret: previous }),
        ...Object.fromEntries(headers.map(([name, value]) => [`${HEADER}${name}`, value])),
      },
    }
    return before === undefined || before === secret ? settings : rotateWebhookSecret(settings, secret, now)
  },
  send: async ({ outgoing, clock, signal }, { shown, secrets }, message) => {
    const { method, content_type: type, previous_secret_until: until } = Shown.parse(shown)
    const now = clock.now()
    const isPreviousValid = until !== null && Date.parse(until) > now
    const signing = [secrets['secret'], isPreviousValid ? secrets['previous_secret'] : undefined]
    const text = JSON.stringify(message.payload)
    const request = {
      method,
      url: secrets['url'] ?? '',
      text,
      headers: {
        ...Object.fromEntries(storedHeaders(secrets)),
        'content-type': type,
        ...webhookHeaders(
          message.id,
          text,
          signing.filter((secret) => secret !== undefined),
          now,
        ),
      },
    }
    const reached = await outgoing.request(request, signal)
    // The body of an answer is not shown: the address could be one that only this machine can read.
    return reached.ok ? statusOutcome(reached.value, clock.now()) : unreachedOutcome(reached)
  },
}

/** The configuration with another signing secret, beside which the one before still signs for a day. */
export function rotateWebhookSecret(settings: Settings, secret: string, now: number): Settings {
  const { secret: before, ...secrets } = settings.secrets
  return {
    shown: { ...settings.shown, previous_secret_until: new Date(now + PREVIOUS_SIGNS_MS).toISOString() },
    secrets: { ...secrets, secret, ...(before === undefined ? {} : { previous_secret: before }) },
  }
}

type Header = readonly [name: string, value: string, isFromStore: boolean]

function headersOver(
  given: Readonly<Record<string, string>> | undefined,
  stored: Settings | undefined,
): readonly Header[] {
  const before = storedHeaders(stored?.secrets ?? {})
  if (given === undefined) return before.map(([name, value]): Header => [name, value, true])
  return Object.entries(given).map(([name, value]): Header => {
    if (OWN_HEADERS.test(name.toLowerCase())) throw ownHeader(name)
    const known = before.find(([other]) => other === name)?.[1]
    return isKept(value) && known !== undefined ? [name, known, true] : [name, value, false]
  })
}

function storedHeaders(secrets: Settings['secrets']): readonly (readonly [name: string, value: string])[] {
  return Object.entries(secrets).flatMap(([key, value]) =>
    key.startsWith(HEADER) ? [[key.slice(HEADER.length), value] as const] : [],
  )
}

function secretRefused(): DomainError {
  return configRefused('secret', {
    zh: '必须是 whsec_ 开头的密钥，或至少 8 个字符的文本',
    en: 'must be a key that begins with whsec_, or a text of at least 8 characters',
  })
}

function ownHeader(name: string): DomainError {
  return configRefused(`headers.${name}`, {
    zh: '由本服务设置，不能更改',
    en: 'is set by this service and cannot be changed',
  })
}
