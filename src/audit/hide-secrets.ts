import type { Facts } from './audit.ts'

// What goes into an entry is made without secrets; this is the second net, for the field that somebody
// adds one day.

const HIDDEN = '***'
const SECRET_KEY =
  /(?:secret|token|password|passwd|passphrase|private_?key|credential|authorization|webhook(?:_url)?|(?:^|_)sign)$/i
const SECRET_TEXT = [
  /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[\s\S]*/g,
  /\b(?:gh[opusr]_|github_pat_|gl(?:pat|dt|rt|cbt|ptt|ft|soat|agent|oas)-|rst_|whsec_|ATBB|ATCTT|xox[a-z]-)[\w-]{10,}/g,
  /\bSEC[0-9a-f]{64}\b/g,
  /(?<=\/\/)[^\s/@:]*:[^\s/@]*(?=@)/g,
  /(?<=[?&](?:access_token|token|key|secret|sign)=)[^&\s]+/gi,
]
const LONGEST_TEXT = 1000
const MOST_ITEMS = 100
const DEEPEST = 8

/** A copy in which secrets are asterisks and what is long is cut. */
export function hideSecrets(facts: Facts): Facts {
  return Object.fromEntries(
    Object.entries(facts)
      .slice(0, MOST_ITEMS)
      .map(([key, value]) => [key, hideIn(key, value, DEEPEST)]),
  )
}

function hideIn(key: string, value: unknown, depth: number): unknown {
  // A flag or a date tells that there is a secret, and not what it is.
  if (SECRET_KEY.test(key) && (typeof value === 'string' || typeof value === 'object') && value !== null) {
    return value === '' ? '' : HIDDEN
  }
  if (typeof value === 'string') return hideInText(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth === 0) return '…'
  if (Array.isArray(value)) {
    return value.slice(0, MOST_ITEMS).map((item: unknown) => hideIn('', item, depth - 1))
  }
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, MOST_ITEMS)
      .map(([name, inner]) => [name, hideIn(name, inner, depth - 1)]),
  )
}

function hideInText(text: string): string {
  const cut = text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text
  return SECRET_TEXT.reduce((result, pattern) => result.replaceAll(pattern, HIDDEN), cut)
}
