import type { BlockList } from 'node:net'
import { isIP } from 'node:net'
import { matchesGlob } from './glob.ts'
import { isListed, toBlockList } from './networks.ts'

export type HostPolicy = {
  /** Whether the daemon may contact `ip`, which `host` resolved to (or is). */
  readonly allows: (host: string, ip: string) => boolean
  /** Whether the name alone is refused, before anybody resolves it. */
  readonly allowsName: (host: string) => boolean
  /** Whether somebody else, who resolves the name himself, may be asked to contact the host. */
  readonly allowsUnresolved: (host: string) => boolean
}

/**
 * Which hosts users may make the daemon contact. Rules are host globs, addresses and CIDR ranges; a denied
 * host is denied whatever else allows it, and an empty list of allowed ones allows all others.
 */
export function createHostPolicy(rules: {
  readonly allowed: readonly string[]
  readonly denied: readonly string[]
}): HostPolicy {
  const allowed = parseRules(rules.allowed)
  const denied = parseRules(rules.denied)
  const allows = (host: string, ip: string): boolean =>
    !matches(denied, host, ip) && (rules.allowed.length === 0 || matches(allowed, host, ip))
  const allowsUnresolved = (host: string): boolean => {
    if (isIP(host) !== 0) return allows(host, host)
    return !matchesName(denied, host) && (rules.allowed.length === 0 || matchesName(allowed, host))
  }
  return {
    allows,
    allowsUnresolved,
    allowsName: (host) => {
      const literal = host.replace(/^\[(.*)\]$/, '$1')
      if (isIP(literal) !== 0) return allows(host, literal)
      if (matchesName(denied, host)) return false
      // A name outside the list of allowed names may still resolve into an allowed range.
      return rules.allowed.length === 0 || allowed.hasRanges || matchesName(allowed, host)
    },
  }
}

/** Where the daemon may speak git's protocol itself; no addresses: a proxy finds them out. Undefined: nowhere. */
export function createRelayPolicy(relay: {
  readonly isOn: boolean
  readonly disabledHosts: readonly string[]
}): ((host: string, addresses: readonly string[]) => boolean) | undefined {
  if (!relay.isOn) return undefined
  const { allows, allowsUnresolved } = createHostPolicy({ allowed: [], denied: relay.disabledHosts })
  return (host, addresses) => allowsUnresolved(host) && addresses.every((address) => allows(host, address))
}

type Rules = { readonly globs: readonly string[]; readonly ranges: BlockList; readonly hasRanges: boolean }

function parseRules(rules: readonly string[]): Rules {
  const networks = rules.filter((rule) => isIP(rule.split('/')[0] ?? '') !== 0)
  const globs = rules.filter((rule) => !networks.includes(rule)).map((rule) => rule.toLowerCase())
  return { globs, ranges: toBlockList(networks), hasRanges: networks.length > 0 }
}

function matches(rules: Rules, host: string, ip: string): boolean {
  return matchesName(rules, host) || isListed(rules.ranges, ip)
}

function matchesName(rules: Rules, host: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, '')
  return rules.globs.some((glob) => matchesGlob(glob, name))
}
