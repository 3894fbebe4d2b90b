import { lookup as lookUp } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { Clock } from '../clock.ts'
import { connectionFailure } from '../host-agent.ts'
import { DIRECT_NETWORK } from '../host-network.ts'
import type { HostNetwork, HostRoute } from '../host-network.ts'
import { answerFailure, failure } from './api-answer.ts'
import { createExchange } from './api-exchange.ts'
import type { Entry, RawAnswer } from './api-exchange.ts'
import type { ForgeApiOutcome } from './forge-api.ts'

// The one HTTP client of all REST adapters.
//
// In:  a request with its credential in a header. Out: the JSON of a 2xx answer, or a typed failure.
// It goes only where the host policy lets it, to the very addresses that were checked, follows no
// redirect, ends within its limit and reads no more than 1 MB. Nothing it says holds a secret.

export type ApiClientDeps = {
  readonly clock: Clock
  /** Whether the daemon may contact this address of the host; asked for every address of a name. */
  readonly allowAddress: (host: string, ip: string) => boolean
  /** Every address of a name; by default the system's answer. */
  readonly lookup?: (host: string) => Promise<readonly string[]>
  /** By default every host is reached directly and shows a certificate that the system trusts. */
  readonly network?: HostNetwork
  /** For one call, from the look-up of the name to the last byte. */
  readonly timeoutMs: number
  /** Ends what is under way when the daemon stops. */
  readonly signal?: AbortSignal
}

export type ApiRequest = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly query?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly body?: unknown
  /** Texts that no failure may repeat, whatever the server says: the token, the secret of the hook. */
  readonly secrets: readonly string[]
}

export type ApiAnswer = {
  readonly status: number
  /** Lower-case names. */
  readonly headers: ReadonlyMap<string, string>
  /** Undefined when the answer has no body. */
  readonly json: unknown
}

export type ApiClient = {
  /** Never rejects; every answer but 2xx is a failure. */
  readonly request: (request: ApiRequest) => Promise<ForgeApiOutcome<ApiAnswer>>
}

export function createApiClient(deps: ApiClientDeps): ApiClient {
  const exchange = createExchange()
  return {
    request: async (request) => {
      const url = targetOf(request)
      if (url === undefined) return failure('refused', 'this is no http or https address of an API')
      using limit = timeLimit(deps)
      const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
      const route = (deps.network ?? DIRECT_NETWORK).routeTo(host)
      const way = route.proxy === undefined ? '' : ` through the proxy ${route.proxy.name}`
      try {
        const addresses = await resolveAllowed(deps, host, route, limit.signal)
        if (!addresses.ok) return addresses
        return read(
          deps,
          request,
          await exchange(url, request, { addresses: addresses.value, route }, limit.signal),
        )
      } catch (error) {
        if (limit.hasPassed()) {
          return failure('unreachable', `${url.host} took longer than ${deps.timeoutMs} ms${way}`)
        }
        const { kind, code } = connectionFailure(error)
        return failure(kind, `${url.host} cannot be reached${way}${code === '' ? '' : `: ${code}`}`)
      }
    },
  }
}

function targetOf({ url, query = {} }: ApiRequest): URL | undefined {
  if (!URL.canParse(url)) return undefined
  const target = new URL(url)
  const isHttp = target.protocol === 'https:' || target.protocol === 'http:'
  if (!isHttp || target.username !== '' || target.password !== '') return undefined
  for (const [name, value] of Object.entries(query)) target.searchParams.set(name, value)
  return target
}

function timeLimit({ clock, timeoutMs, signal }: ApiClientDeps) {
  const controller = new AbortController()
  const stop = (): void => controller.abort()
  const timer = clock.after(timeoutMs, stop)
  signal?.addEventListener('abort', stop, { once: true })
  if (signal?.aborted === true) stop()
  return {
    signal: controller.signal,
    hasPassed: () => controller.signal.aborted && signal?.aborted !== true,
    [Symbol.dispose]: () => {
      timer[Symbol.dispose]()
      signal?.removeEventListener('abort', stop)
    },
  }
}

/**
 * The addresses of a host, its name looked up once; one of them that is not allowed spoils the whole answer, and a
 * proxy looks it up itself. Rejects when the name cannot be looked up or the signal aborts.
 */
export async function resolveAllowed(
  {
    allowAddress,
    lookup = systemLookup,
    network = DIRECT_NETWORK,
  }: Pick<ApiClientDeps, 'allowAddress' | 'lookup' | 'network'>,
  host: string,
  { proxy }: HostRoute,
  signal: AbortSignal,
): Promise<ForgeApiOutcome<readonly Entry[]>> {
  if (proxy !== undefined) {
    if (network.allowsProxied(host)) return { ok: true, value: [] }
    return failure('unreachable', `${host} may not be contacted through a proxy`)
  }
  const addresses = isIP(host) === 0 ? await orAbort(lookup(host), signal) : [host]
  if (addresses.length === 0) return failure('unreachable', `${host} cannot be resolved`)
  if (!addresses.every((address) => allowAddress(host, address))) {
    return failure('unreachable', `${host} may not be contacted`)
  }
  return { ok: true, value: addresses.map((address) => ({ address, family: isIP(address) })) }
}

async function systemLookup(host: string): Promise<readonly string[]> {
  const entries = await lookUp(host, { all: true })
  return entries.map((entry) => entry.address)
}

// The system's resolver cannot be interrupted, so an abort only stops the waiting.
async function orAbort<Result>(promise: Promise<Result>, signal: AbortSignal): Promise<Result> {
  const aborted = Promise.withResolvers<never>()
  const onAbort = (): void => aborted.reject(new Error('aborted'))
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  try {
    return await Promise.race([promise, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function read({ clock }: ApiClientDeps, request: ApiRequest, raw: RawAnswer): ForgeApiOutcome<ApiAnswer> {
  const { status, headers, body } = raw
  const json = body === undefined ? undefined : parseJson(body)
  if (status < 200 || status > 299) {
    return answerFailure({ status, headers, json: json?.value }, request, clock.now())
  }
  if (body === undefined) return failure('unexpected', 'the answer is larger than 1 MB')
  if (json === undefined && body.trim() !== '') return failure('unexpected', 'the answer is not JSON')
  return { ok: true, value: { status, headers, json: json?.value } }
}

function parseJson(text: string): { readonly value: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text, keepLargeIds)
    return { value }
  } catch {
    return undefined
  }
}

// An id beyond 2^53 would come out as its neighbour.
function keepLargeIds(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source ?? ''
  return typeof value === 'number' && !Number.isSafeInteger(value) && /^\d+$/.test(source) ? source : value
}
