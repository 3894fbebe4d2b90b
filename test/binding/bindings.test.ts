import { expect, test } from 'vitest'
import { bindingSubject } from '../../src/binding/binding.ts'
import {
  createBinding,
  deleteBinding,
  findBinding,
  getBinding,
  listBindings,
} from '../../src/binding/bindings.ts'
import { setEnabled, updateBinding } from '../../src/binding/update.ts'
import type { BindingDeps } from '../../src/binding/bindings.ts'
import { DEFAULT_RULES } from '../../src/binding/rules.ts'
import { credentialOf } from '../../src/binding/credential.ts'
import { matchMany } from '../../src/binding/match.ts'
import { MINUTE } from '../../src/clock.ts'
import { bindingOf, openWorld, reasonOf } from './world.ts'

const NO_CHANGE = { internal: undefined, external: undefined }
const FIRST_PAGE = { page: 1, pageSize: 10, newestFirst: true }

async function agree(deps: BindingDeps, subject: string): Promise<void> {
  await deps.db
    .insertInto('agreed_ref')
    .values({ subject, ref: 'refs/heads/main', sha: 'a'.repeat(40), agreed_at: 0 })
    .execute()
}

async function agreedOf(deps: BindingDeps): Promise<readonly string[]> {
  const rows = await deps.db.selectFrom('agreed_ref').select('subject').execute()
  return rows.map(({ subject }) => subject)
}

test('a binding is kept as it was written, and first compared after one interval', async () => {
  await using world = await openWorld()
  const input = bindingOf('app', {
    direction: 'both',
    addresses: { internal: ' https://Inner.Example/Team/App ', external: 'git@outer.example:team/app.git' },
  })

  const created = await createBinding(world.deps, input)

  expect(created).toEqual({
    id: 1,
    name: 'app',
    enabled: true,
    granularity: 'all',
    direction: 'both',
    internal: {
      address: 'https://Inner.Example/Team/App',
      url: 'https://inner.example/Team/App',
      host: 'inner.example',
      endpoint: 'inner.example:443',
      hasCredential: false,
      sshKeyId: null,
    },
    external: {
      address: 'git@outer.example:team/app.git',
      url: 'git@outer.example:team/app.git',
      host: 'outer.example',
      endpoint: 'outer.example:22',
      hasCredential: false,
      sshKeyId: null,
    },
    rules: DEFAULT_RULES,
    pause: null,
    createdAt: world.clock.now(),
    updatedAt: world.clock.now(),
  })
  expect(await getBinding(world.deps.db, 'app')).toEqual(created)
  expect(await findBinding(world.deps.db, created.id)).toEqual(created)
  const { reconcile_at } = await world.deps.db
    .selectFrom('binding')
    .select('reconcile_at')
    .executeTakeFirstOrThrow()
  expect(reconcile_at).toBe(world.clock.now() + 10 * MINUTE)
})

test.each([
  'app',
  '组织/仓库',
  '../../etc/passwd',
  '/etc',
  'a b',
  'CON',
  '-rf',
  'branch',
  "'; drop table binding; --",
  '👩‍💻',
  'x'.repeat(200),
])('a binding may be called %j', async (name) => {
  await using world = await openWorld()

  const created = await createBinding(world.deps, bindingOf(name, { addresses: bindingOf('app').addresses }))

  expect((await getBinding(world.deps.db, name)).id).toBe(created.id)
})

test.each([
  '',
  ' ',
  ' app',
  'app\n',
  '.',
  '..',
  'a\u0000b',
  'a\u001b[2Jb',
  'a\u202eb',
  '\ud800',
  'x'.repeat(201),
])('a binding cannot be called %j', async (name) => {
  await using world = await openWorld()

  const reason = await reasonOf(createBinding(world.deps, bindingOf(name)))

  expect(reason).toBe('binding_name')
})

test('a name is taken once', async () => {
  await using world = await openWorld()
  await createBinding(world.deps, bindingOf('app'))

  const attempts = await Promise.all([
    reasonOf(createBinding(world.deps, bindingOf('app'))),
    reasonOf(createBinding(world.deps, bindingOf('new'))),
    reasonOf(createBinding(world.deps, bindingOf('new'))),
  ])

  expect(attempts).toEqual(['binding_exists', 'nothing was thrown', 'binding_exists'])
  expect((await listBindings(world.deps, FIRST_PAGE)).total).toBe(2)
})

test('an address that cannot be used leaves nothing behind', async () => {
  await using world = await openWorld()
  const addresses = { internal: 'https://inner.example/o/r', external: 'ext::sh' }

  const reason = await reasonOf(createBinding(world.deps, bindingOf('app', { addresses })))

  expect(reason).toBe('address_helper')
  expect((await listBindings(world.deps, FIRST_PAGE)).total).toBe(0)
})

test('a repository cannot be bound to itself, but two forges may share a host and a path', async () => {
  await using world = await openWorld()
  const pairs = [
    ['https://h/o/r', 'https://h/o/r.git'],
    ['git@h:o/r', 'ssh://git@h:22/o/r'],
    ['http://h:3000/o/r', 'http://h:3001/o/r'],
    ['ssh://git@h:2222/o/r', 'ssh://git@h:2223/o/r'],
    ['http://h:3000/o/r', 'ssh://git@h:2222/o/r'],
    ['https://h/O/r', 'https://h/o/r'],
  ]

  const reasons: string[] = []
  for (const [index, [internal = '', external = '']] of pairs.entries()) {
    const input = bindingOf(`pair-${index}`, { addresses: { internal, external } })
    reasons.push(await reasonOf(createBinding(world.deps, input)))
  }

  const accepted = 'nothing was thrown'
  expect(reasons).toEqual(['address_same', 'address_same', accepted, accepted, accepted, accepted])
})

test('bindings are listed in pages, newest first or oldest first', async () => {
  await using world = await openWorld()
  for (const name of ['a', 'b', 'c']) await createBinding(world.deps, bindingOf(name))

  const pages = [
    await listBindings(world.deps, { page: 1, pageSize: 2, newestFirst: true }),
    await listBindings(world.deps, { page: 2, pageSize: 2, newestFirst: true }),
    await listBindings(world.deps, { page: 1, pageSize: 2, newestFirst: false }),
    await listBindings(world.deps, { page: 9, pageSize: 2, newestFirst: false }),
  ]

  expect(pages.map(({ bindings, total }) => [bindings.map(({ name }) => name), total])).toEqual([
    [['c', 'b'], 3],
    [['a'], 3],
    [['a', 'b'], 3],
    [[], 3],
  ])
})

test('a binding can be disabled and enabled again', async () => {
  await using world = await openWorld()
  await createBinding(world.deps, bindingOf('app'))

  await setEnabled(world.deps, 'app', false)
  const disabled = await getBinding(world.deps.db, 'app')
  await setEnabled(world.deps, 'app', true)

  expect([disabled.enabled, (await getBinding(world.deps.db, 'app')).enabled]).toEqual([false, true])
  expect(await reasonOf(setEnabled(world.deps, 'other', true))).toBe('binding_unknown')
})

test('a new address forgets what was agreed, is found by deliveries, and is compared at once', async () => {
  await using world = await openWorld()
  const { db } = world.deps
  const { id } = await createBinding(
    world.deps,
    bindingOf('app', { tokens: { internal: 'secret', external: undefined } }),
  )
  await agree(world.deps, bindingSubject(id))
  world.clock.advance(MINUTE)

  await updateBinding(world.deps, 'app', {
    addresses: { internal: undefined, external: 'https://third.example/team/app' },
    tokens: NO_CHANGE,
  })

  const after = await getBinding(db, 'app')
  const matches = await matchMany(db, [
    ['https://outer.example/team/app'],
    ['https://third.example/team/app'],
  ])
  expect(after).toMatchObject({
    internal: { address: 'https://inner.example/team/app', hasCredential: true },
    external: { address: 'https://third.example/team/app', host: 'third.example' },
    updatedAt: world.clock.now(),
  })
  expect(matches.map((list) => list.length)).toEqual([0, 1])
  expect(await agreedOf(world.deps)).toEqual([])
  const row = await db.selectFrom('binding').select('reconcile_at').executeTakeFirstOrThrow()
  expect(row.reconcile_at).toBe(world.clock.now())
})

test('a new token keeps what was agreed', async () => {
  await using world = await openWorld()
  const binding = await createBinding(world.deps, bindingOf('app'))
  await agree(world.deps, bindingSubject(binding.id))

  await updateBinding(world.deps, 'app', {
    addresses: NO_CHANGE,
    tokens: { internal: 'first', external: 'second' },
  })
  await updateBinding(world.deps, 'app', {
    addresses: NO_CHANGE,
    tokens: { internal: '', external: undefined },
  })

  expect(await agreedOf(world.deps)).toEqual([bindingSubject(binding.id)])
  expect(await credentialOf(world.deps, binding, 'internal')).toBeUndefined()
  expect(await credentialOf(world.deps, binding, 'external')).toMatchObject({ password: 'second' })
})

test('a change that cannot be made changes nothing', async () => {
  await using world = await openWorld()
  const before = await createBinding(world.deps, bindingOf('app'))

  const reasons = [
    await reasonOf(
      updateBinding(world.deps, 'app', {
        addresses: { internal: 'https://new.example/o/r', external: '-x' },
        tokens: { internal: 'secret', external: undefined },
      }),
    ),
    await reasonOf(
      updateBinding(world.deps, 'app', {
        addresses: { internal: before.external.address, external: undefined },
        tokens: NO_CHANGE,
      }),
    ),
    await reasonOf(updateBinding(world.deps, 'other', { addresses: NO_CHANGE, tokens: NO_CHANGE })),
  ]

  expect(reasons).toEqual(['address_option', 'address_same', 'binding_unknown'])
  expect(await getBinding(world.deps.db, 'app')).toEqual(before)
})

test('a deleted binding is gone with everything that only it used, and its id never returns', async () => {
  await using world = await openWorld()
  const { db } = world.deps
  const created = await createBinding(world.deps, bindingOf('app'))
  await agree(world.deps, bindingSubject(created.id))

  const deleted = await deleteBinding(world.deps, 'app')
  const again = await createBinding(world.deps, bindingOf('app', { direction: 'to_inter' }))

  expect(deleted).toEqual(created)
  expect(await agreedOf(world.deps)).toEqual([])
  expect(again.id).toBeGreaterThan(created.id)
  expect(await db.selectFrom('binding_address').select('binding_id').distinct().execute()).toEqual([
    { binding_id: again.id },
  ])
  expect(await reasonOf(deleteBinding(world.deps, 'other'))).toBe('binding_unknown')
})
