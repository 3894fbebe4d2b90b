import type { Agent } from 'node:http'
import { DIRECT_ROUTE } from '../host-network.ts'
import type { HostRoute } from '../host-network.ts'
import type { RemoteAccess } from './environment.ts'
import type { GitFailure, GitOutcome } from './git-error.ts'
import { failed } from './git-error.ts'
import type { HostDeps } from './host.ts'
import { parseEndpoint } from './host.ts'
import type { NetworkDeps } from './network.ts'
import { explainRoute, resolveOnRoute, routeSettings } from './network.ts'
import { redact } from './output.ts'
import { probe } from './probe.ts'
import type { Remote } from './remote.ts'
import type { SshDeps } from './ssh.ts'
import { openSsh } from './ssh.ts'

// Gives one call exactly what it needs to reach one remote, and takes it back afterwards.

export type AccessDeps = HostDeps & NetworkDeps & SshDeps & { readonly idleTimeoutMs: number }

/** What a call over HTTP needs beside git: see `probe.ts`. */
export type HttpAccess = {
  readonly authorization: string | undefined
  /** None when a proxy is asked for the name. */
  readonly addresses: readonly string[]
  readonly route: HostRoute
  readonly openAgent: (url: URL, signal: AbortSignal) => Agent
}

type Opened = {
  readonly access: RemoteAccess
  readonly http: HttpAccess | undefined
  readonly route: HostRoute
  readonly isHostKnown: boolean
  readonly close: () => Promise<void>
}

/** Resolves and checks the host, prepares the credential, calls, and cleans up also when the call fails. */
export async function withAccess<Result>(
  deps: AccessDeps,
  remote: Remote,
  signal: AbortSignal,
  use: (access: RemoteAccess, http: HttpAccess | undefined) => Promise<GitOutcome<Result>>,
): Promise<GitOutcome<Result>> {
  const opened = await open(deps, remote, signal)
  if (!opened.ok) return opened
  try {
    const outcome = await use(opened.access, opened.http)
    return outcome.ok
      ? outcome
      : { ok: false, failure: await explain(outcome.failure, remote, opened, signal) }
  } finally {
    await opened.close()
  }
}

// What git cannot know: that the host has shown another key before, who logged in, and where a redirect leads.
async function explain(
  failure: GitFailure,
  remote: Remote,
  opened: Opened,
  signal: AbortSignal,
): Promise<GitFailure> {
  return explainRoute(await explainCause(failure, remote, opened, signal), opened.route)
}

async function explainCause(
  failure: GitFailure,
  remote: Remote,
  { isHostKnown, http, access }: Opened,
  signal: AbortSignal,
): Promise<GitFailure> {
  if (failure.kind === 'host_key_unknown' && isHostKnown) return { ...failure, kind: 'host_key_changed' }
  if (failure.kind === 'auth' && http !== undefined)
    return { ...failure, detail: explainLogin(remote, failure) }
  if (failure.kind !== 'redirected' || http === undefined) return failure
  const answer = await probe(remote.url, http, signal)
  if (answer.kind !== 'redirect') return failure
  const target = redact(answer.target, access.secrets)
  return {
    ...failure,
    detail: `the server redirects to ${target}, which is not followed\n${failure.detail}`,
  }
}

// Git, refused with what we gave it, asks for a name, and its message tells only that nobody answered.
function explainLogin({ credential }: Remote, { detail }: GitFailure): string {
  const cause =
    credential?.kind === 'password'
      ? `the server refused the login of ${credential.username}`
      : 'the server wants a login, and no token is set for this side'
  return `${cause}\n${detail}`
}

async function open(deps: AccessDeps, remote: Remote, signal: AbortSignal): Promise<GitOutcome<Opened>> {
  const { url, credential } = remote
  const endpoint = parseEndpoint(url)
  if (endpoint === undefined) return failed('address_denied', 'this form of address is not allowed')
  if (endpoint.scheme === 'file') return opened({ ...NO_ACCESS, protocol: 'file' }, DIRECT_ROUTE)
  // HTTP proxies are no way for SSH.
  const route = endpoint.scheme === 'ssh' ? DIRECT_ROUTE : deps.network.routeTo(endpoint.host)
  const resolved = await resolveOnRoute(deps, endpoint.host, route, signal)
  if (!resolved.ok) return resolved
  const { addresses } = resolved

  if (endpoint.scheme === 'ssh') {
    if (credential?.kind === 'password') return failed('auth', 'a password cannot log in over SSH; a key can')
    return {
      ok: true,
      http: undefined,
      route,
      ...(await openSsh(deps, { ...endpoint, addresses }, credential?.privateKey)),
    }
  }
  if (credential?.kind === 'ssh_key') return failed('auth', 'an SSH key cannot log in over HTTP')
  const login = credential === undefined ? undefined : `${credential.username}:${credential.password}`
  const authorization = login === undefined ? undefined : `Basic ${Buffer.from(login).toString('base64')}`
  const access: RemoteAccess = {
    protocol: endpoint.scheme,
    settings: [
      ...(authorization === undefined ? [] : authorizeOnly(endpoint.origin, authorization)),
      ...(await routeSettings(deps, endpoint, route, addresses)),
      // A second net under the idle limit: it also ends a git whose daemon is gone.
      ['http.lowSpeedLimit', '10'],
      ['http.lowSpeedTime', String(lowSpeedSeconds(deps.idleTimeoutMs))],
    ],
    variables: {},
    secrets: [
      ...(credential === undefined ? [] : formsOf(credential.username, credential.password)),
      ...(route.proxy?.secrets ?? []),
    ],
  }
  const openAgent = (target: URL, ending: AbortSignal): Agent => deps.openAgent(target, route, ending)
  return opened(access, route, { authorization, addresses, route, openAgent })
}

const NO_ACCESS = { settings: [], variables: {}, secrets: [] }

function opened(access: RemoteAccess, route: HostRoute, http?: HttpAccess): GitOutcome<Opened> {
  return { ok: true, access, http, route, isHostKnown: false, close: () => Promise.resolve() }
}

// Sent with the first request, without waiting to be asked. Git would carry such a header along a
// redirect to any other host, so the two settings must never be parted.
function authorizeOnly(origin: string, authorization: string): RemoteAccess['settings'] {
  return [
    ['http.followRedirects', 'false'],
    [`http.${origin}/.extraHeader`, `Authorization: ${authorization}`],
  ]
}

function formsOf(username: string, password: string): readonly string[] {
  const base64 = (text: string): string => Buffer.from(text).toString('base64')
  const forms = [password, encodeURIComponent(password), base64(`${username}:${password}`), base64(password)]
  return [...new Set(forms)].sort((a, b) => b.length - a.length)
}

// Later than our own watch, which knows better; 0 turns both off.
function lowSpeedSeconds(idleTimeoutMs: number): number {
  return idleTimeoutMs === 0 ? 0 : Math.ceil(idleTimeoutMs / 1000) + 15
}
