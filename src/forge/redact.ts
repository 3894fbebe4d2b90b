// Forges put secrets into what they send: old Gitea and GitLink their hook's own, others a password
// or a sign, and any address may carry a login. None of them is ever stored.

const HIDDEN = '"***"'

// Names that are secret whole or after a separator, as in `access_token`; an escaped letter may hide one.
const SECRET_KEY = /(?:^|[^a-z])(?:secret|token|password|passwd|sign)$/i
const MAY_HAVE_SECRET_KEY = /(?:secret|token|password|passwd|sign)"\s*:|\\u00[4-7]/i

// `ssh://git@host` names a user and hides nothing, unless a password follows.
const URL_USERINFO = /((?<!ssh):(?:\\?\/){2})[^\s"\\/?#]+@|(:(?:\\?\/){2})[^\s"\\/?#@:]*:[^\s"\\/?#]*@/gi

/** The JSON text with every secret replaced by asterisks, else unchanged to the byte. */
export function redactPayload(json: string): string {
  const text = json.includes('@') ? json.replace(URL_USERINFO, '$1$2***@') : json
  return MAY_HAVE_SECRET_KEY.test(text) ? hideSecretValues(text) : text
}

function hideSecretValues(text: string): string {
  const kept: string[] = []
  let keptUntil = 0
  let position = text.indexOf('"')
  while (position !== -1) {
    const end = stringEnd(text, position)
    const value = valueStart(text, end)
    let next = end
    if (value !== undefined && isSecretKey(text.slice(position, end))) {
      next = valueEnd(text, value)
      kept.push(text.slice(keptUntil, value), HIDDEN)
      keptUntil = next
    }
    position = text.indexOf('"', next)
  }
  return kept.join('') + text.slice(keptUntil)
}

function isSecretKey(quoted: string): boolean {
  return SECRET_KEY.test(withoutEscapes(quoted.slice(1, -1)))
}

function withoutEscapes(key: string): string {
  return key.replace(/\\u([0-9a-f]{4})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

/** Where the value begins when the string that ended here is a key. */
function valueStart(text: string, end: number): number | undefined {
  const colon = skipSpace(text, end)
  return text[colon] === ':' ? skipSpace(text, colon + 1) : undefined
}

/** The position after a value: a string, an object or list with all that is in it, or a bare word. */
function valueEnd(text: string, start: number): number {
  let depth = 0
  let position = start
  do {
    const character = text[position]
    if (character === '"') position = stringEnd(text, position)
    else if (character === '{' || character === '[') {
      depth += 1
      position += 1
    } else if (character === '}' || character === ']') {
      depth -= 1
      position += 1
    } else position = wordEnd(text, position)
  } while (depth > 0 && position < text.length)
  return position
}

function stringEnd(text: string, start: number): number {
  let quote = text.indexOf('"', start + 1)
  while (quote !== -1 && isEscaped(text, quote)) quote = text.indexOf('"', quote + 1)
  return quote === -1 ? text.length : quote + 1
}

function isEscaped(text: string, position: number): boolean {
  let backslashes = 0
  while (text[position - 1 - backslashes] === '\\') backslashes += 1
  return backslashes % 2 === 1
}

function wordEnd(text: string, start: number): number {
  return firstAfter(text, start + 1, (character) => '"{}[],'.includes(character))
}

function skipSpace(text: string, start: number): number {
  return firstAfter(text, start, (character) => !/\s/.test(character))
}

function firstAfter(text: string, start: number, isWanted: (character: string) => boolean): number {
  let position = start
  while (position < text.length && !isWanted(text.charAt(position))) position += 1
  return position
}
