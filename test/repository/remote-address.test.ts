import { expect, test } from 'vitest'
import { splitLogin, withoutLogin } from '../../src/repository/remote-address.ts'

const TOKEN = `ghp_${'a'.repeat(36)}`

test.each([
  ['https://forge.example/o/r.git', 'https://forge.example/o/r.git'],
  ['https://ada:pass@forge.example/o/r.git', 'https://forge.example/o/r.git'],
  [`https://${TOKEN}@forge.example/o/r.git`, 'https://forge.example/o/r.git'],
  ['https://ada:p@ss@forge.example/o/r.git', 'https://forge.example/o/r.git'],
  ['https://ada:pa/ss@forge.example/o/r.git', 'https://***'],
  ['https://forge.example/o/r.git?private_token=pass', 'https://forge.example/o/r.git'],
  ['https://forge.example:8443/@user/r.git', 'https://***'],
  ['HTTP://ada:pass@forge.example/o/r', 'HTTP://forge.example/o/r'],
  ['ssh://git@forge.example:2222/o/r.git', 'ssh://git@forge.example:2222/o/r.git'],
  ['ssh://git:pass@forge.example/o/r.git', 'ssh://git@forge.example/o/r.git'],
  ['git@forge.example:o/r.git', 'git@forge.example:o/r.git'],
  ['ada:pass@forge.example:o/r.git', 'forge.example:o/r.git'],
  ['/srv/git/r.git', '/srv/git/r.git'],
  ['ext::sh -c "curl pass"', 'ext::***'],
])('%s is shown as %s', (address, shown) => {
  expect(withoutLogin(address)).toBe(shown)
})

test.each([
  [
    'https://ada:p%40ss@forge.example/o/r',
    'https://forge.example/o/r',
    { username: 'ada', password: 'p@ss' },
  ],
  ['https://:pass@forge.example/o/r', 'https://forge.example/o/r', { username: 'oauth2', password: 'pass' }],
  [
    `https://${TOKEN}@forge.example/o/r`,
    'https://forge.example/o/r',
    { username: 'oauth2', password: TOKEN },
  ],
  ['https://ada@forge.example/o/r', 'https://forge.example/o/r', undefined],
  ['https://forge.example/o/r', 'https://forge.example/o/r', undefined],
  ['ssh://git@forge.example/o/r', 'ssh://git@forge.example/o/r', undefined],
  ['git@forge.example:o/r', 'git@forge.example:o/r', undefined],
])('git gets %s as %s and its login apart', (address, plain, login) => {
  expect(splitLogin(address)).toEqual({ address: plain, login })
})
