import type { SshKeyId } from '../ids.ts'
import type { Executor } from '../db/database.ts'
import { parsePublicKey } from './public-key.ts'

/** An SSH key that bindings and repositories name in place of a secret of their own. */
export type SshKey = {
  readonly id: SshKeyId
  readonly name: string
  readonly description: string
  readonly type: SshKeyType
  /** `<type> <base64>`, as a forge takes it. */
  readonly publicKey: string
  readonly fingerprint: string
  /** Whether it came with one; it is not kept. */
  readonly hasPassphrase: boolean
  readonly createdAt: number
  readonly updatedAt: number
}

export type SshKeyType = 'rsa' | 'ed25519' | 'ecdsa'
export const SSH_KEY_TYPES = ['rsa', 'ed25519', 'ecdsa'] as const

/** Who would be left without a key. */
export type KeyUser = {
  readonly keyId: SshKeyId
  /** E.g. `binding`. */
  readonly type: string
  readonly name: string
  /** Where in it, e.g. `internal`; null where there is one place only. */
  readonly place: string | null
}

/** One room's answer to who of it uses these keys. */
export type FindKeyUsers = (db: Executor, ids: readonly SshKeyId[]) => Promise<readonly KeyUser[]>

/** Undefined for what a file cannot hold (a key in hardware) and what servers refuse by now (DSA). */
export function typeOfPublicKey(line: string): SshKeyType | undefined {
  const type = parsePublicKey(line)?.type ?? ''
  if (type === 'ssh-rsa') return 'rsa'
  if (type === 'ssh-ed25519') return 'ed25519'
  return type.startsWith('ecdsa-sha2-nistp') ? 'ecdsa' : undefined
}

/** Visible characters and single spaces inside. */
export function isKeyName(name: string): boolean {
  return /^[^\p{C}\p{Zl}\p{Zp}]{1,100}$/u.test(name) && name === name.trim()
}
