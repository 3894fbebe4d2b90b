// Addresses as they stand in the configuration of a repository: people keep their tokens in them.

export type Login = { readonly username: string; readonly password: string }

const URL_FORM = /^([a-z][a-z0-9+.-]*:\/\/)([^/?#]*)([^?#]*)(.*)$/is
// A name that takes any password, for a token that stands where the user would.
const TOKEN_USERNAME = 'oauth2'

/** The address for people: whatever could log in somewhere is taken out. */
export function withoutLogin(address: string): string {
  const [isUrl, scheme = '', authority = '', path = ''] = URL_FORM.exec(address) ?? []
  if (isUrl === undefined) return withoutLoginOfScp(address)
  const at = authority.lastIndexOf('@')
  const host = authority.slice(at + 1)
  // A slash inside of a password hides where the host begins.
  if (at < 0 && authority.includes(':') && path.includes('@')) return `${scheme}***`
  const [user = ''] = authority.slice(0, Math.max(at, 0)).split(':')
  return /^ssh/i.test(scheme) && user !== '' ? `${scheme}${user}@${host}${path}` : `${scheme}${host}${path}`
}

/** The same for git, and what it would have logged in with; only web addresses carry a login. */
export function splitLogin(address: string): { readonly address: string; readonly login: Login | undefined } {
  const [isUrl, scheme = '', authority = '', path = '', rest = ''] = URL_FORM.exec(address) ?? []
  const at = authority.lastIndexOf('@')
  if (isUrl === undefined || !/^https?:/i.test(scheme) || at < 0) return { address, login: undefined }
  const userinfo = authority.slice(0, at)
  const colon = userinfo.indexOf(':')
  const user = decode(colon < 0 ? userinfo : userinfo.slice(0, colon))
  const password = colon < 0 ? '' : decode(userinfo.slice(colon + 1))
  const plain = `${scheme}${authority.slice(at + 1)}${path}${rest}`
  if (password !== '') return { address: plain, login: { username: user || TOKEN_USERNAME, password } }
  return { address: plain, login: isToken(user) ? { username: TOKEN_USERNAME, password: user } : undefined }
}

// `git@host:path` is no secret, `user:secret@host:path` holds one, and a remote helper may hold anything.
function withoutLoginOfScp(address: string): string {
  if (/^[a-z0-9+.-]+::/i.test(address)) return `${address.slice(0, address.indexOf('::'))}::***`
  const [, user = '', rest = ''] = /^([^/]*)@(.*)$/s.exec(address) ?? []
  if (rest === '') return address
  return user.includes(':') ? rest : address
}

function isToken(user: string): boolean {
  return /^(?:gh[opusr]_|github_pat_|gl[a-z]{2,5}-|ATBB|ATCTT|[0-9a-f]{32,}$)/.test(user)
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
