import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import type { Logger } from '../log.ts'

// Secrets at rest. A sealed text names its version and its key, and is bound to one purpose:
// moved to another row it cannot be opened. It knows nothing of what it keeps.

/** Seals and opens secrets with one key; the purpose must be the same both times. */
export type Vault = {
  readonly seal: (secret: string, purpose: string) => string
  /** Throws `UnreadableSecret` when the text was changed, belongs to another purpose, or was sealed with another key. */
  readonly open: (sealed: string, purpose: string) => string
}

export type SecretKeySource = {
  /** 32 bytes as base64 or hex; wins over the file. */
  readonly secretKey: string | undefined
  readonly secretKeyFile: string
}

/** A stored secret that nobody can open until its key is back or it is set again. */
export class UnreadableSecret extends Error {
  override readonly name = 'UnreadableSecret'
}

const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
const VERSION = 'v1'

export function createVault(key: Uint8Array): Vault {
  if (key.length !== KEY_BYTES) throw new Error(`the secret key must have ${KEY_BYTES} bytes`)
  // Names the key without telling anything about it.
  const keyId = Buffer.from(hkdfSync('sha256', key, '', 'reposync key id', 6)).toString('base64url')
  return {
    seal: (secret, purpose) => {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
      cipher.setAAD(Buffer.from(purpose))
      const body = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()])
      return [VERSION, keyId, Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64url')].join(
        '.',
      )
    },
    open: (sealed, purpose) => {
      const [version, sealedBy, text, ...rest] = sealed.split('.')
      if (version !== VERSION || text === undefined || rest.length > 0) {
        throw new UnreadableSecret('a stored secret has an unknown form')
      }
      if (sealedBy !== keyId) {
        throw new UnreadableSecret(
          'a stored secret was encrypted with another SECRET_KEY; restore that key or set the secret again',
        )
      }
      const bytes = Buffer.from(text, 'base64url')
      const nonce = bytes.subarray(0, NONCE_BYTES)
      const tag = bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES)
      try {
        const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
        decipher.setAAD(Buffer.from(purpose))
        decipher.setAuthTag(tag)
        return (
          decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
        )
      } catch (cause) {
        throw new UnreadableSecret('a stored secret was changed or moved and cannot be decrypted', { cause })
      }
    },
  }
}

/**
 * The key from the setting, else from the file, which is made when it does not exist. Throws a sentence for the
 * operator when it does not and none may be made, because something is sealed with the key of before.
 */
export function loadSecretKey(
  deps: { readonly logger: Logger; readonly mayMakeKey: boolean },
  source: SecretKeySource,
): Uint8Array {
  if (source.secretKey !== undefined) return decodeKey(source.secretKey, 'SECRET_KEY')
  const file = source.secretKeyFile
  const found = readKeyFile(file)
  if (found === undefined && !deps.mayMakeKey) throw keyMissing(file)
  const text = found ?? createKeyFile(file)
  if ((statSync(file).mode & 0o077) !== 0) {
    deps.logger.warn({ file }, 'the secret key file can be read by other users; set its mode to 0600')
  }
  return decodeKey(text, `SECRET_KEY_FILE ${file}`)
}

function decodeKey(text: string, name: string): Uint8Array {
  const trimmed = text.trim()
  const key = /^[0-9a-f]{64}$/i.test(trimmed)
    ? Buffer.from(trimmed, 'hex')
    : /^[A-Za-z0-9+/_-]{43}=?$/.test(trimmed)
      ? Buffer.from(trimmed, 'base64')
      : undefined
  if (key?.length !== KEY_BYTES) {
    throw new Error(`${name} must hold 32 bytes in base64 or hex, as \`openssl rand -base64 32\` prints them`)
  }
  return key
}

function keyMissing(file: string): Error {
  const zh = `缺少密钥文件，而数据库中已有用原密钥加密的凭据：请放回原文件，或用 SECRET_KEY 提供原密钥；若已丢失，请用 \`openssl rand -base64 32\` 新建该文件，再重新设置凭据`
  const en = `the key file is missing, but the database holds credentials that were encrypted with the key of before: put that file back, or give its key as SECRET_KEY; if it is lost, make the file with \`openssl rand -base64 32\` and set the credentials again`
  return new Error(`SECRET_KEY_FILE ${file}: ${zh} / ${en}`)
}

function readKeyFile(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return undefined
    throw new Error(`SECRET_KEY_FILE ${file} cannot be read`, { cause })
  }
}

// Written beside and then linked: nobody ever reads half a key, and of two processes that
// start together both use the key of the first.
function createKeyFile(file: string): string {
  const text = `${randomBytes(KEY_BYTES).toString('base64')}\n`
  const draft = `${file}.${randomBytes(6).toString('hex')}`
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    const handle = openSync(draft, 'wx', 0o600)
    try {
      writeSync(handle, text)
      fsyncSync(handle)
    } finally {
      closeSync(handle)
    }
    try {
      linkSync(draft, file)
    } catch (cause) {
      if (!hasCode(cause, 'EEXIST')) throw cause
    } finally {
      unlinkSync(draft)
    }
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new Error(`SECRET_KEY_FILE ${file} cannot be created`, { cause })
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
