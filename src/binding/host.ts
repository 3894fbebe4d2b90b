import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net'
import { domainToASCII } from 'node:url'

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
  // The list looks through `::ffff:10.0.0.1` to the IPv4 address in it.
  if (isIP(host) !== 0) return PRIVATE_NETWORKS.check(host, isIPv4(host) ? 'ipv4' : 'ipv6')
  return !host.includes('.') || /\.(?:local|localhost|internal|intranet|lan|corp|home\.arpa|test)$/.test(host)
}

const PRIVATE_NETWORKS = new BlockList()
PRIVATE_NETWORKS.addSubnet('10.0.0.0', 8, 'ipv4')
PRIVATE_NETWORKS.addSubnet('100.64.0.0', 10, 'ipv4')
PRIVATE_NETWORKS.addSubnet('127.0.0.0', 8, 'ipv4')
PRIVATE_NETWORKS.addSubnet('169.254.0.0', 16, 'ipv4')
PRIVATE_NETWORKS.addSubnet('172.16.0.0', 12, 'ipv4')
PRIVATE_NETWORKS.addSubnet('192.168.0.0', 16, 'ipv4')
PRIVATE_NETWORKS.addAddress('::1', 'ipv6')
PRIVATE_NETWORKS.addSubnet('fc00::', 7, 'ipv6')
PRIVATE_NETWORKS.addSubnet('fe80::', 10, 'ipv6')
