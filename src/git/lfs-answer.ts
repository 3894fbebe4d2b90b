import { classify } from './classify.ts'
import type { GitErrorKind, GitOutcome } from './git-error.ts'
import { failed } from './git-error.ts'
import type { HttpAnswer } from './exchange.ts'
import { readText } from './exchange.ts'
import { toLine } from './output.ts'

// What servers of LFS objects say when they do not do what was asked.

const MAX_REFUSAL_BYTES = 64 * 1024

/** The kind of a refusal by its status, or by the code that a batch answer has for one object. */
export function kindOfStatus(status: number, said: string): GitErrorKind {
  if (status >= 300 && status < 400) return 'redirected'
  switch (status) {
    case 401:
      return 'auth'
    case 429:
      return 'rate_limited'
    case 404:
    case 405:
    case 406:
    case 410:
    case 415:
    case 501:
      return 'lfs_unavailable'
    case 408:
      return 'server_error'
  }
  if (status >= 500 && status !== 507 && status !== 509) return 'server_error'
  // The same status stands for a login without rights, a quota and a file that is too large.
  const told = said === '' ? 'unknown' : classify(`remote: ${said}`, 1)
  return told === 'unknown' ? (USUAL[status] ?? 'lfs_unavailable') : told
}

const USUAL: Readonly<Record<number, GitErrorKind>> = {
  402: 'blocked',
  403: 'forbidden',
  413: 'too_large',
  422: 'hook_declined',
  507: 'quota_exceeded',
  509: 'quota_exceeded',
}

/** A refusal as a failure, in the words of the server as far as they are meant for people. */
export async function refusalOf(
  answer: HttpAnswer,
  what: string,
  secrets: readonly string[],
): Promise<Extract<GitOutcome<object>, { readonly ok: false }>> {
  const said = toLine(messageIn((await readText(answer.body, MAX_REFUSAL_BYTES)) ?? ''), secrets)
  const status = `HTTP ${answer.status}`
  return failed(kindOfStatus(answer.status, said), `${what}: ${said === '' ? status : `${status}, ${said}`}`)
}

function messageIn(body: string): string {
  const parsed = parseJson(body)
  if (typeof parsed !== 'object' || parsed === null || !('message' in parsed)) return ''
  return typeof parsed.message === 'string' ? parsed.message : ''
}

/** Undefined: it is no JSON. */
export function parseJson(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}
