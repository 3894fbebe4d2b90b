import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

// The only place that compares secrets, always in constant time. An empty secret never matches,
// and neither does anything that is not exactly as long as a digest.

const HEX_SHA256 = /^[0-9a-f]{64}$/i
// Decoders of base64 stop at the first padding and pass over what follows it.
const BASE64_SHA256 = /^[0-9a-z+/]{43}=$/i

/** Whether `hex` is the HMAC-SHA256 of the content under one of the secrets. */
export function isHexHmac(hex: string, content: Uint8Array | string, secrets: readonly string[]): boolean {
  if (!HEX_SHA256.test(hex)) return false
  const given = Buffer.from(hex, 'hex')
  return secrets.some((secret) => secret !== '' && isEqual(given, hmac(secret, [content])))
}

/** Whether one of the base64 digests is the HMAC-SHA256 of the joined parts under one of the keys. */
export function isBase64Hmac(
  digests: readonly string[],
  parts: readonly (Uint8Array | string)[],
  keys: readonly Uint8Array[],
): boolean {
  const wellFormed = digests.filter((digest) => BASE64_SHA256.test(digest))
  const given = wellFormed.map((digest) => Buffer.from(digest, 'base64'))
  return keys.some((key) => {
    const expected = key.length === 0 ? undefined : hmac(key, parts)
    return expected !== undefined && given.some((digest) => isEqual(digest, expected))
  })
}

/** Whether the text is one of the secrets; digests are compared, so that lengths do not show either. */
export function isSecret(given: Uint8Array, secrets: readonly string[]): boolean {
  const digest = sha256(given)
  return secrets.some((secret) => secret !== '' && isEqual(digest, sha256(Buffer.from(secret))))
}

function hmac(key: string | Uint8Array, parts: readonly (Uint8Array | string)[]): Buffer {
  const digest = createHmac('sha256', key)
  for (const part of parts) digest.update(part)
  return digest.digest()
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}

function isEqual(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && timingSafeEqual(left, right)
}
