import { execFile } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createFolder } from './repository.ts'

// Private keys in the forms in which people have them, made by the programs that people make them with.

const run = promisify(execFile)

export const PASSPHRASE = 'planted passphrase £ ünd $HOME'

export type KeyForm = {
  readonly name: string
  readonly isEncrypted: boolean
  readonly type: 'rsa' | 'ed25519' | 'ecdsa'
  readonly make: () => Promise<string>
}

function bySshKeygen(args: readonly string[], isEncrypted: boolean): () => Promise<string> {
  return async () => {
    await using folder = await createFolder()
    const file = join(folder.path, 'key')
    const passphrase = isEncrypted ? PASSPHRASE : ''
    await run('ssh-keygen', ['-q', ...args, '-N', passphrase, '-C', 'ada@planted-host', '-f', file])
    return await readFile(file, 'utf8')
  }
}

function byOpenssl(isEncrypted: boolean): () => Promise<string> {
  return () => {
    const { privateKey } = generateKeyPairSync('ed25519')
    const form = { type: 'pkcs8', format: 'pem' } as const
    const pem = privateKey.export(
      isEncrypted ? { ...form, cipher: 'aes-256-cbc', passphrase: PASSPHRASE } : form,
    )
    return Promise.resolve(pem.toString())
  }
}

const SSH_KEYGEN_FORMS = [
  ['OpenSSH', 'ed25519', ['-t', 'ed25519']],
  ['OpenSSH', 'rsa', ['-t', 'rsa', '-b', '2048']],
  ['PEM', 'rsa', ['-t', 'rsa', '-b', '2048', '-m', 'PEM']],
  ['PEM', 'ecdsa', ['-t', 'ecdsa', '-b', '384', '-m', 'PEM']],
  ['PKCS #8', 'rsa', ['-t', 'rsa', '-b', '2048', '-m', 'PKCS8']],
  ['PKCS #8', 'ecdsa', ['-t', 'ecdsa', '-m', 'PKCS8']],
] as const

export const KEY_FORMS: readonly KeyForm[] = [false, true].flatMap((isEncrypted) => {
  const suffix = isEncrypted ? ' with a passphrase' : ''
  return [
    ...SSH_KEYGEN_FORMS.map(([form, type, args]) => ({
      name: `${form} ${type}${suffix}`,
      isEncrypted,
      type,
      make: bySshKeygen(args, isEncrypted),
    })),
    { name: `PKCS #8 ed25519${suffix}`, isEncrypted, type: 'ed25519' as const, make: byOpenssl(isEncrypted) },
  ]
})

/** An Ed25519 key in OpenSSH's format that the passphrase opens. */
export const makeEncryptedKey = bySshKeygen(['-t', 'ed25519'], true)

/** A key whose passphrase takes about a second of work to check. */
export const makeSlowKey = bySshKeygen(['-t', 'ed25519', '-a', '150'], true)

/** The lines of a private key that give it away, wherever they show up. */
export function secretLines(privateKey: string): readonly string[] {
  return privateKey.split('\n').filter((line) => line.length > 30 && !line.includes('PRIVATE KEY'))
}
