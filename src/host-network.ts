import { matchesGlob } from './glob.ts'

// How each host is reached over HTTP and HTTPS: whose certificates it may show, and through which proxy.
// Everything of ours that speaks HTTP to a forge asks here, so that git and our own clients never differ.

/** A value for the hosts that a glob, a name or an address means. */
export type HostRule<Value> = { readonly host: string; readonly value: Value }

/** Certificates of authorities that are trusted beside those of the system. */
export type Bundle = { readonly file: string; readonly certificates: readonly string[] }

export type Proxy = {
  /** `host:port`, for people. */
  readonly name: string
  /** With its user name and password: for where no one else reads. */
  readonly url: string
  /** Every form in which its password could show up. */
  readonly secrets: readonly string[]
}

export type HostRoute = {
  /** Undefined: what the system trusts, and no more. */
  readonly bundle: Bundle | undefined
  /** Undefined: directly. */
  readonly proxy: Proxy | undefined
}

export type HostNetwork = {
  /** For a name, or an address without brackets. */
  readonly routeTo: (host: string) => HostRoute
  /** Whether a proxy may be asked for the host; the proxy alone learns to which address its name leads. */
  readonly allowsProxied: (host: string) => boolean
}

/** Of several rules that mean a host the first decides. */
export function createHostNetwork(rules: {
  readonly bundles: readonly HostRule<Bundle>[]
  readonly proxies: readonly HostRule<Proxy | 'direct'>[]
  readonly allowsProxied: (host: string) => boolean
}): HostNetwork {
  const bundleFor = firstMatch(rules.bundles)
  const proxyFor = firstMatch(rules.proxies)
  return {
    routeTo: (host) => {
      const proxy = proxyFor(host)
      return { bundle: bundleFor(host), proxy: proxy === 'direct' ? undefined : proxy }
    },
    allowsProxied: rules.allowsProxied,
  }
}

/** Trusting what the system trusts, and through no proxy. */
export const DIRECT_ROUTE: HostRoute = { bundle: undefined, proxy: undefined }

/** All hosts that way. */
export const DIRECT_NETWORK = createHostNetwork({ bundles: [], proxies: [], allowsProxied: () => false })

function firstMatch<Value>(rules: readonly HostRule<Value>[]): (host: string) => Value | undefined {
  return (host) => {
    const name = host.toLowerCase().replace(/\.$/, '')
    return rules.find((rule) => matchesGlob(rule.host, name))?.value
  }
}

/** `http://[user:password@]host:port`; undefined when it is anything else. */
export function parseProxy(text: string): Proxy | undefined {
  // The port has no usual value: git and Node would each take another one.
  if (!/^http:\/\/(?:[^/?#]*@)?(?:[^/?#@:[\]]+|\[[0-9a-f:.]+\]):\d+\/?$/i.test(text)) return undefined
  if (!URL.canParse(text)) return undefined
  const url = new URL(text)
  const name = `${url.hostname}:${url.port === '' ? '80' : url.port}`
  if (url.username === '')
    return url.password === '' ? { name, url: `http://${name}`, secrets: [] } : undefined
  const [username, password] = [decode(url.username), decode(url.password)]
  if (username === undefined || password === undefined || username.includes(':')) return undefined
  const escaped = encodeURIComponent(password)
  const login = `${encodeURIComponent(username)}:${escaped}`
  const base64 = Buffer.from(`${username}:${password}`).toString('base64')
  return {
    name,
    url: `http://${login}@${name}`,
    secrets: [base64, escaped, password].filter((secret) => secret !== ''),
  }
}

// A control character could end a header, and git stops at one.
function decode(text: string): string | undefined {
  try {
    const plain = decodeURIComponent(text)
    return /[\u0000-\u001f\u007f]/.test(plain) ? undefined : plain
  } catch {
    return undefined
  }
}
