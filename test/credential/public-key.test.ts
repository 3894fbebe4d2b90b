import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { fingerprintOf, parsePublicKey } from '../../src/credential/public-key.ts'
import { createFolder } from '../rig/repository.ts'

const run = promisify(execFile)
const KEY = 'AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl'

test.each([
  [`ssh-ed25519 ${KEY}`, { type: 'ssh-ed25519', key: KEY }],
  [` ssh-ed25519 ${KEY} a comment of many words\n`, { type: 'ssh-ed25519', key: KEY }],
  [`ssh-rsa ${KEY}`, undefined],
  [`ssh-ed25519 ${KEY.slice(0, 12)}`, undefined],
  ['ssh-ed25519', undefined],
  ['ssh-ed25519 !!!', undefined],
  [`github.com ssh-ed25519 ${KEY}`, undefined],
  [`ssh-ed25519 ${KEY}\nssh-ed25519 ${KEY}`, undefined],
  ['', undefined],
])('%j is the public key %j', (line, expected) => {
  const parsed = parsePublicKey(line)

  expect(parsed).toEqual(expected)
})

test('a fingerprint is the one that ssh-keygen shows', async () => {
  await using folder = await createFolder()
  const file = join(folder.path, 'key')
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file])
  const { stdout } = await run('ssh-keygen', ['-l', '-f', `${file}.pub`])

  const parsed = parsePublicKey(await readFile(`${file}.pub`, 'utf8'))
  const fingerprint = parsed === undefined ? '' : fingerprintOf(parsed)

  expect(fingerprint).toMatch(/^SHA256:[\w+/]{43}$/)
  expect(stdout).toContain(fingerprint)
})
