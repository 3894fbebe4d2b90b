import { expect, test } from 'vitest'
import { inspectPrivateKey } from '../../src/credential/private-key.ts'
import { readPrivateKey } from '../../src/git/ssh-keygen.ts'
import { KEY_FORMS, makeEncryptedKey, PASSPHRASE } from '../rig/key-forms.ts'
import { createFolder } from '../rig/repository.ts'

const BODY = 'b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW'
const KEY = `-----BEGIN OPENSSH PRIVATE KEY-----\n${BODY}\n-----END OPENSSH PRIVATE KEY-----\n`

test.each(KEY_FORMS)(
  'a key of the form $name is taken for one, and is known to be encrypted or not',
  async (form) => {
    const text = await form.make()

    const inspected = inspectPrivateKey(text)

    expect(inspected).toEqual({ kind: 'ok', text, isEncrypted: form.isEncrypted })
  },
)

test.each([
  ['', 'empty'],
  [' \n ', 'empty'],
  ['x'.repeat(16 * 1024 + 1), 'too_long'],
  ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ ada@host', 'public_key'],
  ['ecdsa-sha2-nistp256 AAAAE2VjZHNh', 'public_key'],
  ['-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----', 'public_key'],
  ['---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----', 'public_key'],
  ['ssh-ed25519-cert-v01@openssh.com AAAAIHNz', 'certificate'],
  ['-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----', 'certificate'],
  ['PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none', 'putty'],
  ['~/.ssh/id_ed25519', 'path'],
  ['/home/ada/.ssh/id_rsa', 'path'],
  ['ghp_0123456789abcdef', 'no_key'],
  [KEY.slice(0, -40), 'cut_off'],
  [KEY.slice(20), 'cut_off'],
  ['-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----', 'cut_off'],
])('%j is refused as %s', (text, kind) => {
  const inspected = inspectPrivateKey(text)

  expect(inspected).toEqual({ kind })
})

test.each([
  ['Windows line ends', KEY.replaceAll('\n', '\r\n')],
  ['line ends of a shell', KEY.replaceAll('\n', String.raw`\n`)],
  ['spaces in place of line ends', KEY.replaceAll('\n', ' ')],
  ['an indentation', KEY.replaceAll(/^/gm, '    ')],
  ['words around it', `my key:\n${KEY}\nthank you`],
  ['no line end at the end', KEY.trimEnd()],
])('a key that was pasted with %s is put right', (_, pasted) => {
  const inspected = inspectPrivateKey(pasted)

  expect(inspected).toEqual({ kind: 'ok', text: KEY, isEncrypted: false })
})

test('an old PEM key with a passphrase keeps its headers, also when it was indented', async () => {
  await using folder = await createFolder()
  const form = KEY_FORMS.find(({ name }) => name === 'PEM rsa with a passphrase')
  const text = (await form?.make()) ?? ''

  const inspected = inspectPrivateKey(text.replaceAll(/^/gm, '  '))
  const reading = await readPrivateKey(
    { runtimeDir: () => Promise.resolve(folder.path) },
    inspected.kind === 'ok' ? inspected.text : '',
    PASSPHRASE,
  )

  expect(inspected).toMatchObject({ kind: 'ok', isEncrypted: true })
  expect(reading).toMatchObject({ kind: 'ok' })
})

test('a key that was cut in the middle is encrypted or not, but never an exception', async () => {
  const text = await makeEncryptedKey()
  const bodies = Array.from({ length: 40 }, (_, length) =>
    text.split('\n').slice(1, -2).join('').slice(0, length),
  )

  const kinds = bodies.map(
    (body) =>
      inspectPrivateKey(`-----BEGIN OPENSSH PRIVATE KEY-----\n${body}\n-----END OPENSSH PRIVATE KEY-----`)
        .kind,
  )

  expect(new Set(kinds)).toEqual(new Set(['cut_off', 'ok']))
})
