import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

// The only place that compares secrets, always in constant time. An empty secret never matches,
// and neither does anything that is not exactly as long as a digest.

export const HMAC_ALGORITHMS = ['sha256', 'sha1', 'sha512'] as const
export type HmacAlgorithm = (typeof HMAC_ALGORITHMS)[number]

const DIGEST_BYTES: Readonly<Record<HmacAlgorithm, number>> = { sha1: 20, sha256: 32, sha512: 64 }

/** Whether `hex` is the HMAC of the content under one of the secrets. */
export function isHexHmac(
  hex: string,
  content: Uint8Array | string,
  secrets: readonly string[],
  algorithm: HmacAlgorithm = 'sha256',
): boolean {
  if (hex.length !== 2 * DIGEST_BYTES[algorithm] || !/^[0-9a-f]+$/i.test(hex)) return false
  const given = Buffer.from(hex, 'hex')
  return secrets.some((secret) => secret !== '' && isEqual(given, hmac(algorithm, secret, [content])))
}

/** Whether one of the base64 digests is the HMAC of the joined parts under one of the keys. */
export function isBase64Hmac(
  digests: readonly string[],
  parts: readonly (Uint8Array | string)[],
  keys: readonly Uint8Array[],
  algorithm: HmacAlgorithm = 'sha256',
): boolean {
  const given = digests.flatMap((digest) => decodeBase64(digest, DIGEST_BYTES[algorithm]))
  return keys.some((key) => {
    const expected = key.length === 0 ? undefined : hmac(algorithm, key, parts)
    return expected !== undefined && given.some((digest) => isEqual(digest, expected))
  })
}

/** Whether the text is one of the secrets; digests are compared, so that lengths do not show either. */
export function isSecret(given: Uint8Array, secrets: readonly string[]): boolean {
  const digest = sha256(given)
  return secrets.some((secret) => secret !== '' && isEqual(digest, sha256(Buffer.from(secret))))
}

// Decoders of base64 stop at the first padding and pass over what follows it.
function decodeBase64(text: string, length: number): readonly Buffer[] {
  if (text.length !== 4 * Math.ceil(length / 3)) return []
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? [bytes] : []
}

function hmac(
  algorithm: HmacAlgorithm,
  key: string | Uint8Array,
  parts: readonly (Uint8Array | string)[],
): Buffer {
  const digest = createHmac(algorithm, key)
  for (const part of parts) digest.update(part)
  return digest.digest()
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}

function isEqual(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && timingSafeEqual(left, right)
}
