import type { RemoteUrl } from '../git/refs.ts'
import { isForgePort } from '../ports.ts'
import { bracketHost, canonicalHost } from './host.ts'
import type { Refusal } from './address-refusal.ts'
import { refuse } from './address-refusal.ts'

// An address that a person typed becomes one that git may have.
//
// In:  any text. Out: the parts of the address and the URL rebuilt from them, or why not.
// A list of what is allowed, never of what is forbidden: git reads `ext::sh -c …` as a command,
// `--upload-pack=…` as an option and `http:host` as an ssh host. What is checked here is what git
// gets, because git never sees the text itself. No I/O; equality of addresses is `address-key.ts`.

type Scheme = 'http' | 'https' | 'ssh' | 'file'

export type AddressRules = {
  readonly schemes: readonly Scheme[]
  /** Permits `file://` and absolute paths. */
  readonly allowLocal: boolean
  /** Judges the name as written; what it resolves to is judged again when git connects. */
  readonly allowsHost: (host: string) => boolean
}

export type Address = {
  /** What git gets: canonical, without credentials. */
  readonly url: RemoteUrl
  readonly scheme: Scheme
  /** Empty for a local repository; IPv6 without brackets. */
  readonly host: string
  /** Null: the usual port of the scheme. */
  readonly port: number | null
  readonly username: string | null
  readonly path: string
  /** As written, trimmed. */
  readonly display: string
}

export type ParsedAddress = { readonly kind: 'ok'; readonly address: Address } | Refusal

const MAX_LENGTH = 2000
const DEFAULT_PORT: Readonly<Record<Scheme, number | null>> = { http: 80, https: 443, ssh: 22, file: null }
// A slip like `https:host/path` is, to git, an ssh host of that name.
const SCHEME_WORDS = /^(?:https?|ssh|git|ftps?|file|rsync|ext|fd|git\+ssh|ssh\+git|[a-z])$/i
const USER = /^[A-Za-z0-9_](?:[A-Za-z0-9._~+=-]|%[0-9A-Fa-f]{2})*$/
const TOKEN_AS_USER = /^(?:gh[opusr]_|github_pat_|gl[a-z]{2,5}-|ATBB|ATCTT|[0-9a-f]{32,}$)/
const SEGMENT = /^[\p{L}\p{M}\p{N}\-._~+@,=:()!&%]+$/u
const URL_FORM = /^([a-z][a-z0-9+.-]*):\/\/([^/]*)(.*)$/iu
const SCP_FORM = /^(?:([^/:]*)@)?(\[[^\]/]*\]|[^/:@[\]]+):(.*)$/u

/** Accepts an address only when both its form and the rules allow it; never throws. */
export function parseAddress(text: string, rules: AddressRules): ParsedAddress {
  const parsed = readAddress(text)
  if (parsed.kind === 'refused') return parsed
  const { scheme, host } = parsed.address
  if (scheme === 'file') return rules.allowLocal ? parsed : refuse('local')
  if (!rules.schemes.includes(scheme)) return refuse('scheme')
  return rules.allowsHost(host) ? parsed : refuse('host_denied')
}

/** `host:port` of the server behind an address; empty for a local repository. */
export function endpointOf({ scheme, host, port }: Address): string {
  return scheme === 'file' ? '' : `${bracketHost(host)}:${port ?? DEFAULT_PORT[scheme] ?? ''}`
}

/** The form alone, for addresses that the rules have already accepted. */
export function readAddress(text: string): ParsedAddress {
  const display = text.trim()
  const refusal = findUnsafe(display)
  if (refusal !== undefined) return refusal
  if (display.startsWith('/')) return readLocal(display, display.replaceAll('%', '%25'))
  const [, scheme, authority, path] = URL_FORM.exec(display) ?? []
  if (scheme !== undefined && authority !== undefined && path !== undefined) {
    return readUrl(display, scheme.toLowerCase(), authority, path)
  }
  const [, user, host, scpPath] = SCP_FORM.exec(display) ?? []
  if (host === undefined || scpPath === undefined) return refuse('form')
  if (user === undefined && SCHEME_WORDS.test(host)) return refuse('form')
  return readScp(display, user, host, scpPath)
}

function findUnsafe(text: string): Refusal | undefined {
  if (text === '') return refuse('empty')
  if (text.length > MAX_LENGTH) return refuse('too_long')
  if (text.startsWith('-')) return refuse('option')
  if (/[\p{C}\p{Z}]/u.test(text)) return refuse('character')
  if (/\\|%5c/i.test(text)) return refuse('backslash')
  if (/[?#]/.test(text)) return refuse('query')
  if (text.replace(/\[[^\]]*\]/, '').includes('::')) return refuse('helper')
  const decoded = decode(text)
  if (decoded === undefined) return refuse('escape')
  return /[\p{C}\p{Zl}\p{Zp}]/u.test(decoded) ? refuse('character') : undefined
}

function readUrl(display: string, scheme: string, authority: string, path: string): ParsedAddress {
  if (scheme === 'file')
    return /^(?:localhost)?$/i.test(authority) ? readLocal(display, path) : refuse('host')
  if (scheme !== 'http' && scheme !== 'https' && scheme !== 'ssh') return refuse('scheme')
  const at = authority.lastIndexOf('@')
  const user = at === -1 ? undefined : authority.slice(0, at)
  const userRefusal = judgeUser(scheme, user)
  if (userRefusal !== undefined) return userRefusal
  const [, hostText, portText = ''] = /^(\[[^\]]*\]|[^:[\]]*)(?::(.*))?$/u.exec(authority.slice(at + 1)) ?? []
  const host = hostText === undefined ? undefined : canonicalHost(hostText)
  if (host === undefined) return refuse('host')
  const port = readPort(portText, scheme)
  if (port === undefined) return refuse('port')
  const segments = resolveSegments(path)
  if (!Array.isArray(segments)) return segments
  const urlPath = `/${segments.map(encodeSegment).join('/')}`
  // Over http the user name travels with the credential, never in the URL.
  const userPart = scheme === 'ssh' && user !== undefined ? `${user}@` : ''
  const portPart = port === null ? '' : `:${port}`
  return ok({
    url: `${scheme}://${userPart}${bracketHost(host)}${portPart}${urlPath}` as RemoteUrl,
    scheme,
    host,
    port,
    username: user === undefined ? null : (decode(user) ?? null),
    path: urlPath,
    display,
  })
}

// Kept in its own form: `host:path` starts at the home directory and `ssh://host/path` at the root.
function readScp(display: string, user: string | undefined, hostText: string, path: string): ParsedAddress {
  const userRefusal = judgeUser('ssh', user)
  if (userRefusal !== undefined) return userRefusal
  const host = canonicalHost(hostText)
  if (host === undefined) return refuse('host')
  if (/^\d+:/.test(path)) return refuse('scp_port')
  // `user:secret@host:path`, which git takes for a path on the host `user`.
  if (/^[^/]*@[^/]*:/.test(path)) return refuse('password')
  const segments = resolveSegments(path)
  if (!Array.isArray(segments)) return segments
  const scpPath = `${path.startsWith('/') ? '/' : ''}${segments.join('/')}`
  if (scpPath.startsWith('-')) return refuse('option')
  const userPart = user === undefined ? '' : `${user}@`
  return ok({
    url: `${userPart}${bracketHost(host)}:${scpPath}` as RemoteUrl,
    scheme: 'ssh',
    host,
    port: null,
    username: user ?? null,
    path: scpPath,
    display,
  })
}

// Always rebuilt as file://, because for a bare path git takes short cuts past the protocol.
function readLocal(display: string, path: string): ParsedAddress {
  const segments = resolveSegments(path)
  if (!Array.isArray(segments)) return segments
  const urlPath = `/${segments.map(encodeSegment).join('/')}`
  return ok({
    url: `file://${urlPath}` as RemoteUrl,
    scheme: 'file',
    host: '',
    port: null,
    username: null,
    path: urlPath,
    display,
  })
}

function judgeUser(scheme: Scheme, user: string | undefined): Refusal | undefined {
  if (user === undefined) return undefined
  if (/:|%3a/i.test(user) || TOKEN_AS_USER.test(user)) return refuse('password')
  // git decodes the user of an ssh address before ssh gets it.
  return USER.test(user) && !(scheme === 'ssh' && user.includes('%')) ? undefined : refuse('user')
}

function readPort(text: string, scheme: Scheme): number | null | undefined {
  if (!/^\d{0,8}$/.test(text)) return undefined
  if (text === '') return null
  const port = Number(text)
  if (port === DEFAULT_PORT[scheme]) return null
  return isForgePort(port) ? port : undefined
}

function resolveSegments(path: string): string[] | Refusal {
  const segments: string[] = []
  for (const segment of path.split('/')) {
    const plain = segment.replace(/%2e/gi, '.')
    if (plain === '' || plain === '.') continue
    if (plain === '..') {
      // Above `~user` lies what the address does not name.
      if (segments.pop()?.startsWith('~') !== false) return refuse('climbs')
    } else if (plain === '-') return refuse('web_page')
    else if (SEGMENT.test(segment)) segments.push(segment)
    else return refuse('character')
  }
  return segments.length === 0 ? refuse('no_path') : segments
}

// One spelling: unreserved characters plain, all others escaped in upper case.
function encodeSegment(segment: string): string {
  return segment
    .replace(/%[0-9a-f]{2}/gi, (escape) => {
      const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16))
      return /[A-Za-z0-9\-._~]/.test(character) ? character : escape.toUpperCase()
    })
    .replace(/[^\u0021-\u007e]+/gu, encodeURIComponent)
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

function ok(address: Address): ParsedAddress {
  return { kind: 'ok', address }
}
