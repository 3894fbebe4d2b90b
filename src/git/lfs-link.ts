import { validateHeaderName, validateHeaderValue } from 'node:http'
import { isPrivateAddress } from '../networks.ts'
import { isForgePort } from '../ports.ts'
import type { HttpRequest } from './exchange.ts'

// Where an answer about LFS objects may lead. The objects of many forges are on another host, so a link has
// to be followed wherever it goes; but whoever runs the forge must not be able to send us around in a network
// that only we can reach, nor get a login to see that was meant for somebody else.

/** The forge that gives links. */
export type LinkSource = {
  readonly scheme: 'http' | 'https' | 'ssh'
  readonly host: string
  readonly addresses: readonly string[]
}

export type LfsLink = {
  readonly url: URL
  /** Meant for this link alone. */
  readonly headers: Readonly<Record<string, string>>
  readonly network: HttpRequest['network']
  /** The storage wants an upload in chunks, without a length. */
  readonly isChunked: boolean
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
  /** What no message may repeat. */
  readonly secrets: readonly string[]
  readonly source: LinkSource
}

type Place = Pick<LfsLink, 'url' | 'network'>

/** The place that a link names, and which networks it may be in; otherwise, in one line, why it is not followed. */
export function judgeLink(
  href: string,
  base: URL | undefined,
  source: LinkSource,
): Place | { refused: string } {
  if (!URL.canParse(href, base?.href)) return { refused: 'the server names no address' }
  const url = new URL(href, base?.href)
  const isHttp = url.protocol === 'http:' || url.protocol === 'https:'
  if (!isHttp || url.username !== '' || url.password !== '') {
    return { refused: 'the server names an address of a form that is not allowed' }
  }
  const port = url.port === '' ? 443 : Number(url.port)
  if (!isForgePort(port) || port === 22)
    return { refused: `the server names port ${port} of ${url.hostname}` }
  if (url.protocol === 'http:' && source.scheme === 'https') {
    return { refused: `the server names ${url.host} without encryption` }
  }
  return { url, network: networkOf(url, source) }
}

function networkOf(url: URL, source: LinkSource): HttpRequest['network'] {
  // Over ssh a forge may name plain http; what goes there must not leave the network.
  if (url.protocol === 'http:' && source.scheme === 'ssh') return 'private'
  if (url.hostname.replace(/^\[(.*)\]$/, '$1').toLowerCase() === source.host.toLowerCase()) return undefined
  return source.addresses.some(isPrivateAddress) ? undefined : 'public'
}

const OURS =
  /^(?:host|connection|content-length|expect|keep-alive|te|trailer|transfer-encoding|upgrade|proxy-.*)$/i

/** The headers of a link that may be sent; those that belong to the connection are ours. */
export function usableHeaders(header: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(header).flatMap(([name, value]) =>
      OURS.test(name) || !isValidHeader(name, value) ? [] : [[name.toLowerCase(), value]],
    ),
  )
}

/** Whether the headers ask for an upload in chunks. */
export function asksForChunks(header: Readonly<Record<string, string>>): boolean {
  return Object.entries(header).some(([name, value]) =>
    /^transfer-encoding: *chunked$/i.test(`${name}:${value}`),
  )
}

/** What proves who is asking, in every form in which a server could repeat it. */
export function secretsOf(url: URL, header: Readonly<Record<string, string>>): readonly string[] {
  const values = Object.values(header)
  const parts = [...values, ...values.flatMap((value) => value.split(' '))]
  // A shorter one would be found in every other word.
  return [...parts, url.search, ...url.searchParams.values()].filter(({ length }) => length >= 8)
}

function isValidHeader(name: string, value: string): boolean {
  try {
    validateHeaderName(name)
    validateHeaderValue(name, value)
    return true
  } catch {
    return false
  }
}
