import { createPrivateKey, randomBytes } from 'node:crypto'
import { z } from 'zod'
import type { HelperDeps } from './helper.ts'
import { runHelper } from './helper.ts'

// Keys as `openssl genpkey` writes them. Older versions of ssh read those of RSA and ECDSA only, so an
// Ed25519 key is written anew in OpenSSH's own format.

export type Pkcs8Reading =
  | { readonly kind: 'ok'; readonly text: string }
  | { readonly kind: 'wrong_passphrase' }
  | { readonly kind: 'unreadable' }

const WRONG_PASSPHRASE_EXIT = 3

// In a process of its own: the key says how much work its passphrase makes, and nothing could interrupt it here.
const DECRYPT = `
const { createPrivateKey } = require('node:crypto')
const { key, passphrase } = JSON.parse(require('node:fs').readFileSync(0, 'utf8'))
try {
  process.stdout.write(createPrivateKey({ key, passphrase }).export({ type: 'pkcs8', format: 'pem' }))
} catch (error) {
  process.exitCode = error.code === 'ERR_OSSL_BAD_DECRYPT' ? ${WRONG_PASSPHRASE_EXIT} : 1
}`

/** The key without its passphrase, in a form that ssh reads; any text that is no PKCS #8 stays as it is. */
export async function readPkcs8(
  deps: HelperDeps,
  text: string,
  passphrase: string | undefined,
): Promise<Pkcs8Reading> {
  if (/^-----BEGIN PRIVATE KEY-----$/m.test(text)) return toReadable(text)
  if (!/^-----BEGIN ENCRYPTED PRIVATE KEY-----$/m.test(text)) return { kind: 'ok', text }
  if (passphrase === undefined) return { kind: 'wrong_passphrase' }
  const result = await runHelper(deps, {
    file: process.execPath,
    args: ['--eval', DECRYPT],
    input: JSON.stringify({ key: text, passphrase }),
  })
  if (result.exitCode === WRONG_PASSPHRASE_EXIT) return { kind: 'wrong_passphrase' }
  return result.exitCode === 0 ? toReadable(result.stdout) : { kind: 'unreadable' }
}

function toReadable(pem: string): Pkcs8Reading {
  try {
    const key = createPrivateKey(pem)
    if (key.asymmetricKeyType !== 'ed25519') return { kind: 'ok', text: pem }
    return { kind: 'ok', text: formatEd25519(key.export({ format: 'jwk' })) }
  } catch {
    return { kind: 'unreadable' }
  }
}

const Ed25519 = z.object({ d: z.base64url(), x: z.base64url() })

// https://cvsweb.openbsd.org/src/usr.bin/ssh/PROTOCOL.key
function formatEd25519(jwk: unknown): string {
  const { d, x } = Ed25519.parse(jwk)
  const [seed, point] = [Buffer.from(d, 'base64url'), Buffer.from(x, 'base64url')]
  const check = randomBytes(4)
  const type = lengthFirst(Buffer.from('ssh-ed25519'))
  const secret = Buffer.concat([
    check,
    check,
    type,
    lengthFirst(point),
    lengthFirst(Buffer.concat([seed, point])),
    lengthFirst(Buffer.alloc(0)),
  ])
  const padding = Buffer.from([1, 2, 3, 4, 5, 6, 7]).subarray(0, (8 - (secret.length % 8)) % 8)
  const body = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    ...['none', 'none', ''].map((name) => lengthFirst(Buffer.from(name))),
    uint32(1),
    lengthFirst(Buffer.concat([type, lengthFirst(point)])),
    lengthFirst(Buffer.concat([secret, padding])),
  ])
  const lines = body.toString('base64').match(/.{1,70}/g) ?? []
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines.join('\n')}\n-----END OPENSSH PRIVATE KEY-----\n`
}

function lengthFirst(bytes: Buffer): Buffer {
  return Buffer.concat([uint32(bytes.length), bytes])
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
