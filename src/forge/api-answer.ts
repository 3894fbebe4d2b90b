import { z } from 'zod'
import { SECOND } from '../clock.ts'
import type { ApiAnswer, ApiRequest } from './api-client.ts'
import type { ForgeApiFailure, ForgeApiOutcome } from './forge-api.ts'

// What an answer that is no success means. The status decides; the body adds what the forge says.

type Failed = Extract<ForgeApiOutcome<never>, { ok: false }>

export function failure(
  kind: ForgeApiFailure['kind'],
  detail: string,
  retryAfterMs: number | null = null,
): Failed {
  return { ok: false, failure: { kind, detail, retryAfterMs } }
}

export function answerFailure(
  answer: ApiAnswer,
  { url, secrets }: Pick<ApiRequest, 'url' | 'secrets'>,
  now: number,
): Failed {
  const kind = kindOf(answer)
  const words = kind === 'unexpected' ? redirectOf(answer, url) : wordsOf(answer.json)
  const detail = `the ${kind === 'proxy' ? 'proxy' : 'forge'} answered ${answer.status}${words === '' ? '' : `: ${words}`}`
  return failure(kind, hide(detail, secrets), retryAfterOf(answer.headers, now))
}

/** The text in one line, of a length for people, with every secret in it masked. */
export function hide(text: string, secrets: readonly string[]): string {
  const known = secrets.filter((secret) => secret !== '').toSorted((a, b) => b.length - a.length)
  const masked = known.reduce((rest, secret) => rest.replaceAll(secret, '***'), text)
  return masked.replaceAll(/[\p{C}\s]+/gu, ' ').slice(0, 300)
}

function kindOf({ status, headers }: ApiAnswer): ForgeApiFailure['kind'] {
  if (status === 429) return 'rate_limited'
  if (status === 407) return 'proxy'
  // GitHub answers 403 both to a token without the right and to one that has asked too often.
  if (status === 403 && (headers.get('x-ratelimit-remaining') === '0' || headers.has('retry-after'))) {
    return 'rate_limited'
  }
  if (status === 401) return 'unauthorized'
  if (status === 403) return 'forbidden'
  if (status === 404 || status === 410) return 'not_found'
  if (status >= 400 && status <= 499) return 'refused'
  return status >= 500 && status <= 599 ? 'server_error' : 'unexpected'
}

const seconds = z.coerce
  .number()
  .nonnegative()
  .max(Number.MAX_SAFE_INTEGER / SECOND)

function retryAfterOf(headers: ReadonlyMap<string, string>, now: number): number | null {
  const after = headers.get('retry-after')
  if (after !== undefined) {
    const delay = seconds.safeParse(after)
    if (delay.success) return delay.data * SECOND
    const date = Date.parse(after)
    if (!Number.isNaN(date)) return Math.max(0, date - now)
  }
  if (headers.get('x-ratelimit-remaining') !== '0' && headers.get('ratelimit-remaining') !== '0') return null
  const reset = seconds.safeParse(headers.get('x-ratelimit-reset') ?? headers.get('ratelimit-reset'))
  return reset.success ? Math.max(0, reset.data * SECOND - now) : null
}

function redirectOf({ status, headers }: ApiAnswer, url: string): string {
  const location = headers.get('location') ?? ''
  if (status < 300 || status > 399 || !URL.canParse(location, url)) return ''
  // A repository that was renamed, or http where the forge wants https.
  const { origin, pathname } = new URL(location, url)
  return `it has moved to ${origin}${pathname}, which is not followed`
}

// Every forge has its own envelope; what people should read is in one of these.
const Words = z
  .union([
    z.string(),
    z.array(z.string()),
    z.object({ message: z.string() }).transform(({ message }) => message),
    z.record(z.string(), z.array(z.string())),
  ])
  .optional()
  .catch(undefined)
const Complaint = z.object({
  message: Words,
  error: Words,
  msg: Words,
  errorMessage: Words,
  errors: z
    .array(
      z.union([z.string(), z.object({ message: z.string() }).transform((error) => error.message)]).catch(''),
    )
    .optional()
    .catch(undefined),
})

function wordsOf(json: unknown): string {
  const complaint = Complaint.safeParse(json)
  if (!complaint.success) return ''
  const { message, error, msg, errorMessage, errors = [] } = complaint.data
  const said = [message ?? msg ?? errorMessage ?? error ?? '', errors]
    .flatMap(flatten)
    .filter((words) => words !== '')
  return [...new Set(said)].join('; ')
}

function flatten(words: NonNullable<z.infer<typeof Words>>): readonly string[] {
  if (typeof words === 'string') return [words]
  if (Array.isArray(words)) return words
  return Object.entries(words).map(([name, problems]) => `${name} ${problems.join(', ')}`)
}
