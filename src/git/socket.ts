import type { LookupFunction } from 'node:net'
import { isIPv6 } from 'node:net'

// What every HTTP connection of our own is bound to.

/** A resolver that knows only these addresses, so that a name cannot lead elsewhere after it was checked. */
export function pinned(addresses: readonly string[]): LookupFunction {
  const entries = addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }))
  return (host, options, callback) => {
    const [first] = entries
    if (first === undefined) return callback(new Error(`${host} has no address`), '', 0)
    if (options.all === true) return callback(null, entries)
    return callback(null, first.address, first.family)
  }
}
