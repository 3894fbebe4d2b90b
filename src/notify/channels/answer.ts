import { DAY, SECOND } from '../../clock.ts'
import type { OutgoingAnswer, Unreached } from '../../outgoing.ts'
import type { Outcome, Settings } from './kind.ts'

// What an answer means. The status decides, and for vendors that answer 200 whatever happens, the body.

const LONGEST_WORDS = 300
const SHORTEST_SECRET = 6

export function outcomeOf(
  kind: Outcome['kind'],
  words: string,
  facts: Partial<Pick<Outcome, 'httpStatus' | 'code' | 'retryAfterMs'>> = {},
): Outcome {
  return { kind, words, httpStatus: null, code: null, retryAfterMs: null, ...facts }
}

export function unreachedOutcome({ problem, detail }: Unreached): Outcome {
  return outcomeOf(problem === 'denied' ? 'refused' : 'unavailable', detail)
}

/** What the status alone says, for receivers whose body is nobody's business. */
export function statusOutcome({ status, headers }: OutgoingAnswer, now: number, words = ''): Outcome {
  const facts = { httpStatus: status, retryAfterMs: retryAfterOf(headers, now) }
  return outcomeOf(kindOfStatus(status), words === '' ? wordsOfStatus(status) : words, facts)
}

function kindOfStatus(status: number): Outcome['kind'] {
  if (status >= 200 && status <= 299) return 'delivered'
  if (status === 429) return 'limited'
  if (status === 408 || status === 425 || status >= 500) return 'unavailable'
  return 'refused'
}

function wordsOfStatus(status: number): string {
  if (status >= 200 && status <= 299) return 'the receiver has taken it'
  if (status >= 300 && status <= 399) return 'the receiver answered with a redirect, which is not followed'
  return `the receiver answered ${status}`
}

function retryAfterOf(headers: ReadonlyMap<string, string>, now: number): number | null {
  const after = headers.get('retry-after')
  if (after === undefined) return null
  const delay = /^\d{1,9}$/.test(after) ? Number(after) * SECOND : Date.parse(after) - now
  return Number.isNaN(delay) ? null : Math.min(Math.max(delay, 0), DAY)
}

/** The outcome as it may be kept and shown: short, in one line, and with no secret of the channel in it. */
export function hideSecrets(outcome: Outcome, settings: Settings): Outcome {
  const secrets = secretTexts(settings)
  const hide = (text: string): string =>
    secrets
      .reduce((rest, secret) => rest.replaceAll(secret, '***'), text)
      .replaceAll(/[\p{C}\s]+/gu, ' ')
      .trim()
      .slice(0, LONGEST_WORDS)
  return { ...outcome, words: hide(outcome.words), code: outcome.code === null ? null : hide(outcome.code) }
}

/** Every form in which a server could repeat what it was given, the longest first. */
function secretTexts({ secrets }: Settings): readonly string[] {
  const texts = Object.values(secrets).flatMap((secret) => [secret, ...partsOf(secret)])
  const forms = texts.flatMap((text) => [
    text,
    encodeURIComponent(text),
    Buffer.from(text).toString('base64'),
    JSON.stringify(text).slice(1, -1),
  ])
  return [...new Set(forms)]
    .filter((text) => text.length >= SHORTEST_SECRET)
    .toSorted((a, b) => b.length - a.length)
}

// Of an address the token in its path or query, of `Bearer …` what stands behind it.
function partsOf(secret: string): readonly string[] {
  if (!URL.canParse(secret)) return secret.split(/\s+/).slice(1)
  const { pathname, searchParams } = new URL(secret)
  return [...pathname.split('/').filter((part) => part.length >= 16), ...searchParams.values()]
}
