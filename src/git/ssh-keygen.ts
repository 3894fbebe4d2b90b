import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { HelperDeps } from './helper.ts'
import { runHelper } from './helper.ts'
import { readPkcs8 } from './pkcs8.ts'

// Private keys as ssh can use them: made new, or brought into the one form that every ssh reads, without a
// passphrase. Reading happens in a process of its own, because a key can ask for any amount of work.

export type KeyPair = {
  /** In the format of OpenSSH, without a passphrase. */
  readonly privateKey: string
  /** `<type> <base64>`. */
  readonly publicKey: string
}

export type KeyReading =
  | ({ readonly kind: 'ok' } & KeyPair)
  | { readonly kind: 'wrong_passphrase' }
  /** Damaged, or of a form that this machine's ssh does not know. */
  | { readonly kind: 'unreadable' }

const ASKPASS = fileURLToPath(new URL('askpass.sh', import.meta.url))

/** Reads a key in any form that ssh knows, and Ed25519 keys in PKCS #8 besides; a key without a passphrase ignores the one given. */
export async function readPrivateKey(
  deps: HelperDeps,
  text: string,
  passphrase: string | undefined,
): Promise<KeyReading> {
  const plain = await readPkcs8(deps, text, passphrase)
  if (plain.kind !== 'ok') return plain
  return inPrivateFolder(deps, async (folder) => {
    const file = join(folder, 'key')
    await writeFile(file, plain.text, { mode: 0o600 })
    const opened = await runKeygen(deps, ['-q', '-p', '-N', '', '-f', file], passphrase)
    if (opened.isWrongPassphrase) return { kind: 'wrong_passphrase' }
    if (!opened.ok) return { kind: 'unreadable' }
    const shown = await runKeygen(deps, ['-y', '-P', '', '-f', file], undefined)
    if (!shown.ok) return { kind: 'unreadable' }
    return { kind: 'ok', privateKey: await readFile(file, 'utf8'), publicKey: firstTwoWords(shown.stdout) }
  })
}

/** Makes an Ed25519 key. */
export async function generateKey(deps: HelperDeps): Promise<KeyPair> {
  return inPrivateFolder(deps, async (folder) => {
    const file = join(folder, 'key')
    const made = await runKeygen(deps, ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', file], undefined)
    if (!made.ok) throw new Error(`ssh-keygen could not make a key: ${made.stderr}`)
    const publicKey = firstTwoWords(await readFile(`${file}.pub`, 'utf8'))
    return { privateKey: await readFile(file, 'utf8'), publicKey }
  })
}

async function inPrivateFolder<Result>(
  { runtimeDir }: HelperDeps,
  use: (folder: string) => Promise<Result>,
): Promise<Result> {
  const folder = await mkdtemp(join(await runtimeDir(), 'key-'))
  try {
    return await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function runKeygen(deps: HelperDeps, args: readonly string[], passphrase: string | undefined) {
  const { exitCode, stdout, stderr } = await runHelper(deps, {
    file: 'ssh-keygen',
    args,
    variables: {
      // Older versions ask the program only where there seems to be a screen.
      DISPLAY: ':0',
      SSH_ASKPASS: ASKPASS,
      SSH_ASKPASS_REQUIRE: 'force',
      REPOSYNC_PASSPHRASE: passphrase ?? '',
    },
  })
  const isWrongPassphrase = /incorrect passphrase/i.test(stderr)
  return { ok: exitCode === 0, isWrongPassphrase, stdout, stderr }
}

// Without the comment, which tells where the key was made.
function firstTwoWords(line: string): string {
  return line.trim().split(/\s+/).slice(0, 2).join(' ')
}
