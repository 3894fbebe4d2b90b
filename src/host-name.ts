import { BlockList, isIP } from 'node:net'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** Whether a listening address or host name reaches this machine only. */
export function isLoopback(host: string): boolean {
  const family = isIP(host)
  if (family === 0) return /^(?:.+\.)?localhost$/i.test(host)
  return loopback.check(host, family === 4 ? 'ipv4' : 'ipv6')
}

/** The name in a `Host` header, without port and brackets. */
export function hostName(host: string): string {
  return host
    .toLowerCase()
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1')
}
