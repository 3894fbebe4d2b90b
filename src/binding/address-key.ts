import { canonicalHost } from './host.ts'

// Which addresses name the same repository.
//
// In:  any text: the address of a binding, or what a delivery says about itself.
// Out: one key per reading; two addresses are equal when they share a key and no port speaks against it.
// Lenient, because a key only finds bindings: nothing here ever reaches git. Never throws.

export type AddressKey = {
  readonly host: string
  /** `host/path`, folded to lower case. */
  readonly matchKey: string
  /** `host/path` with the path as written. */
  readonly exactKey: string
  /** Port of a web address; the usual ones of http and https count as one. Null for ssh and local addresses. */
  readonly webPort: number | null
}

/** A text taken apart as far as it can be. */
type Location = {
  readonly host: string
  readonly username: string
  readonly webPort: number | null
  readonly segments: readonly string[]
}

const USUAL_WEB_PORT = 443
const URL_FORM = /^([a-z][a-z0-9+.-]*):\/\/(?:([^/]*)@)?(\[[^\]/]*\]|[^/:@]*)(?::(\d*))?(\/.*)?$/iu
// The port in here is no git syntax, but forges with an unusual ssh port write it.
const SCP_FORM = /^(?:([^/:]*)@)?(\[[^\]/]*\]|[^/:@[\]]+):(?:(\d+):)?(.*)$/u

// Hosts that serve one forge under several names.
const HOST_ALIASES: ReadonlyMap<string, string> = new Map([
  ['www.github.com', 'github.com'],
  ['ssh.github.com', 'github.com'],
  ['altssh.gitlab.com', 'gitlab.com'],
  ['altssh.bitbucket.org', 'bitbucket.org'],
  ['www.gitlink.org.cn', 'gitlink.org.cn'],
  ['code.gitlink.org.cn', 'gitlink.org.cn'],
  ['ssh.dev.azure.com', 'dev.azure.com'],
])
// Where `/scm/` and `/projects/` can only be names that people chose.
const NOT_BITBUCKET_SERVER: ReadonlySet<string> = new Set([
  'github.com',
  'gitlab.com',
  'gitee.com',
  'gitlink.org.cn',
  'bitbucket.org',
  'codeup.aliyun.com',
  'e.coding.net',
])

// A delivery may hold anything; what is longer is no address.
const MAX_LENGTH = 4000

/** Every key under which the address is found; none when the text is no address at all. */
export function addressKeys(text: string): readonly AddressKey[] {
  const location = locate(text.trim())
  if (location === undefined) return []
  const keys = readings(location).map((path) => toKey(location, path))
  return [...new Map(keys.map((key) => [key.exactKey, key])).values()]
}

function locate(text: string): Location | undefined {
  if (text.length > MAX_LENGTH || /[\p{Cc}\\]/u.test(text)) return undefined
  const plain = text.replace(/[?#].*$/u, '')
  const [isUrl, scheme = '', user = '', hostText = '', portText = '', path = ''] = URL_FORM.exec(plain) ?? []
  if (isUrl !== undefined) return locateUrl(scheme.toLowerCase(), user, hostText, portText, path)
  if (plain.startsWith('/')) return place('', '', null, plain.replaceAll('%', '%25'))
  const [isScp, scpUser = '', scpHost = '', , scpPath = ''] = SCP_FORM.exec(plain) ?? []
  return isScp === undefined ? undefined : place(canonicalHost(scpHost), scpUser, null, scpPath)
}

function locateUrl(
  scheme: string,
  user: string,
  host: string,
  port: string,
  path: string,
): Location | undefined {
  switch (scheme) {
    case 'http':
    case 'https':
      return place(canonicalHost(host), user, webPort(scheme, port), path)
    case 'ssh':
    case 'git+ssh':
    case 'ssh+git':
    case 'git':
      return place(canonicalHost(host), user, null, path)
    case 'file':
      return place('', '', null, path)
    default:
      return undefined
  }
}

// A proxy in front of a forge often leaves it believing in plain http.
function webPort(scheme: 'http' | 'https', text: string): number {
  const port = text === '' ? USUAL_WEB_PORT : Number(text)
  return scheme === 'http' && port === 80 ? USUAL_WEB_PORT : port
}

function place(
  host: string | undefined,
  username: string,
  port: number | null,
  path: string,
): Location | undefined {
  const segments = plainSegments(path)
  if (host === undefined || segments === undefined || segments.length === 0) return undefined
  return { host: HOST_ALIASES.get(host) ?? host, username, webPort: port, segments }
}

function plainSegments(path: string): readonly string[] | undefined {
  const segments: string[] = []
  for (const escaped of path.split('/')) {
    const segment = decode(escaped).normalize('NFC')
    if (/\p{Cc}/u.test(segment)) return undefined
    if (segment === '' || segment === '.') continue
    if (segment !== '..') segments.push(segment)
    else if (segments.pop() === undefined) return undefined
  }
  return segments
}

/** The paths that the location may mean; the forms that single forges add to the plain one. */
function readings(location: Location): readonly (readonly string[])[] {
  const azure = azureReadings(location)
  // A literal `.git` can be part of an Azure name.
  if (azure.length > 0) return azure
  const segments = location.webPort === null ? location.segments : withoutWebPage(location.segments)
  if (segments.length === 0) return []
  return [segments, ...bitbucketServerReadings(location, segments)].map(withoutGitSuffix)
}

// `/-/` starts a page in GitLab and is never part of a repository.
function withoutWebPage(segments: readonly string[]): readonly string[] {
  const page = segments.indexOf('-')
  return page === -1 ? segments : segments.slice(0, page)
}

// `/[context/]scm/KEY/r`, `/projects/KEY/repos/r` and `/users/u/repos/r` are `key/r` and `~u/r` over ssh.
function bitbucketServerReadings(
  { host, webPort: port }: Location,
  segments: readonly string[],
): readonly (readonly string[])[] {
  if (port === null || NOT_BITBUCKET_SERVER.has(host)) return []
  for (const [first, key, third, repository] of [segments, segments.slice(1)]) {
    if (first === 'scm' && key !== undefined && third !== undefined && repository === undefined)
      return [[key, third]]
    if (third !== 'repos' || key === undefined || repository === undefined) continue
    if (first === 'projects') return [[key, repository]]
    if (first === 'users') return [[`~${key}`, repository]]
  }
  return []
}

function azureReadings({ host, username, segments }: Location): readonly (readonly string[])[] {
  const marker = segments.findIndex((segment) => /^_(?:git|ssh)$/i.test(segment))
  const isOldHost = host.endsWith('.visualstudio.com')
  if (host !== 'dev.azure.com' && !isOldHost) {
    const repository = segments[marker + 1]
    if (marker === -1 || repository === undefined) return []
    // Without a project in the path the project has the name of the repository.
    const before = segments.slice(0, marker)
    return [
      [...before, repository],
      [...before, repository, repository],
    ]
  }
  if (marker === -1 && /^v3$/i.test(segments[0] ?? '') && segments.length === 4) return [segments.slice(1)]
  const repository = segments[marker + 1]
  if (marker === -1 || repository === undefined) return []
  const organization = isOldHost
    ? host === 'vs-ssh.visualstudio.com'
      ? username
      : host.slice(0, -'.visualstudio.com'.length)
    : segments[0]
  const before = segments
    .slice(isOldHost ? 0 : 1, marker)
    .filter((segment) => !/^defaultcollection$/i.test(segment))
  return organization === undefined ? [] : [[organization, before[0] ?? repository, repository]]
}

function withoutGitSuffix(segments: readonly string[]): readonly string[] {
  const last = segments.at(-1) ?? ''
  return [...segments.slice(0, -1), last.replace(/(?<=.)\.git$/i, '')]
}

function toKey({ host, webPort: port }: Location, path: readonly string[]): AddressKey {
  const keyHost = host.endsWith('.visualstudio.com') ? 'dev.azure.com' : host
  // An escaped slash stays apart from one that separates.
  const exactPath = path.map((segment) => segment.replace(/[%/]/g, encodeURIComponent)).join('/')
  const exactKey = `${keyHost}/${exactPath}`
  return { host: keyHost, matchKey: exactKey.toLowerCase().normalize('NFC'), exactKey, webPort: port }
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
