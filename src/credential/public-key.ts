import { createHash } from 'node:crypto'

// Public keys as SSH writes them in one line.

export type PublicKey = {
  /** E.g. `ssh-ed25519`. */
  readonly type: string
  /** Base64. */
  readonly key: string
}

const LINE = /^(ssh-[a-z0-9-]+|ecdsa-sha2-nistp\d+|sk-[a-z0-9@.-]+) +([A-Za-z0-9+/]+={0,2})(?: .*)?$/

/** Undefined when the line is no public key, or names another type than the key itself does. */
export function parsePublicKey(line: string): PublicKey | undefined {
  const [, type, key] = LINE.exec(line.trim()) ?? []
  if (type === undefined || key === undefined) return undefined
  const blob = Buffer.from(key, 'base64')
  const named = blob.subarray(4, 4 + type.length).toString('latin1')
  return blob.length > 4 + type.length && blob.readUInt32BE(0) === type.length && named === type
    ? { type, key }
    : undefined
}

/** `SHA256:…` as ssh and the forges show it. */
export function fingerprintOf({ key }: Pick<PublicKey, 'key'>): string {
  const digest = createHash('sha256').update(Buffer.from(key, 'base64')).digest('base64')
  return `SHA256:${digest.replace(/=+$/, '')}`
}
