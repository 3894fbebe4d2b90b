import { isIP, isIPv6 } from 'node:net'
import { z } from 'zod'
import { DAY, HOUR, MINUTE, SECOND } from './clock.ts'
import { parseProxy } from './host-network.ts'
import type { HostRule, Proxy } from './host-network.ts'
import { isTimezone } from './task/cron.ts'

// The kinds of values a setting can have, each from the text of a variable. What a parser
// complains about ends the sentence "<VARIABLE> <complaint>", and never repeats the text itself.

const DURATION_UNIT: Readonly<Record<string, number>> = { ms: 1, s: SECOND, m: MINUTE, h: HOUR, d: DAY }
const SIZE_UNIT: Readonly<Record<string, number>> = { '': 1, b: 1, kb: 1 << 10, mb: 1 << 20, gb: 1 << 30 }
const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['1', true],
  ['yes', true],
  ['on', true],
  ['false', false],
  ['0', false],
  ['no', false],
  ['off', false],
])

export const text = z.string().trim()

export const booleanText = setting(
  (value) => BOOLEANS.get(value.toLowerCase()),
  'must be true or false (1/0, yes/no and on/off are accepted too)',
)

/** Milliseconds; a plain 0 needs no unit. */
export const durationText = setting((value) => {
  if (value === '0') return 0
  const [, amount, unit] = /^(\d+)(ms|s|m|h|d)$/.exec(value) ?? []
  const durationMs = Number(amount) * (DURATION_UNIT[unit ?? ''] ?? Number.NaN)
  return Number.isSafeInteger(durationMs) ? durationMs : undefined
}, 'must be a duration such as 500ms, 30s, 10m, 2h or 7d')

/** Bytes. */
export const sizeText = setting((value) => {
  const [, amount, unit] = /^(\d+)\s*(|b|kb|mb|gb)$/.exec(value.toLowerCase()) ?? []
  const bytes = Number(amount) * (SIZE_UNIT[unit ?? '-'] ?? Number.NaN)
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : undefined
}, 'must be a size such as 512KB, 25MB or 1GB')

export function integerText(lowest: number, highest: number) {
  return setting((value) => {
    const number = /^\d+$/.test(value) ? Number(value) : Number.NaN
    return number >= lowest && number <= highest ? number : undefined
  }, `must be a whole number from ${lowest} to ${highest}`)
}

export function choiceText<const Choice extends string>(choices: readonly Choice[]) {
  return setting(
    (value) => choices.find((choice) => choice === value.toLowerCase()),
    `must be one of ${choices.join(', ')}`,
  )
}

/** An address or host name of this machine; IPv6 with or without brackets. */
export const listenHostText = setting((value) => {
  const host = value.replace(/^\[(.*)\]$/, '$1')
  return /^[A-Za-z0-9._:%-]+$/.test(host) ? host : undefined
}, 'must be an address or host name to listen on, without a port')

/** The name of an HTTP header, in lower case. */
export const headerText = setting(
  (value) => (/^[\w!#$%&'*+.^`|~-]+$/.test(value) ? value.toLowerCase() : undefined),
  'must be the name of an HTTP header',
)

/** A path into JSON as in RFC 6901. */
export const jsonPointerText = setting(
  (value) => (/^(?:\/(?:[^/~]|~[01])*)+$/.test(value) ? value : undefined),
  'must be a JSON pointer such as /repository/clone_url',
)

/** Comma-separated; empty items are dropped. */
export const listText = text.transform((value): readonly string[] => splitList(value))

export function choiceListText<const Choice extends string>(choices: readonly Choice[]) {
  return setting(
    (value) => {
      const items = new Set(splitList(value.toLowerCase()))
      const known = choices.filter((choice) => items.has(choice))
      return known.length > 0 && known.length === items.size ? known : undefined
    },
    `must be a comma-separated list of ${choices.join(', ')}`,
  )
}

/** Addresses and CIDR ranges. */
export const networkListText = setting((value) => {
  const items = splitList(value)
  return items.every(isNetwork) ? items : undefined
}, 'must be a comma-separated list of IP addresses and CIDR ranges such as 192.0.2.1 or 10.0.0.0/8')

/** Host globs, addresses and CIDR ranges. */
export const hostListText = setting((value) => {
  const items = splitList(value.toLowerCase())
  return items.every((item) => isNetwork(item) || /^[a-z0-9*?_.-]+$/.test(item)) ? items : undefined
}, 'must be a comma-separated list of host names, globs such as *.example.com and CIDR ranges such as 10.0.0.0/8')

/** A file for each host; see `hostRules`. */
export const hostFileText = setting(
  (value) => hostRules(value, (file) => file),
  'must be a comma-separated list of hosts and files such as git.corp.example=/etc/reposync/ca.pem or *.lab.example=lab.pem, each host once and without a port',
)

/** A proxy for each host, or `direct`; see `hostRules`. */
export const hostProxyText = setting(
  (value) =>
    hostRules<Proxy | 'direct'>(value, (proxy) =>
      proxy.toLowerCase() === 'direct' ? 'direct' : parseProxy(proxy),
    ),
  'must be a comma-separated list of hosts and proxies such as *.corp.example=direct or *=http://user:password@proxy.example:3128, each host once and without a port; a proxy is spoken to over http and needs a port, and special characters in its password are percent-encoded',
)

/** The IANA name of a time zone. */
export const timezoneText = setting((value) => {
  return isTimezone(value) ? value : undefined
}, 'must be the name of a time zone such as Asia/Shanghai or UTC')

/** A web address without credentials, query or trailing slash. */
export const webAddressText = setting((value) => {
  const url = URL.canParse(value) ? new URL(value) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) return undefined
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') return undefined
  return url.href.replace(/\/+$/, '')
}, 'must be an http or https address without user name, password or query')

type DatabaseAddress =
  { readonly kind: 'sqlite'; readonly file: string } | { readonly kind: 'postgres'; readonly url: string }

export const databaseText = setting<DatabaseAddress>((value) => {
  const [, file] = /^sqlite:(?:\/\/)?(.+)$/.exec(value) ?? []
  if (file !== undefined) return file === ':memory:' ? undefined : { kind: 'sqlite', file }
  return /^postgres(?:ql)?:\/\/./.test(value) && URL.canParse(value)
    ? { kind: 'postgres', url: value }
    : undefined
}, 'must be sqlite:<file> or postgres://<user>:<password>@<host>/<database>')

/** 32 bytes as text; the vault decodes them. */
export const secretKeyText = setting((value) => {
  const isHex = /^[0-9a-f]{64}$/i.test(value)
  const isBase64 = /^[A-Za-z0-9+/_-]{43}=?$/.test(value)
  return isHex || isBase64 ? value : undefined
}, 'must be 32 bytes in base64 or hex, as `openssl rand -base64 32` prints them')

function setting<Value>(parse: (text: string) => Value | undefined, complaint: string) {
  return text.transform((value, context): Value => {
    const parsed = parse(value)
    if (parsed !== undefined) return parsed
    context.addIssue({ code: 'custom', message: complaint })
    return z.NEVER
  })
}

function splitList(value: string): readonly string[] {
  return value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

/** Names, globs and addresses with a value each. */
function hostRules<Value>(
  text: string,
  parse: (value: string) => Value | undefined,
): readonly HostRule<Value>[] | undefined {
  const rules = splitList(text).map((item) => {
    const [, host = '', value = ''] = /^([^=]*)=(.*)$/.exec(item) ?? []
    return { host: hostPattern(host.trim()), value: value.trim() === '' ? undefined : parse(value.trim()) }
  })
  const whole = rules.flatMap(({ host, value }) =>
    host === undefined || value === undefined ? [] : [{ host, value }],
  )
  const isWhole =
    whole.length === rules.length && new Set(whole.map(({ host }) => host)).size === rules.length
  return isWhole ? whole : undefined
}

function hostPattern(text: string): string | undefined {
  const host = text.toLowerCase().replace(/^\[(.*)\]$/, '$1')
  if (isIPv6(host)) return new URL(`http://[${host}]/`).hostname.slice(1, -1)
  return /^[a-z0-9*?_.-]+$/.test(host) ? host : undefined
}

function isNetwork(item: string): boolean {
  const [address, prefix, ...rest] = item.split('/')
  const family = isIP(address ?? '')
  if (family === 0 || rest.length > 0) return false
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128))
}
