import { expect, test } from 'vitest'
import { typeOfPublicKey } from '../../src/credential/ssh-key.ts'

function line(type: string): string {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(type.length)
  return `${type} ${Buffer.concat([length, Buffer.from(type), Buffer.alloc(20)]).toString('base64')}`
}

test.each([
  ['ssh-ed25519', 'ed25519'],
  ['ssh-rsa', 'rsa'],
  ['ecdsa-sha2-nistp256', 'ecdsa'],
  ['ecdsa-sha2-nistp521', 'ecdsa'],
  ['ssh-dss', undefined],
  ['sk-ssh-ed25519@openssh.com', undefined],
  ['sk-ecdsa-sha2-nistp256@openssh.com', undefined],
])('a key of the type %s is %s', (name, expected) => {
  const type = typeOfPublicKey(line(name))

  expect(type).toBe(expected)
})
