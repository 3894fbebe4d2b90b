import { expect, test } from 'vitest'
import { repositoryPlace } from '../../src/forge/repository-place.ts'

const places: readonly (readonly [address: string, origin: string, segments: readonly string[]])[] = [
  ['https://git.example.com/o/r.git', 'https://git.example.com', ['o', 'r']],
  ['https://git.example.com:8443/o/r/', 'https://git.example.com:8443', ['o', 'r']],
  ['http://10.0.0.7:3000/gitea/o/r.git/', 'http://10.0.0.7:3000', ['gitea', 'o', 'r']],
  ['https://user@git.example.com/o/r', 'https://git.example.com', ['o', 'r']],
  ['https://git.example.com/%E7%BB%84/my%20repo.git', 'https://git.example.com', ['组', 'my repo']],
  ['ssh://git@git.example.com:2222/a/b/c.git', 'https://git.example.com', ['a', 'b', 'c']],
  ['ssh://git.example.com/o/r', 'https://git.example.com', ['o', 'r']],
  ['ssh://git@[::1]:2222/o/r.git', 'https://[::1]', ['o', 'r']],
  ['git@git.example.com:o/r.git', 'https://git.example.com', ['o', 'r']],
  ['git@git.example.com:/o/r.git', 'https://git.example.com', ['o', 'r']],
  ['git.example.com:o/r', 'https://git.example.com', ['o', 'r']],
  ['git@[::1]:o/r.git', 'https://[::1]', ['o', 'r']],
  ['org@vs-ssh.visualstudio.com:v3/org/p/r', 'https://vs-ssh.visualstudio.com', ['v3', 'org', 'p', 'r']],
]

test.for(places)('%s is on %s', ([address, origin, segments]) => {
  const place = repositoryPlace(address)

  const isWeb = /^https?:/.test(address)
  expect(place).toEqual({ origin, host: new URL(origin).hostname, isWeb, segments })
})

test.for(['/srv/git/r.git', 'file:///srv/git/r.git', 'https://', 'https://h/%zz', 'r.git', ''])(
  '%j is on no forge',
  (address) => {
    const place = repositoryPlace(address)

    expect(place).toBeUndefined()
  },
)
