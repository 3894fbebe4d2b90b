import { expect, test } from 'vitest'
import { folderUrl } from '../../src/git/refs.ts'
import { splitLogin } from '../../src/repository/remote-address.ts'
import { resolveEnd, trackingPrefix } from '../../src/task/ends.ts'
import type { OpenedRepository, RemoteInConfig } from '../../src/task/ends.ts'

const RULES = {
  schemes: ['https', 'ssh'],
  allowLocal: false,
  allowsHost: (host: string) => host !== 'denied.example',
} as const

function remoteOf(name: string, changes: Partial<RemoteInConfig> = {}): RemoteInConfig {
  return { name, urls: [], pushUrls: [], fetch: [`+refs/heads/*:refs/remotes/${name}/*`], ...changes }
}

function openedWith(
  remotes: readonly RemoteInConfig[],
  changes: Partial<OpenedRepository<'local'>> = {},
): OpenedRepository<'local'> {
  return {
    remotes,
    rewrites: [],
    splitLogin,
    privateKey: undefined,
    url: folderUrl('/srv/app'),
    local: 'local',
    ...changes,
  }
}

test('a web address gives its login away, and an ssh address takes the key of the repository', () => {
  const opened = openedWith(
    [
      remoteOf('web', { urls: ['https://ada:pass@forge.example/o/r.git'] }),
      remoteOf('ssh', { urls: ['git@forge.example:o/r.git'] }),
    ],
    { privateKey: 'a key' },
  )

  const ends = ['web', 'ssh'].map((name) => resolveEnd(opened, name, 'source', RULES))

  expect(ends).toMatchObject([
    {
      end: {
        url: 'https://forge.example/o/r.git',
        endpoint: 'forge.example:443',
        credential: { kind: 'password', username: 'ada', password: 'pass' },
      },
    },
    { end: { url: 'git@forge.example:o/r.git', credential: { kind: 'ssh_key', privateKey: 'a key' } } },
  ])
})

test('reading goes to the first address, and writing to the one for pushes', () => {
  const opened = openedWith([
    remoteOf('origin', {
      urls: ['https://one.example/o/r', 'https://two.example/o/r'],
      pushUrls: ['https://three.example/o/r'],
    }),
  ])

  const source = resolveEnd(opened, 'origin', 'source', RULES)
  const target = resolveEnd(opened, 'origin', 'target', RULES)

  expect([source, target]).toMatchObject([
    { end: { host: 'one.example' } },
    { end: { host: 'three.example' } },
  ])
})

test('the repository itself is an end too', () => {
  const end = resolveEnd(openedWith([]), 'local', 'target', RULES)

  expect(end).toEqual({
    kind: 'ok',
    end: { url: 'file:///srv/app', host: '', endpoint: '', credential: undefined, local: 'local' },
  })
})

test('what cannot be used is refused with the reason', () => {
  const opened = openedWith(
    [
      remoteOf('many', { pushUrls: ['https://one.example/o/r', 'https://two.example/o/r'] }),
      remoteOf('helper', { urls: ['ext::sh -c evil'] }),
      remoteOf('denied', { urls: ['https://denied.example/o/r'] }),
      remoteOf('folder', { urls: ['/srv/other'] }),
      remoteOf('short', { urls: ['gh:o/r'] }),
    ],
    { rewrites: ['gh:'] },
  )

  const problems = ['nobody', 'many', 'helper', 'denied', 'folder', 'short'].map((name) => {
    const end = resolveEnd(opened, name, 'target', RULES)
    return end.kind === 'refused' ? end.problem : end.kind
  })

  expect(problems).toEqual([
    'remote_unknown',
    'remote_many',
    'remote_address',
    'remote_address',
    'remote_address',
    'remote_rewritten',
  ])
})

test('a refusal does not repeat the address, which may hold a secret', () => {
  const opened = openedWith([remoteOf('bad', { urls: ['https://ada:p/ass@forge.example/o/r'] })])

  const end = resolveEnd(opened, 'bad', 'source', RULES)

  expect(end.kind).toBe('refused')
  expect(JSON.stringify(end)).not.toContain('ass@')
})

test('branches of a remote are remembered where it fetches them in the usual way', () => {
  const remotes = [
    remoteOf('usual'),
    remoteOf('narrow', { fetch: ['+refs/heads/main:refs/remotes/narrow/main'] }),
    remoteOf('elsewhere', { pushUrls: ['https://other.example/o/r'] }),
  ]

  const prefixes = ['usual', 'narrow', 'elsewhere', 'local'].map((name) => trackingPrefix(remotes, name))

  expect(prefixes).toEqual(['refs/remotes/usual/', undefined, undefined, undefined])
})
