// What a person has pasted as a private key: looked at before anything tries to read it.

export type PrivateKeyText =
  { readonly kind: 'ok'; readonly text: string; readonly isEncrypted: boolean } | { readonly kind: Misfit }

/** What else people paste, or how it is damaged. */
export type Misfit =
  'empty' | 'too_long' | 'public_key' | 'certificate' | 'putty' | 'path' | 'no_key' | 'cut_off'

// An RSA key of 16384 bits takes 12 KB.
const MAX_LENGTH = 16 * 1024
const BLOCK = /-----BEGIN ((?:[A-Z0-9]+ )?PRIVATE KEY)-----\s+([\s\S]*?)\s*-----END \1-----/
const MAGIC = 'openssh-key-v1\0'

/** Tells a private key from what is none, and whether it needs a passphrase; never throws. */
export function inspectPrivateKey(pasted: string): PrivateKeyText {
  if (pasted.trim() === '') return { kind: 'empty' }
  if (pasted.length > MAX_LENGTH) return { kind: 'too_long' }
  const text = withLines(pasted)
  const [, label, body] = BLOCK.exec(text) ?? []
  if (label === undefined || body === undefined) return { kind: misfitOf(text) }
  const isOpenSsh = label === 'OPENSSH PRIVATE KEY'
  if (isOpenSsh && !decode(body).startsWith(MAGIC)) return { kind: 'cut_off' }
  return {
    kind: 'ok',
    text: `-----BEGIN ${label}-----\n${tidy(body)}\n-----END ${label}-----\n`,
    isEncrypted: isOpenSsh ? cipherOf(body) !== 'none' : isEncryptedPem(label, body),
  }
}

// Line ends that a shell or a form has turned into two characters.
function withLines(pasted: string): string {
  const text = pasted.replaceAll(/\r\n?/g, '\n').trim()
  return text.includes('\n') ? text : text.replaceAll(String.raw`\n`, '\n')
}

// Spaces that came in with an indentation, or in place of line ends; headers must keep theirs.
function tidy(body: string): string {
  const [headers, base64] = body.includes(':') ? splitHeaders(body) : ['', body]
  return headers + base64.trim().replaceAll(/\s+/g, '\n')
}

function splitHeaders(body: string): readonly [headers: string, base64: string] {
  const lines = body.split('\n').map((line) => line.trim())
  const end = lines.findLastIndex((line) => line.includes(':')) + 1
  return [`${lines.slice(0, end).join('\n')}\n\n`, lines.slice(end).join('\n')]
}

function isEncryptedPem(label: string, body: string): boolean {
  return label === 'ENCRYPTED PRIVATE KEY' || /^Proc-Type:.*ENCRYPTED/m.test(body)
}

function cipherOf(body: string): string {
  const bytes = Buffer.from(body, 'base64')
  const start = MAGIC.length + 4
  const length = bytes.length < start ? 0 : bytes.readUInt32BE(MAGIC.length)
  return bytes.subarray(start, start + length).toString('latin1')
}

function decode(base64: string): string {
  return Buffer.from(base64, 'base64').toString('latin1')
}

function misfitOf(text: string): Misfit {
  if (text.startsWith('PuTTY-User-Key-File')) return 'putty'
  if (/^(?:\S+-cert-v\d+@openssh\.com |-----BEGIN (?:TRUSTED )?CERTIFICATE)/.test(text)) return 'certificate'
  if (/^(?:ssh-|ecdsa-|sk-|-----BEGIN (?:SSH2 |RSA |EC )?PUBLIC KEY|---- BEGIN SSH2 PUBLIC KEY)/.test(text)) {
    return 'public_key'
  }
  if (/PRIVATE KEY-----/.test(text)) return 'cut_off'
  return /^[~./]?[\w./~-]{1,200}$/.test(text) && text.includes('/') ? 'path' : 'no_key'
}
