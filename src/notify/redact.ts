// Words of git and of servers, on their way to people: without logins, and of a length for a message.

const LONGEST = 2000
// `ssh://git@host` names a user and hides nothing, unless a password follows.
const LOGIN = /(\b(?!ssh:)[a-z][a-z0-9+.-]*:\/\/)[^\s/?#@]+@|(\bssh:\/\/)[^\s/?#@:]+:[^\s/?#@]*@/gi
const NAMED =
  /((?:\b|_)(?:access_?token|private_?token|token|password|passwd|pwd|secret|api_?key|authorization)["']?\s*[=:]\s*["']?)(?:(?:bearer|basic|token)\s+)?[^\s"'&,;]+/gi
// As forges mark their own.
const MARKED =
  /\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abprs]-[\w-]{10,}|whsec_[\w+/=]{16,})/g

export function redactWords(text: string): string {
  const hidden = text.replaceAll(LOGIN, '$1$2***@').replaceAll(NAMED, '$1***').replaceAll(MARKED, '***')
  return hidden.length <= LONGEST ? hidden : `${hidden.slice(0, LONGEST)} …`
}
