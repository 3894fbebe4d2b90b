import type { Selectable } from 'kysely'
import type { SshKeyTable } from '../db/credential-schema.ts'
import { inspectPrivateKey } from './private-key.ts'
import { fingerprintOf, parsePublicKey } from './public-key.ts'
import { typeOfPublicKey } from './ssh-key.ts'
import type { SshKeyType } from './ssh-key.ts'
import {
  generatedTypeRefused,
  keyTypeRefused,
  keyUnreadable,
  noPrivateKey,
  passphraseMissing,
  passphraseWrong,
  sshKeySourceUnclear,
} from './ssh-key-error.ts'

// From what a person gives to what is stored.

type KeyPair = { readonly privateKey: string; readonly publicKey: string }

export type KeyTools = {
  /** Brings a key into the form that ssh reads without being asked for anything. */
  readonly readPrivateKey: (
    text: string,
    passphrase: string | undefined,
  ) => Promise<
    | ({ readonly kind: 'ok' } & KeyPair)
    | { readonly kind: 'wrong_passphrase' }
    | { readonly kind: 'unreadable' }
  >
  readonly generateKey: () => Promise<KeyPair>
}

/** Where a key comes from: pasted, or made here. */
export type KeySource = {
  readonly privateKey: string | undefined
  readonly passphrase: string | undefined
  readonly generate: boolean
  /** What the caller takes it for; the key itself knows better. */
  readonly type: SshKeyType | undefined
}

export type Material = {
  readonly privateKey: string
  readonly row: Pick<Selectable<SshKeyTable>, 'key_type' | 'public_key' | 'fingerprint' | 'has_passphrase'>
}

/** Throws what is wrong with the key: `ssh_key_…`. */
export async function toMaterial(deps: KeyTools, source: KeySource): Promise<Material> {
  if (source.generate === (source.privateKey !== undefined)) throw sshKeySourceUnclear()
  if (source.privateKey !== undefined) return readMaterial(deps, source.privateKey, source.passphrase)
  if (source.type !== undefined && source.type !== 'ed25519') throw generatedTypeRefused()
  return describe(await deps.generateKey(), false)
}

async function readMaterial(
  deps: KeyTools,
  pasted: string,
  passphrase: string | undefined,
): Promise<Material> {
  const inspected = inspectPrivateKey(pasted)
  if (inspected.kind !== 'ok') throw noPrivateKey(inspected.kind)
  const { text, isEncrypted } = inspected
  if (isEncrypted && (passphrase ?? '') === '') throw passphraseMissing()
  const reading = await deps.readPrivateKey(text, isEncrypted ? passphrase : undefined)
  switch (reading.kind) {
    case 'ok':
      return describe(reading, isEncrypted)
    case 'wrong_passphrase':
      throw passphraseWrong()
    case 'unreadable':
      throw keyUnreadable()
  }
}

function describe({ privateKey, publicKey }: KeyPair, hasPassphrase: boolean): Material {
  const parsed = parsePublicKey(publicKey)
  const type = typeOfPublicKey(publicKey)
  if (parsed === undefined || type === undefined) throw keyTypeRefused()
  return {
    privateKey,
    row: {
      key_type: type,
      public_key: publicKey,
      fingerprint: fingerprintOf(parsed),
      has_passphrase: hasPassphrase ? 1 : 0,
    },
  }
}
