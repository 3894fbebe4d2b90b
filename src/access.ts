import { getConnInfo } from '@hono/node-server/conninfo'
import type { Context, MiddlewareHandler } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { Clock } from './clock.ts'
import { SECOND } from './clock.ts'
import type { Role, TokenOwner } from './credential/tokens.ts'
import { findToken, isSameToken } from './credential/tokens.ts'
import type { Database } from './db/database.ts'
import { DomainError } from './domain-error.ts'
import { createGuessLimit } from './guess-limit.ts'
import { hostName, isLoopback } from './host-name.ts'

// Who may do what over HTTP. Every path needs a role unless it is listed here as public:
// a route that somebody adds is closed until somebody opens it.

export type AccessDeps = {
  readonly clock: Clock
  readonly db: Database
  readonly auth: 'auto' | 'none' | 'token'
  readonly host: string
  readonly publicUrl: string | undefined
  readonly apiToken: string | undefined
}

declare module 'hono' {
  // oxlint-disable-next-line typescript/consistent-type-definitions -- only an interface can be added to
  interface ContextVariableMap {
    caller: TokenOwner
  }
}

const PUBLIC = /^\/(?:webhooks(?:\/.*)?|api\/webhooks\/.*|healthz|readyz|api\/health)$/
const ADMIN_ONLY = /^\/api\/v1\/(?:tokens|host-keys)(?:\/.*)?$/

const RANK: Readonly<Record<Role, number>> = { read: 1, operate: 2, admin: 3 }

/** Whether requests must carry a token; `auto` leaves only a loopback address open. */
export function needsTokens(deps: Pick<AccessDeps, 'auth' | 'host'>): boolean {
  return deps.auth === 'token' || (deps.auth === 'auto' && !isLoopback(deps.host))
}

/** Lets a request pass when its caller has the role it needs, and remembers the caller as `caller`. */
export function accessControl(deps: AccessDeps): MiddlewareHandler {
  const authenticate = needsTokens(deps) ? tokenCheck(deps) : openCheck(deps)
  return async (c, next) => {
    if (!PUBLIC.test(c.req.path)) {
      const caller = await authenticate(c)
      c.set('caller', caller)
      requireRole(caller, roleFor(c.req.method, c.req.path))
    }
    await next()
  }
}

function roleFor(method: string, path: string): Role {
  if (ADMIN_ONLY.test(path)) return 'admin'
  return method === 'GET' || method === 'HEAD' ? 'read' : 'operate'
}

export function hasRole(caller: TokenOwner, role: Role): boolean {
  return RANK[caller.role] >= RANK[role]
}

/** Throws `role_missing`. For what a route needs beyond the role of its path. */
export function requireRole(caller: TokenOwner, role: Role): void {
  if (hasRole(caller, role)) return
  throw new DomainError('forbidden', 'role_missing', {
    zh: `此操作需要 ${role} 权限，当前令牌只有 ${caller.role} 权限`,
    en: `this needs the role ${role}, and the token has the role ${caller.role}`,
  })
}

type Authenticate = (c: Context) => TokenOwner | Promise<TokenOwner>

/** Everybody on this machine may do everything, except what a web page of somebody else makes a browser do. */
function openCheck(deps: AccessDeps): Authenticate {
  const owner: TokenOwner = { name: 'local', role: 'admin' }
  if (!isLoopback(deps.host)) return () => owner
  const known = new Set([deps.host.toLowerCase()])
  if (deps.publicUrl !== undefined) known.add(hostName(new URL(deps.publicUrl).host))
  const isKnown = (host: string): boolean => isLoopback(host) || known.has(host)
  return (c) => {
    // A foreign name that resolves to this machine: the page behind it would read our answers.
    if (!isKnown(hostName(c.req.header('host') ?? ''))) throw new HTTPException(421)
    const origin = c.req.header('origin')
    if (origin !== undefined && !isKnown(originHost(origin))) throw foreignOrigin()
    return owner
  }
}

function tokenCheck(deps: AccessDeps): Authenticate {
  const guesses = createGuessLimit(deps.clock)
  return async (c) => {
    const address = getConnInfo(c).remote.address ?? ''
    const [, token] = /^Bearer +([^\s]+) *$/i.exec(c.req.header('authorization') ?? '') ?? []
    if (token === undefined) throw challenge(c, 'token_missing')
    const owner = await findOwner(deps, token)
    if (owner === 'expired') throw challenge(c, 'token_expired')
    // Before the limit: behind a proxy all clients share one address, and one's guesses must not lock out the others.
    if (owner !== undefined) return owner
    refuseAfterTooMany(c, guesses.blockedForMs(address))
    guesses.count(address)
    throw challenge(c, 'token_unknown')
  }
}

async function findOwner(deps: AccessDeps, token: string): Promise<TokenOwner | 'expired' | undefined> {
  if (deps.apiToken !== undefined && isSameToken(token, deps.apiToken)) {
    return { name: 'API_TOKEN', role: 'admin' }
  }
  return findToken(deps, token)
}

const CHALLENGES = {
  token_missing: { zh: '缺少访问令牌', en: 'the request carries no token' },
  token_unknown: { zh: '令牌无效', en: 'the token is not known' },
  token_expired: { zh: '令牌已过期', en: 'the token has expired' },
}

function challenge(c: Context, reason: keyof typeof CHALLENGES): DomainError {
  const isInvalid = reason !== 'token_missing'
  c.header('WWW-Authenticate', `Bearer realm="reposync"${isInvalid ? ', error="invalid_token"' : ''}`)
  const hint = {
    zh: '请在请求头中添加 Authorization: Bearer <令牌>；令牌由 API_TOKEN 设置、在首次启动时打印，或由管理员创建',
    en: 'send the header "Authorization: Bearer <token>"; the token is set by API_TOKEN, was printed at the first start, or is made by an admin',
  }
  return new DomainError('unauthenticated', reason, CHALLENGES[reason], { hint })
}

function refuseAfterTooMany(c: Context, blockedForMs: number): void {
  if (blockedForMs === 0) return
  const seconds = Math.ceil(blockedForMs / SECOND)
  c.header('Retry-After', String(seconds))
  throw new DomainError('too_many', 'too_many_guesses', {
    zh: `令牌错误次数过多，请 ${seconds} 秒后重试`,
    en: `too many wrong tokens came from this address; try again in ${seconds} seconds`,
  })
}

function foreignOrigin(): DomainError {
  return new DomainError('forbidden', 'foreign_origin', {
    zh: '拒绝来自其他网站页面的请求',
    en: 'requests from pages of other sites are refused',
  })
}

function originHost(origin: string): string {
  return URL.canParse(origin) ? hostName(new URL(origin).host) : ''
}
