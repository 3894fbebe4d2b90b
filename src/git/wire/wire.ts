import type { Clock } from '../../clock.ts'
import { parseEndpoint } from '../host.ts'
import type { Limits } from '../limits.ts'
import { cleanWords } from '../output.ts'
import type { RemoteUrl } from '../refs.ts'
import { oldVersion, requireUsable } from './advertisement.ts'
import type { ContextOf, HttpClient } from './http-client.ts'
import { createHttpClient } from './http-client.ts'
import type { Servers } from './servers.ts'
import { rememberServers } from './servers.ts'
import type { WireErrorKind } from './wire-error.ts'
import { WireError } from './wire-error.ts'
import type { WireRepository } from './wire-repository.ts'

// Git's protocol, spoken by the daemon itself where that saves git processes. It never has the last word:
// whatever is not exactly as expected becomes a doubt, and then git is asked.

export type Wire = {
  readonly client: HttpClient
  readonly servers: Servers
  /** Whether the daemon may speak to the host without git; no addresses: a proxy finds them out. */
  readonly allows: (host: string, addresses: readonly string[]) => boolean
}

export type Doubt = {
  readonly kind: WireErrorKind | 'stalled' | 'timed_out' | 'canceled' | 'no_server' | 'off' | 'avoided'
  /** For people, without secrets; it may hold words of a server. */
  readonly detail: string
}

export function openWire(options: {
  readonly clock: Clock
  readonly allows: Wire['allows']
  readonly contextOf: ContextOf
}): Wire {
  return {
    client: createHttpClient(options.contextOf),
    servers: rememberServers(options),
    allows: options.allows,
  }
}

/** Why git should be asked without trying; undefined when it need not. */
export function mistrust(
  { allows, servers }: Wire,
  { url, addresses }: WireRepository,
  use: 'reads' | 'writes',
): Doubt | undefined {
  const { host, origin } = placeOf(url)
  if (!allows(host, addresses)) {
    return { kind: 'off', detail: `the relay is off for ${host}` }
  }
  if (servers.isAvoided(url) || servers.isAvoided(origin)) {
    return { kind: 'avoided', detail: `${host} has lately not answered as expected` }
  }
  // What is written is told in the same way in all versions.
  const isOld = use === 'reads' && servers.speaksVersion2(origin) === false
  return isOld ? { kind: 'old_version', detail: oldVersion().message } : undefined
}

/** Rejects with a `WireError` when the server does not speak version 2; of one that does this is known for a while. */
export async function requireVersion2(
  { servers }: Wire,
  { url, askAdvertisement }: WireRepository,
): Promise<void> {
  const { origin } = placeOf(url)
  if (servers.speaksVersion2(origin) === true) return
  const advertisement = await askAdvertisement()
  servers.learn(origin, advertisement.speaksVersion2)
  requireUsable(advertisement)
}

/** Makes a doubt of what went wrong, and remembers where; a bug stays an error. */
export function toDoubt(
  wire: Wire,
  error: unknown,
  where: { readonly url: RemoteUrl; readonly limits: Limits; readonly secrets: readonly string[] },
): Doubt {
  const doubt = kindOf(error, where.limits)
  if (doubt === undefined) throw error
  if (ENDS_TRUST.has(doubt.kind)) wire.servers.avoid(where.url)
  // It may have spoken version 2 when it was asked for that.
  if (doubt.kind === 'old_version') wire.servers.learn(placeOf(where.url).origin, false)
  // Who keeps one call waiting keeps all of them waiting.
  if (doubt.kind === 'stalled' || doubt.kind === 'timed_out') wire.servers.avoid(placeOf(where.url).origin)
  return { kind: doubt.kind, detail: cleanWords(doubt.detail, where.secrets) }
}

const ENDS_TRUST: ReadonlySet<Doubt['kind']> = new Set([
  'status',
  'malformed',
  'object_format',
  'unreachable',
])

function kindOf(error: unknown, limits: Limits): Doubt | undefined {
  const stopped = limits.stopped()
  if (stopped?.kind === 'stalled' || stopped?.kind === 'timed_out' || stopped?.kind === 'canceled') {
    return { kind: stopped.kind, detail: stopped.detail }
  }
  if (error instanceof WireError) return { kind: error.kind, detail: error.message }
  const isOfNetwork = error instanceof Error && 'code' in error
  if (isOfNetwork && error.code === CONNECT_TIMEOUT) return { kind: 'stalled', detail: error.message }
  return isOfNetwork ? { kind: 'unreachable', detail: `${String(error.code)}: ${error.message}` } : undefined
}

const CONNECT_TIMEOUT = 'UND_ERR_CONNECT_TIMEOUT'

function placeOf(url: RemoteUrl): { readonly host: string; readonly origin: string } {
  const endpoint = parseEndpoint(url)
  if (endpoint === undefined || endpoint.scheme === 'file') throw new Error(`${url} is on no server`)
  if (endpoint.scheme !== 'ssh') return endpoint
  return { host: endpoint.host, origin: `ssh://${endpoint.host}:${endpoint.port}` }
}
