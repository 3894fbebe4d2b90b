import { randomBytes } from 'node:crypto'
import { chmod, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { createVault, loadSecretKey } from '../../src/credential/vault.ts'
import { createFolder } from '../rig/repository.ts'

const PURPOSE = 'binding:app:internal'

test('a sealed secret opens again, whatever it contains', () => {
  const vault = createVault(randomBytes(32))
  const secrets = ['', 'token', 'pässwörd 密码', 'a'.repeat(100_000)]

  const opened = secrets.map((secret) => vault.open(vault.seal(secret, PURPOSE), PURPOSE))

  expect(opened).toEqual(secrets)
})

test('the same secret never looks the same twice, and never shows', () => {
  const vault = createVault(randomBytes(32))

  const sealed = [vault.seal('hunter2', PURPOSE), vault.seal('hunter2', PURPOSE)]

  expect(sealed[0]).not.toBe(sealed[1])
  expect(sealed.join()).not.toContain('hunter2')
})

test('a secret moved to another purpose does not open', () => {
  const vault = createVault(randomBytes(32))
  const sealed = vault.seal('hunter2', PURPOSE)

  expect(() => vault.open(sealed, 'binding:app:external')).toThrow('was changed or moved')
})

test('a secret changed in any part does not open', () => {
  const vault = createVault(randomBytes(32))
  const [version = '', keyId = '', text = ''] = vault.seal('hunter2', PURPOSE).split('.')
  const bytes = Buffer.from(text, 'base64url')

  const opened = [...bytes.keys()].filter((position) => {
    const changed = Buffer.from(bytes)
    changed[position] = (changed[position] ?? 0) ^ 1
    try {
      vault.open([version, keyId, changed.toString('base64url')].join('.'), PURPOSE)
      return true
    } catch {
      return false
    }
  })

  expect(opened).toEqual([])
})

test.each(['', 'v1', 'v1..', 'v2.x.y', 'hunter2', 'v1.x.y.z'])('the stored text %j does not open', (text) => {
  const vault = createVault(randomBytes(32))

  expect(() => vault.open(text, PURPOSE)).toThrow(/stored secret/)
})

test('a secret sealed with another key says so', () => {
  const sealed = createVault(randomBytes(32)).seal('hunter2', PURPOSE)
  const vault = createVault(randomBytes(32))

  expect(() => vault.open(sealed, PURPOSE)).toThrow('another SECRET_KEY')
})

test('a key of the wrong length is refused', () => {
  expect(() => createVault(randomBytes(16))).toThrow('32 bytes')
})

test.each(['hex', 'base64', 'base64url'] as const)('the key may be given as %s', (encoding) => {
  const key = randomBytes(32)

  const loaded = loadSecretKey(silent(), { secretKey: key.toString(encoding), secretKeyFile: '/nonexistent' })

  expect(Buffer.from(loaded)).toEqual(key)
})

test('the key file is made for its owner only, and is the key from then on', async () => {
  await using folder = await createFolder()
  const source = { secretKey: undefined, secretKeyFile: join(folder.path, 'data', 'secret.key') }

  const first = loadSecretKey(silent(), source)
  const second = loadSecretKey(silent(), source)

  expect(first).toEqual(second)
  expect((await stat(source.secretKeyFile)).mode & 0o777).toBe(0o600)
  expect((await readFile(source.secretKeyFile, 'utf8')).trim()).toBe(Buffer.from(first).toString('base64'))
})

test('a key file that others may read is used, with a warning', async () => {
  await using folder = await createFolder()
  const source = { secretKey: undefined, secretKeyFile: join(folder.path, 'secret.key') }
  loadSecretKey(silent(), source)
  await chmod(source.secretKeyFile, 0o644)
  const lines: string[] = []
  const logger = pino({}, { write: (line: string) => void lines.push(line) })

  loadSecretKey({ logger, mayMakeKey: false }, source)

  expect(lines.join()).toContain('can be read by other users')
})

test('a key that is none names its setting and not its text', async () => {
  await using folder = await createFolder()
  const file = join(folder.path, 'secret.key')
  await writeFile(file, 'hunter2')

  const loads = [
    () => loadSecretKey(silent(), { secretKey: 'hunter2', secretKeyFile: file }),
    () => loadSecretKey(silent(), { secretKey: undefined, secretKeyFile: file }),
    () => loadSecretKey(silent(), { secretKey: undefined, secretKeyFile: folder.path }),
  ]

  const problems = loads.map((load) => messageOf(load))
  expect(problems).toEqual([
    expect.stringMatching(/^SECRET_KEY must hold 32 bytes/),
    expect.stringMatching(/^SECRET_KEY_FILE .*secret\.key must hold 32 bytes/),
    expect.stringMatching(/^SECRET_KEY_FILE .* cannot be read/),
  ])
  expect(problems.join()).not.toContain('hunter2')
})

function silent() {
  return { logger: pino({ level: 'silent' }), mayMakeKey: true }
}

function messageOf(work: () => unknown): string {
  try {
    work()
    return 'nothing was thrown'
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
