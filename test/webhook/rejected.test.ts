import { createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { githubPush } from '../rig/deliveries.ts'
import type { SentPush } from '../rig/deliveries.ts'
import { shaOf } from '../run/world.ts'
import { createWorld, SECRET } from './world.ts'

const unsigned = {
  repository: { fullName: 'team/app', cloneUrl: 'https://inner.example/team/app.git' },
  ref: 'refs/heads/main',
  before: shaOf(1),
  after: shaOf(2),
}

function push(changes: Partial<SentPush> = {}): SentPush {
  return { ...unsigned, secret: SECRET, ...changes }
}

test.each([
  ['no signature', githubPush(unsigned), 'signature_missing'],
  ['another secret', githubPush(push({ secret: 'guessed' })), 'signature_invalid'],
])('a delivery with %s is refused and leaves no body behind', async (_, sent, reason) => {
  await using world = await createWorld()
  await world.bind()

  const answer = await world.deliver(sent, '/webhooks/github')

  expect(answer).toMatchObject({ status: 401, body: { status: 'rejected', reason } })
  expect(await world.get('/api/v1/deliveries/1')).toMatchObject({
    data: { status: 'rejected', reason, payload: null, changes: [], runs: [] },
  })
})

test('without any secret configured every delivery is refused', async () => {
  await using world = await createWorld({ secrets: [] })
  await world.bind()

  const answer = await world.deliver(githubPush(unsigned))

  expect(answer).toMatchObject({ status: 401, body: { status: 'rejected', reason: 'no_secret' } })
})

test('an address outside the allow-list is refused before anything is looked at', async () => {
  await using world = await createWorld({ refusesAddresses: true })

  const answer = await world.deliver(githubPush(push()))

  expect(answer).toMatchObject({ status: 403, body: { status: 'rejected', reason: 'address' } })
})

test('a path that names no forge is not found, and headers that name none are a bad request', async () => {
  await using world = await createWorld()
  const anonymous = {
    method: 'POST',
    search: '',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  } as const

  const named = await world.deliver(githubPush(push()), '/webhooks/nosuchforge')
  const unnamed = await world.deliver(anonymous)

  expect(named).toMatchObject({ status: 404, body: { status: 'rejected', reason: 'forge' } })
  expect(unnamed).toMatchObject({ status: 400, body: { status: 'rejected', reason: 'forge' } })
})

test('a body that is too large is refused, whether its length is declared or not', async () => {
  await using world = await createWorld({ maxBody: 1000 })
  const large = 'x'.repeat(5000)
  const chunks = new ReadableStream({
    start: (controller) => {
      for (let sent = 0; sent < 10; sent += 1) controller.enqueue(new TextEncoder().encode('x'.repeat(500)))
      controller.close()
    },
  })

  const declared = await fetch(`${world.url}/webhooks/github`, { method: 'POST', body: large })
  const streamed = await fetch(`${world.url}/webhooks/github`, {
    method: 'POST',
    body: chunks,
    duplex: 'half',
  })

  expect(declared.status).toBe(413)
  expect(await declared.json()).toMatchObject({ status: 'rejected', reason: 'too_large' })
  expect(streamed.status).toBe(413)
})

test('a signed body that is not JSON is malformed, and a type nobody reads is unsupported', async () => {
  await using world = await createWorld()
  const sent = githubPush(push())
  const sign = (body: string) => `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}`
  const headers = (body: string) => ({ ...sent.headers, 'X-Hub-Signature-256': sign(body) })

  const malformed = await world.deliver({ ...sent, headers: headers('{"ref":'), body: '{"ref":' })
  const unsupported = await world.deliver({
    ...sent,
    headers: { ...headers('<xml/>'), 'Content-Type': 'text/xml' },
    body: '<xml/>',
  })

  expect(malformed).toMatchObject({ status: 400, body: { status: 'rejected', reason: 'malformed' } })
  expect(unsupported).toMatchObject({ status: 415, body: { status: 'rejected', reason: 'content_type' } })
})

test('rejections never fill the database', async () => {
  await using world = await createWorld()
  const sent = githubPush(push({ secret: 'guessed' }))
  for (let round = 0; round < 24; round += 1) {
    await Promise.all(Array.from({ length: 50 }, () => world.deliver(sent)))
  }

  const { count } = await world.db
    .selectFrom('delivery')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()

  expect(count).toBe(1000)
})
