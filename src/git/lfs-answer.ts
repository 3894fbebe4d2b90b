import type { GitErrorKind, GitOutcome } from './git-error.ts'
import { failed } from './git-error.ts'
import type { HttpAnswer } from './exchange.ts'
import { readText } from './exchange.ts'
import { toLine } from './output.ts'

// What servers of LFS objects say when they do not do what was asked.

const MAX_REFUSAL_BYTES = 64 * 1024

// GitHub and GitLab say with 403 or 422 that there is no room; the words tell it from a refused login.
const NO_ROOM =
  /quota|data pack|bandwidth|storage (?:limit|size)|exceed|too large|less than or equal|超过|容量|配额/i

/** The kind of a refusal by its status, or by the code that a batch answer has for one object. */
export function kindOfStatus(status: number, said: string): GitErrorKind {
  if (status >= 300 && status < 400) return 'redirected'
  if (status === 413 || status === 507 || status === 509 || status === 402) return 'too_large'
  if (status < 500 && status !== 429 && NO_ROOM.test(said)) return 'too_large'
  if (status === 401 || status === 403) return 'auth'
  if (status === 422) return 'hook_declined'
  if (status === 429) return 'rate_limited'
  if (status === 501) return 'lfs_unavailable'
  return status >= 500 || status === 408 ? 'server_error' : 'lfs_unavailable'
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
