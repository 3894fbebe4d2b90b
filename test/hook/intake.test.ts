import { expect, test } from 'vitest'
import { hookUrl } from '../../src/hook/hook.ts'
import type { Hook } from '../../src/hook/hook.ts'
import { getHook, setSecrets } from '../../src/hook/hooks.ts'
import { HOUR } from '../../src/clock.ts'
import { githubPing, githubPush } from '../rig/deliveries.ts'
import { createWorld, SECRET } from '../webhook/world.ts'

const OWN = 'a secret of this hook alone'
const SHA = '1'.repeat(40)

function push(name: string, secret: string, changes: { readonly deliveryId?: string } = {}) {
  return githubPush({
    repository: { fullName: `team/${name}`, cloneUrl: `https://inner.example/team/${name}.git` },
    ref: 'refs/heads/main',
    before: null,
    after: SHA,
    secret,
    ...changes,
  })
}

function pathOf(hook: Hook): string {
  return hookUrl('', hook)
}

test('a delivery to a hook is taken with its own secret and remembered at the hook', async () => {
  await using world = await createWorld()
  const binding = await world.bind()
  const hook = await world.addHook(binding, 'internal', 'github', OWN)

  const answer = await world.deliver(push('app', OWN), pathOf(hook))

  const { lastDeliveryAt, lastStatus } = await getHook(world, binding, hook.id)
  expect(answer).toMatchObject({ status: 202, body: { status: 'accepted', bindings: ['app'] } })
  expect({ lastDeliveryAt, lastStatus }).toEqual({
    lastDeliveryAt: world.clock.now(),
    lastStatus: 'accepted',
  })
})

test('a hook refuses the secret that all share, and says so where its health is shown', async () => {
  await using world = await createWorld()
  const binding = await world.bind()
  const hook = await world.addHook(binding, 'internal', 'github', OWN)

  const answer = await world.deliver(push('app', SECRET), pathOf(hook))

  expect(answer).toMatchObject({ status: 401, body: { reason: 'signature_invalid' } })
  expect(await getHook(world, binding, hook.id)).toMatchObject({ lastStatus: 'rejected' })
})

test.each([
  ['an unknown last part', (hook: Hook) => `/webhooks/github/${hook.slug}x`],
  ['another forge in the path', (hook: Hook) => `/webhooks/gitea/${hook.slug}`],
])('a hook is not found by %s', async (_, path) => {
  await using world = await createWorld()
  const hook = await world.addHook(await world.bind(), 'internal', 'github', OWN)

  const answer = await world.deliver(push('app', OWN), path(hook))

  expect(answer).toMatchObject({ status: 404, body: { status: 'rejected', reason: 'hook' } })
})

test('a hook says nothing about another repository, nor about the other side of its binding', async () => {
  await using world = await createWorld()
  const app = await world.bind()
  await world.bind({
    name: 'lib',
    addresses: {
      internal: 'https://inner.example/team/lib.git',
      external: 'https://outer.example/team/lib.git',
    },
  })
  const inner = await world.addHook(app, 'internal', 'github', OWN)
  const outer = await world.addHook(app, 'external', 'github', 'another secret')

  const foreign = await world.deliver(push('lib', OWN), pathOf(inner))
  const otherSide = await world.deliver(push('app', 'another secret'), pathOf(outer))

  expect(foreign).toMatchObject({ status: 200, body: { status: 'ignored', reason: 'unbound' } })
  expect(otherSide).toMatchObject({ status: 200, body: { status: 'ignored', reason: 'unbound' } })
})

test('the shared secret no longer speaks for a side with a hook of its own, and still for all others', async () => {
  await using world = await createWorld()
  const app = await world.bind()
  await world.bind({
    name: 'mirror',
    addresses: {
      internal: 'https://inner.example/team/app.git',
      external: 'https://third.example/team/app.git',
    },
  })
  await world.addHook(app, 'internal', 'github', OWN)
  const lib = await world.bind({
    name: 'lib',
    addresses: {
      internal: 'https://inner.example/team/lib.git',
      external: 'https://outer.example/team/lib.git',
    },
  })
  await world.addHook(lib, 'internal', 'github', OWN)

  const shared = await world.deliver(push('app', SECRET), '/webhooks/github')
  const withheld = await world.deliver(push('lib', SECRET), '/webhooks/github')

  expect(shared).toMatchObject({ status: 202, body: { bindings: ['mirror'] } })
  expect(withheld).toMatchObject({ status: 200, body: { status: 'ignored', reason: 'own_hook' } })
})

test('a hook for the repository of before does not keep the shared secret from the new one', async () => {
  await using world = await createWorld()
  const app = await world.bind()
  const hook = await world.addHook(app, 'internal', 'github', OWN)
  await world.move('app', { internal: 'https://inner.example/team/moved.git', external: undefined })

  const old = await world.deliver(push('app', OWN), pathOf(hook))
  const fresh = await world.deliver(push('moved', SECRET), '/webhooks/github')

  expect(old).toMatchObject({ status: 200, body: { reason: 'unbound' } })
  expect(fresh).toMatchObject({ status: 202, body: { bindings: ['app'] } })
})

test('both secrets count during a rotation, and only the new one after it', async () => {
  await using world = await createWorld()
  const hook = await world.addHook(await world.bind(), 'internal', 'github', OWN)
  const previousUntil = world.clock.now() + HOUR
  await setSecrets(world, hook, { current: 'the new secret', previous: OWN, previousUntil })

  const old = await world.deliver(push('app', OWN), pathOf(hook))
  const fresh = await world.deliver(push('app', 'the new secret'), pathOf(hook))
  world.clock.advance(HOUR)
  const late = await world.deliver(push('app', OWN), pathOf(hook))

  expect([old.status, fresh.status, late.status]).toEqual([202, 202, 401])
})

test('one push that comes to two hooks under one id counts at each of them once', async () => {
  await using world = await createWorld()
  const app = await world.bind()
  const mirror = await world.bind({
    name: 'mirror',
    addresses: {
      internal: 'https://inner.example/team/app.git',
      external: 'https://third.example/team/app.git',
    },
  })
  const one = await world.addHook(app, 'internal', 'github', OWN)
  const other = await world.addHook(mirror, 'internal', 'github', OWN)
  const sent = push('app', OWN, { deliveryId: 'the-same-id' })

  const answers = [
    await world.deliver(sent, pathOf(one)),
    await world.deliver(sent, pathOf(other)),
    await world.deliver(sent, pathOf(one)),
  ]

  expect(answers).toMatchObject([
    { status: 202, body: { bindings: ['app'] } },
    { status: 202, body: { bindings: ['mirror'] } },
    { status: 200, body: { status: 'duplicate' } },
  ])
})

test('a ping shows that the hook works', async () => {
  await using world = await createWorld()
  const binding = await world.bind()
  const hook = await world.addHook(binding, 'internal', 'github', OWN)
  const repository = { fullName: 'team/app', cloneUrl: 'https://inner.example/team/app.git' }

  const answer = await world.deliver(githubPing({ repository, secret: OWN }), pathOf(hook))

  expect(answer).toMatchObject({ status: 200, body: { reason: 'ping' } })
  expect(await getHook(world, binding, hook.id)).toMatchObject({ lastStatus: 'ignored' })
})

test('the replay of a delivery to a hook is held to the same side', async () => {
  await using world = await createWorld()
  const app = await world.bind()
  await world.bind({
    name: 'lib',
    addresses: {
      internal: 'https://inner.example/team/lib.git',
      external: 'https://outer.example/team/lib.git',
    },
  })
  const hook = await world.addHook(app, 'internal', 'github', OWN)
  await world.deliver(push('lib', OWN), pathOf(hook))

  const replayed = await world.post('/api/v1/deliveries/1/replay')

  expect(replayed).toMatchObject({
    status: 202,
    body: { data: { reason: 'unbound', runs: [], hook: hook.id } },
  })
})

test('a hook whose binding is deleted is not found any more', async () => {
  await using world = await createWorld()
  const binding = await world.bind()
  const hook = await world.addHook(binding, 'internal', 'github', OWN)
  await world.db.deleteFrom('binding').where('id', '=', binding.id).execute()

  const answer = await world.deliver(push('app', OWN), pathOf(hook))

  expect(answer).toMatchObject({ status: 404, body: { reason: 'hook' } })
})

test('no secret of a hook stands readable in the database', async () => {
  await using world = await createWorld()
  const hook = await world.addHook(await world.bind(), 'internal', 'github', OWN)
  const previousUntil = world.clock.now() + HOUR
  await setSecrets(world, hook, { current: 'the new secret', previous: OWN, previousUntil })

  const rows = JSON.stringify(await world.db.selectFrom('hook').selectAll().execute())

  expect(rows).not.toMatch(/secret of this hook|the new secret|"token"/)
})
