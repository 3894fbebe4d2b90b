// SSH host keys, and the store that the daemon lends us for them.

export type HostKey = {
  /** As known_hosts names it: `host`, or `[host]:port` when the port is not 22. */
  readonly host: string
  /** E.g. `ssh-ed25519`. */
  readonly type: string
  /** Base64. */
  readonly key: string
}

export type HostKeys = {
  /** `tofu`: the first key of an unknown host is trusted and reported; `strict`: only keys of the store. */
  readonly policy: 'tofu' | 'strict'
  readonly find: (host: string) => Promise<readonly HostKey[]>
  /** Called with each key that was trusted at first use; may be called twice for one key. */
  readonly trust: (key: HostKey) => Promise<void>
}

export function hostKeyName(host: string, port: number): string {
  return port === 22 ? host : `[${host}]:${port}`
}

export function formatKnownHosts(keys: readonly HostKey[]): string {
  return keys.map((key) => `${key.host} ${key.type} ${key.key}\n`).join('')
}

/** Lines that are not plain keys (comments, markers, hashed names) are left out. */
export function parseKnownHosts(text: string): readonly HostKey[] {
  return text.split('\n').flatMap((line) => {
    const [host, type, key] = line.trim().split(/\s+/)
    if (host === undefined || type === undefined || key === undefined) return []
    return /^[#@|]/.test(host) ? [] : [{ host, type, key }]
  })
}
