import { isIP, isIPv6 } from 'node:net'
import { domainToASCII } from 'node:url'
import { isPrivateAddress } from '../networks.ts'

// Names of machines: one spelling per host.

const LABEL = '[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?'
const HOST_NAME = new RegExp(`^(?=.{1,253}$)${LABEL}(?:\\.${LABEL})*$`)

/**
 * The one spelling of a host: lower case, punycode, no trailing dot, numeric addresses in their usual form
 * (`2130706433` is `127.0.0.1`), IPv6 without brackets. Undefined when it is no host.
 */
export function canonicalHost(text: string): string | undefined {
  if (text.startsWith('[')) {
    const inner = text.endsWith(']') ? text.slice(1, -1) : ''
    if (!isIPv6(inner) || inner.includes('%')) return undefined
    return new URL(`http://[${inner}]/`).hostname.slice(1, -1)
  }
  // An escape in a host is read differently by different clients.
  if (text.includes('%')) return undefined
  const ascii = domainToASCII(text.replace(/\.$/, '')).replace(/\.$/, '')
  return HOST_NAME.test(ascii) ? ascii : undefined
}

/** As it stands in an address: IPv6 in brackets. */
export function bracketHost(host: string): string {
  return isIPv6(host) ? `[${host}]` : host
}

/** Whether traffic to the host stays inside: private addresses, and names only an inside resolver knows. */
export function isPrivateHost(host: string): boolean {
  if (isIP(host) !== 0) return isPrivateAddress(host)
  return !host.includes('.') || /\.(?:local|localhost|internal|intranet|lan|corp|home\.arpa|test)$/.test(host)
}
