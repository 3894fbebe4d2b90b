import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { generateKey, readPrivateKey } from '../../src/git/ssh-keygen.ts'
import { KEY_FORMS, makeSlowKey, PASSPHRASE, secretLines } from '../rig/key-forms.ts'
import { commandLines } from '../rig/leftovers.ts'
import { createFolder } from '../rig/repository.ts'

test.each(KEY_FORMS)(
  'a key of the form $name comes out as ssh wants it',
  async ({ make, type, isEncrypted }) => {
    await using folder = await createFolder()
    const text = await make()

    const reading = await readPrivateKey(
      { runtimeDir: () => Promise.resolve(folder.path) },
      text,
      isEncrypted ? PASSPHRASE : undefined,
    )
    const again =
      reading.kind === 'ok'
        ? await readPrivateKey(
            { runtimeDir: () => Promise.resolve(folder.path) },
            reading.privateKey,
            undefined,
          )
        : reading

    const prefix = { rsa: 'ssh-rsa', ed25519: 'ssh-ed25519', ecdsa: 'ecdsa-sha2-' }[type]
    const { privateKey, publicKey } = reading.kind === 'ok' ? reading : { privateKey: '', publicKey: '' }
    expect(privateKey).toMatch(/^-----BEGIN OPENSSH PRIVATE KEY-----\n/)
    expect(publicKey).toMatch(new RegExp(`^${prefix}\\S* AAAA[\\w+/=]+$`))
    expect(again).toMatchObject({ kind: 'ok', publicKey })
    expect(await readdir(folder.path)).toEqual([])
  },
)

test.each(KEY_FORMS.filter(({ isEncrypted }) => isEncrypted))(
  'a key of the form $name does not open with another passphrase, or with none',
  async ({ make }) => {
    await using folder = await createFolder()
    const text = await make()

    const wrong = await readPrivateKey({ runtimeDir: () => Promise.resolve(folder.path) }, text, 'another')
    const none = await readPrivateKey({ runtimeDir: () => Promise.resolve(folder.path) }, text, undefined)

    expect([wrong, none]).toEqual([{ kind: 'wrong_passphrase' }, { kind: 'wrong_passphrase' }])
    expect(await readdir(folder.path)).toEqual([])
  },
)

test.each([
  ['no key at all', 'nothing\n'],
  ['an OpenSSH key that is cut off', '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjE=\n'],
  ['PKCS #8 of rubbish', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n'],
  ['encrypted rubbish', '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n'],
])('%s is unreadable', async (_, text) => {
  await using folder = await createFolder()

  const reading = await readPrivateKey({ runtimeDir: () => Promise.resolve(folder.path) }, text, 'passphrase')

  expect(reading).toEqual({ kind: 'unreadable' })
})

test('neither key nor passphrase stands in a command line while a key is read', async () => {
  await using folder = await createFolder()
  const text = await makeSlowKey()

  const reading = readPrivateKey({ runtimeDir: () => Promise.resolve(folder.path) }, text, PASSPHRASE)
  let seen = ''
  const look = async (): Promise<void> => {
    for (;;) {
      const lines = (await commandLines()).join('\n')
      seen += lines
      if (lines.includes(`${folder.path}/key-`)) return
    }
  }
  await Promise.race([look(), reading])
  const { kind } = await reading

  expect(kind).toBe('ok')
  expect(seen).toContain(`${folder.path}/key-`)
  expect([PASSPHRASE, ...secretLines(text)].filter((secret) => seen.includes(secret))).toEqual([])
})

test('two keys that are made are two keys, and leave no file', async () => {
  await using folder = await createFolder()

  const keys = [
    await generateKey({ runtimeDir: () => Promise.resolve(folder.path) }),
    await generateKey({ runtimeDir: () => Promise.resolve(folder.path) }),
  ]

  const digests = new Set(keys.map(({ publicKey }) => createHash('sha256').update(publicKey).digest('hex')))
  expect(digests.size).toBe(2)
  expect(keys.map(({ publicKey }) => publicKey)).toEqual([
    expect.stringMatching(/^ssh-ed25519 \S+$/),
    expect.stringMatching(/^ssh-ed25519 \S+$/),
  ])
  expect(await readdir(folder.path)).toEqual([])
})
