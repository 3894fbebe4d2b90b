import { describe, expect, test } from 'vitest'
import { KEY_FORMS, makeEncryptedKey, PASSPHRASE } from '../../rig/key-forms.ts'
import { auditOf, idOf, itemsOf, openWorld, textLike, textOf, twoLanguages } from './admin-world.ts'
import type { Answer, World } from './admin-world.ts'

const GENERATE = { generate: true }

function generate(world: World, name: string): Promise<Answer> {
  return world.call('POST', '/ssh-keys', { name, generate: true })
}

/** A binding whose internal side is an SSH address that nobody contacts. */
function bind(world: World, name: string, internal = `git@inner.example:team/${name}.git`): Promise<Answer> {
  return world.call('POST', '/cerobot/sync/repo', {
    repo_name: name,
    enable: true,
    internal_repo_address: internal,
    external_repo_address: `https://outer.example/team/${name}`,
    sync_granularity: 1,
    sync_direction: 1,
  })
}

describe.each(KEY_FORMS)('a key of the form $name', ({ make, isEncrypted, type }) => {
  test('is taken in as the document says, and is shown without what it hides', async () => {
    await using world = await openWorld()
    const text = await make()

    const created = await world.call('POST', '/ssh-keys', {
      name: 'github-deploy-key',
      type: 'rsa',
      private_key: text,
      description: '用于访问 GitHub 仓库',
      ...(isEncrypted ? { passphrase: PASSPHRASE } : {}),
    })
    const shown = await world.call('GET', `/ssh-keys/${idOf(created)}`)

    expect(created).toMatchObject({
      status: 201,
      data: {
        name: 'github-deploy-key',
        description: '用于访问 GitHub 仓库',
        type,
        key_type: type,
        public_key: textLike(/^(?:ssh-rsa|ssh-ed25519|ecdsa-sha2-nistp\d+) AAAA\S+$/),
        fingerprint: textLike(/^SHA256:[\w+/]{43}$/),
        has_passphrase: isEncrypted,
        used_by: [],
      },
    })
    expect(shown.data).toEqual(created.data)
  })
})

test.each([
  ['nothing', {}, 'private_key'],
  ['both', { private_key: 'x', ...GENERATE }, 'private_key'],
  ['an empty text', { private_key: '  ' }, 'empty'],
  ['the public key', { private_key: 'ssh-ed25519 AAAAC3Nz ada@host' }, 'public key'],
  ['a PuTTY key', { private_key: 'PuTTY-User-Key-File-3: ssh-ed25519' }, 'PuTTY'],
  ['a certificate', { private_key: '-----BEGIN CERTIFICATE-----\nMIIB' }, 'certificate'],
  ['a path', { private_key: '/home/ada/.ssh/id_ed25519' }, 'path'],
  ['a token', { private_key: 'glpat-0123456789abcdef' }, 'no private key'],
  ['half a key', { private_key: '-----BEGIN RSA PRIVATE KEY-----\nMIIE' }, 'cut off'],
  [
    'a damaged key',
    { private_key: '-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----' },
    'damaged',
  ],
  ['900 KB', { private_key: 'x'.repeat(900_000) }, 'too long'],
  ['a generated RSA key', { ...GENERATE, type: 'rsa' }, 'ed25519'],
  ['a type that there is not', { ...GENERATE, type: 'dsa' }, 'type'],
  ['a passphrase of two lines', { private_key: 'x', passphrase: 'a\nb' }, 'passphrase'],
])('%s is refused in both languages', async (_, source, word) => {
  await using world = await openWorld()

  const answer = await world.call('POST', '/ssh-keys', { name: 'key', ...source })

  expect(answer).toMatchObject({ status: 400, data: null })
  expect(answer.detail).toMatch(/\p{Script=Han}/u)
  expect(`${answer.detail} ${answer.hint}`).toContain(word)
  expect(answer.text.length).toBeLessThan(2000)
  expect(itemsOf(await world.call('GET', '/ssh-keys'))).toEqual([])
})

test('more than a megabyte is refused before it is read', async () => {
  await using world = await openWorld()

  const answer = await world.call('POST', '/ssh-keys', { name: 'key', private_key: 'x'.repeat(1_100_000) })

  expect(answer).toMatchObject({ status: 413, data: null, detail: twoLanguages })
})

test('a key with a passphrase is refused without it, and with another one, and never echoed', async () => {
  await using world = await openWorld()
  const text = await makeEncryptedKey()

  const missing = await world.call('POST', '/ssh-keys', { name: 'key', private_key: text })
  const wrong = await world.call('POST', '/ssh-keys', {
    name: 'key',
    private_key: text,
    passphrase: 'planted-wrong-one',
  })

  expect([missing.status, wrong.status]).toEqual([400, 400])
  expect(missing.detail).toContain('none was given')
  expect(wrong.detail).toContain('does not open the key')
  expect(missing.text + wrong.text + world.logged()).not.toMatch(/planted-wrong-one|b3BlbnNzaC1r/)
})

test.each(['', ' key', 'key ', 'a\nb', 'x'.repeat(101), '\u202ekey'])(
  'the name %j is refused',
  async (name) => {
    await using world = await openWorld()

    const created = await world.call('POST', '/ssh-keys', { name, generate: true })

    expect(created).toMatchObject({ status: 400, detail: twoLanguages, hint: twoLanguages })
  },
)

test('a name is taken once, also when a key is renamed', async () => {
  await using world = await openWorld()
  const first = await generate(world, 'first')
  const second = await generate(world, 'second')

  const again = await generate(world, 'first')
  const renamed = await world.call('PUT', `/ssh-keys/${idOf(second)}`, { name: 'first' })
  const kept = await world.call('PUT', `/ssh-keys/${idOf(first)}`, { name: 'first', description: 'mine' })

  expect([again.status, renamed.status]).toEqual([409, 409])
  expect(kept).toMatchObject({ status: 200, data: { name: 'first', description: 'mine' } })
})

test('keys are listed page by page, and what is not there is not found', async () => {
  await using world = await openWorld()
  for (const name of ['a', 'b', 'c']) await generate(world, name)

  const page = await world.call('GET', '/ssh-keys?page=2&page_size=2')
  const missing = await Promise.all([
    world.call('GET', '/ssh-keys/9'),
    world.call('PUT', '/ssh-keys/9', { name: 'x' }),
    world.call('DELETE', '/ssh-keys/9'),
    world.call('POST', '/ssh-keys/9/rotate', GENERATE),
    world.call('POST', '/ssh-keys/9/test', { repo_url: 'git@h.invalid:o/r' }),
  ])

  expect(page.data).toMatchObject({ total: 3, page: 2, page_size: 2, items: [{ name: 'c' }] })
  expect(missing.map(({ status }) => status)).toEqual([404, 404, 404, 404, 404])
})

test('a rotation keeps id, name and users, and replaces all that is of the key', async () => {
  await using world = await openWorld()
  const created = await generate(world, 'key')
  await bind(world, 'app')
  await world.call('PUT', '/bindings/app/ssh-keys/internal', { ssh_key_id: idOf(created) })
  const text = await makeEncryptedKey()

  const generated = await world.call('POST', `/ssh-keys/${idOf(created)}/rotate`, GENERATE)
  const pasted = await world.call('PUT', `/ssh-keys/${idOf(created)}`, {
    private_key: text,
    passphrase: PASSPHRASE,
  })

  const fingerprints = [created, generated, pasted].map(({ data }) => textOf(data, 'fingerprint'))
  expect(new Set(fingerprints).size).toBe(3)
  expect(pasted).toMatchObject({
    status: 200,
    data: {
      id: idOf(created),
      name: 'key',
      has_passphrase: true,
      used_by: [{ type: 'binding', name: 'app', place: 'internal' }],
    },
  })
})

test('a key is not deleted while bindings use it, and is when none does any more', async () => {
  await using world = await openWorld()
  const id = idOf(await generate(world, 'key'))
  await bind(world, 'one')
  await bind(world, 'two')
  for (const name of ['one', 'two'])
    await world.call('PUT', `/bindings/${name}/ssh-keys/internal`, { ssh_key_id: id })

  const shown = await world.call('GET', '/bindings/one')
  const used = await world.call('DELETE', `/ssh-keys/${id}`)
  await world.call('PUT', '/bindings/one/ssh-keys/internal', { ssh_key_id: null })
  await world.call('DELETE', '/cerobot/sync/repo/two')
  const free = await world.call('DELETE', `/ssh-keys/${id}`)

  expect(shown.data).toMatchObject({
    internal: { ssh_key_id: id, has_token: false },
    external: { ssh_key_id: null },
  })
  expect(used).toMatchObject({ status: 409, hint: twoLanguages })
  expect(used.detail).toContain('binding "one" (internal), binding "two" (internal)')
  expect(free.status).toBe(200)
  expect(itemsOf(await world.call('GET', '/ssh-keys'))).toEqual([])
})

test('a side has one credential: a key takes the place of a token, and a token that of a key', async () => {
  await using world = await openWorld()
  const id = idOf(await generate(world, 'key'))
  await bind(world, 'app')
  const give = (token: string): Promise<Answer> =>
    world.call('PUT', '/cerobot/sync/repo/app/repo_addr', { inter_token: token })
  await give('token')

  await world.call('PUT', '/bindings/app/ssh-keys/internal', { ssh_key_id: id })
  const named = await world.call('GET', '/bindings/app')
  await give('token')
  const given = await world.call('GET', '/bindings/app')

  expect(named.data).toMatchObject({ internal: { ssh_key_id: id, has_token: false } })
  expect(given.data).toMatchObject({ internal: { ssh_key_id: null, has_token: true } })
})

test('only a key that is there, for a side with an SSH address, can be named', async () => {
  await using world = await openWorld()
  const id = idOf(await generate(world, 'key'))
  await bind(world, 'app')

  const answers = [
    await world.call('PUT', '/bindings/app/ssh-keys/internal', { ssh_key_id: 99 }),
    await world.call('PUT', '/bindings/app/ssh-keys/external', { ssh_key_id: id }),
    await world.call('PUT', '/bindings/nobody/ssh-keys/internal', { ssh_key_id: id }),
    await world.call('PUT', '/bindings/app/ssh-keys/middle', { ssh_key_id: id }),
    await world.call('PUT', '/bindings/app/ssh-keys/internal', {}),
  ]

  expect(answers.map(({ status }) => status)).toEqual([404, 400, 404, 400, 400])
})

test('what happens to keys is on record, with what can be told of them', async () => {
  await using world = await openWorld()
  const id = idOf(await generate(world, 'key'))
  await bind(world, 'app')
  await world.call('PUT', '/bindings/app/ssh-keys/internal', { ssh_key_id: id })
  await world.call('POST', `/ssh-keys/${id}/rotate`, GENERATE)
  await world.call('DELETE', `/ssh-keys/${id}`)
  await world.call('PUT', '/bindings/app/ssh-keys/internal', { ssh_key_id: null })
  await world.call('DELETE', `/ssh-keys/${id}`)

  const ofKey = await auditOf(world, 'object_type=ssh_key')
  const ofBinding = await auditOf(world, 'object_type=binding&type=update')

  expect(ofKey.map(({ action, outcome, reason }) => [action, outcome, reason])).toEqual([
    ['DELETE', 'success', null],
    ['DELETE', 'failed', 'ssh_key_in_use'],
    ['ROTATE', 'success', null],
    ['CREATE', 'success', null],
  ])
  expect(ofKey[2]).toMatchObject({ object_id: String(id), object_name: 'key' })
  expect(textOf(ofKey[2]?.['before'], 'fingerprint')).not.toBe(textOf(ofKey[2]?.['after'], 'fingerprint'))
  expect(ofBinding).toMatchObject([
    { object_name: 'app', before: { ssh_key_id: id }, after: { ssh_key_id: null } },
    { object_name: 'app', before: { ssh_key_id: null }, after: { ssh_key_id: id } },
  ])
})
