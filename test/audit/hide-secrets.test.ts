import { expect, test } from 'vitest'
import { hideSecrets } from '../../src/audit/hide-secrets.ts'

test.each([
  [{ token: 'x' }, { token: '***' }],
  [
    { api_token: 'x', inter_token: 'y' },
    { api_token: '***', inter_token: '***' },
  ],
  [{ webhook_secret: { a: 1 } }, { webhook_secret: '***' }],
  [
    { privateKey: 'x', passphrase: 'y' },
    { privateKey: '***', passphrase: '***' },
  ],
  [
    { config: { webhook: 'https://hooks.example/x', sign: 'y' } },
    { config: { webhook: '***', sign: '***' } },
  ],
  [
    { has_token: true, token: null, secret: '' },
    { has_token: true, token: null, secret: '' },
  ],
  [
    { public_key: 'ssh-ed25519 AAAA', design: 'blue' },
    { public_key: 'ssh-ed25519 AAAA', design: 'blue' },
  ],
  [{ list: ['a', { password: 'x' }] }, { list: ['a', { password: '***' }] }],
])('%j is kept as %j', (facts, expected) => {
  const hidden = hideSecrets(facts)

  expect(hidden).toEqual(expected)
})

test.each([
  ['key: -----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----', 'key: ***'],
  ['https://ada:secret@host/o/r', 'https://***@host/o/r'],
  ['https://host/o/r?access_token=secret&x=1', 'https://host/o/r?access_token=***&x=1'],
  ['use ghp_0123456789abcdefghij now', 'use *** now'],
  ['glpat-0123456789abcdef', '***'],
  [`SEC${'0'.repeat(64)}`, '***'],
  ['https://host/global-configuration-repository', 'https://host/global-configuration-repository'],
  ['git@host:team/SECURITY-ADVISORIES.git', 'git@host:team/SECURITY-ADVISORIES.git'],
])('in a text, %j is kept as %j', (text, expected) => {
  const hidden = hideSecrets({ text })

  expect(hidden).toEqual({ text: expected })
})

test('what is long, wide or deep is cut', () => {
  const deep = Array.from({ length: 20 }).reduce<unknown>((inner) => ({ inner }), 'end')

  const hidden = hideSecrets({ long: 'x'.repeat(5000), wide: Array.from({ length: 500 }).fill(1), deep })

  expect(JSON.stringify(hidden).length).toBeLessThan(2000)
  expect(hidden['long']).toMatch(/^x{1000}…$/)
})
