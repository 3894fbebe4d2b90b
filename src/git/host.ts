import { isIP } from 'node:net'
import type { GitOutcome } from './git-error.ts'
import { failed } from './git-error.ts'
import type { RemoteUrl } from './refs.ts'

// Where a URL leads, and whether the daemon may go there. A name is looked up once and git is bound
// to the answer, so a name server cannot give one address to the check and another to git.

export type HostDeps = {
  /** Whether the daemon may contact this address of the host; asked for every address of a name. */
  readonly allowAddress: (host: string, ip: string) => boolean
  readonly lookup: (host: string) => Promise<readonly string[]>
}

export type Endpoint =
  | {
      readonly scheme: 'http' | 'https'
      readonly origin: string
      readonly host: string
      readonly port: number
    }
  | { readonly scheme: 'ssh'; readonly host: string; readonly port: number; readonly user: string }
  | { readonly scheme: 'file' }

/** Undefined: a form that git would understand differently, or one we do not speak. */
export function parseEndpoint(url: RemoteUrl): Endpoint | undefined {
  const scp = /^(?:([A-Za-z0-9_][^@:/]*)@)?(\[[0-9a-f:.]+\]|[A-Za-z0-9][A-Za-z0-9._-]*):(?![-:]|\/\/)./i.exec(
    url,
  )
  if (scp !== null) return sshEndpoint(scp[1] ?? '', scp[2] ?? '', 22)
  if (!URL.canParse(url)) return undefined
  const { protocol, hostname, origin, port, username, password } = new URL(url)
  if (password !== '') return undefined
  if (protocol === 'file:') return { scheme: 'file' }
  if (protocol === 'ssh:') return sshEndpoint(username, hostname, port === '' ? 22 : Number(port))
  if (username !== '' || hostname === '') return undefined
  if (protocol !== 'http:' && protocol !== 'https:') return undefined
  const usual = protocol === 'http:' ? 80 : 443
  return {
    scheme: protocol === 'http:' ? 'http' : 'https',
    origin,
    host: withoutBrackets(hostname),
    port: port === '' ? usual : Number(port),
  }
}

// These words become part of a command line that ssh's caller hands to a shell.
function sshEndpoint(user: string, hostname: string, port: number): Endpoint | undefined {
  const host = withoutBrackets(hostname).toLowerCase()
  if (isIP(host) === 0 && !/^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$/.test(host)) return undefined
  return { scheme: 'ssh', host, port, user }
}

function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1')
}

/** Every address of a host, all of them allowed; one that is not spoils the whole answer. */
export async function resolveHost(
  deps: HostDeps,
  host: string,
  signal: AbortSignal,
): Promise<GitOutcome<{ readonly addresses: readonly string[] }>> {
  const addresses = isIP(host) === 0 ? await lookUp(deps, host, signal) : [host]
  if (signal.aborted) return failed('canceled', 'canceled')
  if (addresses.length === 0) return failed('dns', `Could not resolve host: ${host}`)
  const denied = addresses.find((address) => !deps.allowAddress(host, address))
  if (denied !== undefined)
    return failed('address_denied', `${host} leads to ${denied}, which is not allowed`)
  return { ok: true, addresses }
}

// The system's resolver cannot be interrupted, so an abort only stops the waiting.
async function lookUp(deps: HostDeps, host: string, signal: AbortSignal): Promise<readonly string[]> {
  const aborted = Promise.withResolvers<readonly string[]>()
  const onAbort = (): void => aborted.resolve([])
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([deps.lookup(host).catch(() => []), aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
