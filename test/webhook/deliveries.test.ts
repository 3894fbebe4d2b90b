import { expect, test } from 'vitest'
import { githubPing, githubPush } from '../rig/deliveries.ts'
import { endOf, refOf, shaOf } from '../run/world.ts'
import { createWorld, SECRET } from './world.ts'

const INNER = { fullName: 'team/app', cloneUrl: 'https://inner.example/team/app.git' }

function pushOfMain(after: number, deliveryId?: string) {
  return githubPush({
    repository: INNER,
    ref: 'refs/heads/main',
    before: shaOf(1),
    after: shaOf(after),
    secret: SECRET,
    ...(deliveryId === undefined ? {} : { deliveryId }),
  })
}

test('a delivery shows what it said, what it caused and what arrived', async () => {
  await using world = await createWorld()
  await world.bind()
  await world.deliver(pushOfMain(2, 'd-1'))

  const shown = await world.get('/api/v1/deliveries/1')

  expect(shown).toMatchObject({
    code: 0,
    data: {
      id: 1,
      forge: 'github',
      event: 'push',
      delivery_id: 'd-1',
      received_at: new Date(world.clock.now()).toISOString(),
      status: 'accepted',
      reason: null,
      signature: 'verified',
      changes: [{ ref: 'refs/heads/main', before: shaOf(1), after: shaOf(2) }],
      repository: { full_name: 'team/app', clone_url: INNER.cloneUrl },
      bindings: ['app'],
      runs: [1],
      payload: { ref: 'refs/heads/main' },
    },
  })
})

test('deliveries are listed newest first, in pages, and by forge, status and binding', async () => {
  await using world = await createWorld()
  await world.bind()
  await world.deliver(pushOfMain(2))
  await world.deliver(githubPing({ repository: INNER, secret: SECRET }))
  await world.deliver(pushOfMain(3))

  const second = await world.get('/api/v1/deliveries?page=2&page_size=2')
  const ignored = await world.get('/api/v1/deliveries?status=ignored')
  const ofBinding = await world.get('/api/v1/deliveries?binding=app&forge=github')
  const huge = await world.get('/api/v1/deliveries?page_size=100000')

  expect(second).toMatchObject({ data: { items: [{ id: 1 }], total: 3, page: 2, page_size: 2 } })
  expect(ignored).toMatchObject({ data: { items: [{ id: 2, reason: 'ping' }], total: 1 } })
  expect(ofBinding).toMatchObject({ data: { items: [{ id: 3 }, { id: 1 }], total: 2 } })
  expect(huge).toMatchObject({ data: { page_size: 100 } })
})

test.each([
  ['/api/v1/deliveries/99', 404],
  ['/api/v1/deliveries/abc', 400],
  ['/api/v1/deliveries?page=0', 400],
  ['/api/v1/deliveries?status=nonsense', 400],
])('%s answers %i and says why', async (path, code) => {
  await using world = await createWorld()

  const answer = await world.get(path)

  expect(answer).toMatchObject({ code, data: null })
  expect(JSON.stringify(answer)).toMatch(/"detail":".+ \/ .+"/)
})

test('a replay asks for the run again although both sides seemed equal', async () => {
  await using world = await createWorld()
  await world.bind()
  await world.deliver(pushOfMain(2))
  await world.endRun(endOf({ agreed: new Map([[refOf('refs/heads/main'), shaOf(2)]]) }))

  const replayed = await world.post('/api/v1/deliveries/1/replay')

  expect(replayed).toMatchObject({ status: 202, body: { code: 0, data: { id: 1, runs: [1, 2] } } })
})

test('a replay finds a binding that was made after the delivery', async () => {
  await using world = await createWorld()
  await world.deliver(pushOfMain(2))
  await world.bind()

  const replayed = await world.post('/api/v1/deliveries/1/replay')

  expect(replayed).toMatchObject({ body: { data: { status: 'accepted', reason: null, bindings: ['app'] } } })
})

test('a rejected delivery cannot be replayed', async () => {
  await using world = await createWorld()
  await world.deliver(githubPing({ repository: INNER, secret: 'guessed' }))

  const replayed = await world.post('/api/v1/deliveries/1/replay')

  expect(replayed).toMatchObject({ status: 409, body: { code: 409 } })
})
