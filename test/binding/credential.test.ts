import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { createBinding } from '../../src/binding/bindings.ts'
import { updateBinding } from '../../src/binding/update.ts'
import { credentialOf } from '../../src/binding/credential.ts'
import { bindingOf, openWorld, reasonOf } from './world.ts'

const PEM = '-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----\n'

test.each([
  ['https://h/o/r', 'token', { kind: 'password', username: 'oauth2', password: 'token' }],
  ['https://h/o/r', ' token\n', { kind: 'password', username: 'oauth2', password: 'token' }],
  ['https://ada@h/o/r', 'token', { kind: 'password', username: 'ada', password: 'token' }],
  ['https://me%40x.org@h/o/r', 'token', { kind: 'password', username: 'me@x.org', password: 'token' }],
  ['https://ada@h/o/r', 'bob:se:cret', { kind: 'password', username: 'bob', password: 'se:cret' }],
  ['https://ada@h/o/r', ':secret', { kind: 'password', username: 'ada', password: 'secret' }],
  ['https://h/o/r', 'bob:pässword', { kind: 'password', username: 'bob', password: 'pässword' }],
  ['git@h:o/r', PEM, { kind: 'ssh_key', privateKey: PEM }],
  ['git@h:o/r', PEM.replaceAll('\n', '\r\n').trimEnd(), { kind: 'ssh_key', privateKey: PEM }],
  ['git@h:o/r', 'token', undefined],
  ['https://h/o/r', PEM, undefined],
  ['https://h/o/r', '', undefined],
])('with the address %j the token %j is the credential %j', async (internal, token, credential) => {
  await using world = await openWorld()
  const input = bindingOf('app', {
    addresses: { internal, external: 'https://outer.example/o/r' },
    tokens: { internal: token, external: undefined },
  })
  const binding = await createBinding(world.deps, input)

  const given = await credentialOf(world.deps, binding, 'internal')

  expect(given).toEqual(credential)
})

test.each(['a\nb', 'a\r\nHost: x', 'a\u0000b', 'x'.repeat(20_000)])(
  'the token %j is refused',
  async (token) => {
    await using world = await openWorld()

    const reason = await reasonOf(
      createBinding(world.deps, bindingOf('app', { tokens: { internal: undefined, external: token } })),
    )

    expect(reason).toBe('token')
  },
)

test('a ciphertext moved to the other side or to another binding does not open', async () => {
  await using world = await openWorld()
  const { db } = world.deps
  const tokens = { internal: 'first', external: 'second' }
  const a = await createBinding(world.deps, bindingOf('a', { tokens }))
  const b = await createBinding(world.deps, bindingOf('b', { tokens }))
  const rows = await db.selectFrom('binding').select(['id', 'internal_credential']).execute()
  const sealed = rows.find(({ id }) => id === a.id)?.internal_credential ?? null
  await db.updateTable('binding').set({ external_credential: sealed }).where('id', '=', a.id).execute()
  await db.updateTable('binding').set({ internal_credential: sealed }).where('id', '=', b.id).execute()

  const opening = [credentialOf(world.deps, a, 'external'), credentialOf(world.deps, b, 'internal')]

  await expect(opening[0]).rejects.toThrow('opening the external token of the binding a')
  await expect(opening[1]).rejects.toThrow('opening the internal token of the binding b')
})

test('no token stands in the database file or in the log', async () => {
  await using world = await openWorld()
  const token = 'ghp_plantedToken0123456789'

  await createBinding(world.deps, bindingOf('app', { tokens: { internal: token, external: `ada:${token}` } }))
  await updateBinding(world.deps, 'app', {
    addresses: { internal: 'http://public.example.org/o/r', external: undefined },
    tokens: { internal: token, external: undefined },
  })

  const files = await Promise.all([readFile(world.file), readFile(`${world.file}-wal`)])
  expect(files.some((file) => file.includes(token))).toBe(false)
  expect(world.logged()).not.toContain(token)
})

test.each([
  ['http://forge.example.org/o/r', 'token', true],
  ['http://8.8.8.8/o/r', 'token', true],
  ['https://forge.example.org/o/r', 'token', false],
  ['http://forge.example.org/o/r', undefined, false],
  ['http://gitlab/o/r', 'token', false],
  ['http://gitlab.corp/o/r', 'token', false],
  ['http://10.1.2.3:3000/o/r', 'token', false],
  ['http://[fd00::1]/o/r', 'token', false],
  ['http://[::ffff:10.0.0.1]/o/r', 'token', false],
])('%s with the token %j: warns of the open line is %s', async (internal, token, warns) => {
  await using world = await openWorld()
  const input = bindingOf('app', {
    addresses: { internal, external: 'https://outer.example/o/r' },
    tokens: { internal: token, external: undefined },
  })

  await createBinding(world.deps, input)

  expect(world.logged().includes('a token travels unencrypted')).toBe(warns)
})

test('a token that stays while its address moves to another server is reported', async () => {
  await using world = await openWorld()
  await createBinding(world.deps, bindingOf('app', { tokens: { internal: 'first', external: 'second' } }))
  const move = (
    addresses: { internal: string | undefined; external: string | undefined },
    external?: string,
  ) => {
    const tokens = { internal: undefined, external }
    return updateBinding(world.deps, 'app', { addresses, tokens, mayMoveTokens: true })
  }

  await move({ internal: 'https://inner.example/team/moved', external: undefined })
  await move({ internal: undefined, external: 'https://third.example/team/app' }, 'third')
  const before = world.logged()
  await move({ internal: 'https://elsewhere.example/team/app', external: undefined })

  expect(before).not.toContain('another server')
  expect(world.logged()).toContain('a stored token now goes to another server')
})
