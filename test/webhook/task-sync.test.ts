import { createHmac } from 'node:crypto'
import { request } from 'node:http'
import { Hono } from 'hono'
import { expect, onTestFinished, test } from 'vitest'
import { MINUTE, SECOND } from '../../src/clock.ts'
import { createLogger } from '../../src/log.ts'
import { startServer } from '../../src/server.ts'
import { createRateLimit } from '../../src/webhook/rate-limit.ts'
import { taskSyncRoutes } from '../../src/webhook/task-sync.ts'
import type { TaskSyncDeps } from '../../src/webhook/task-sync.ts'
import { createWorld as createTasks } from '../task/world.ts'
import { containing } from '../rig/matchers.ts'

const SECRET = 'a secret of the webhooks'

async function createWorld(changes: Partial<TaskSyncDeps> & { readonly perMinute?: number } = {}) {
  const { perMinute = 100, ...deps } = changes
  const tasks = await createTasks()
  const { db, clock } = tasks
  let wakes = 0
  const app = new Hono()
  app.route(
    '/api/webhooks',
    taskSyncRoutes({
      db,
      clock,
      logger: createLogger('silent'),
      secrets: [SECRET],
      allowsAddress: () => true,
      rateLimit: createRateLimit(clock, perMinute),
      maxBody: 25 * 2 ** 20,
      attemptLimit: 6,
      wakeQueue: () => void (wakes += 1),
      ...deps,
    }),
  )
  const server = await startServer({ app, clock, host: '127.0.0.1', port: 0 })
  onTestFinished(async () => {
    const closed = server.close(0)
    clock.advance(1)
    await closed
    await tasks[Symbol.asyncDispose]()
  })
  const send = async (body: string | Uint8Array, headers: Readonly<Record<string, string>> = {}) => {
    const response = await fetch(`${server.url}/api/webhooks/task-sync`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: new Uint8Array(Buffer.from(body)),
    })
    const answer: unknown = await response.json()
    return { status: response.status, body: answer, retryAfter: response.headers.get('retry-after') }
  }
  return {
    ...tasks,
    url: server.url,
    wakes: () => wakes,
    send,
    sendSigned: (body: string) => send(body, signed(body)),
    runs: () => db.selectFrom('run').select(['id', 'trigger', 'task_id', 'status']).execute(),
  }
}

function signed(body: string | Uint8Array, secret = SECRET): Readonly<Record<string, string>> {
  return { 'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}` }
}

test('a signed call asks for a run of the task, as documented', async () => {
  const world = await createWorld()
  const task = await world.newTask()

  const answer = await world.sendSigned(`{"task_id": ${task.id}}`)

  expect(answer).toEqual({
    status: 200,
    body: { message: 'Sync triggered successfully', task_id: task.id, run_id: 1 },
    retryAfter: null,
  })
  expect(await world.runs()).toEqual([{ id: 1, trigger: 'webhook', task_id: task.id, status: 'queued' }])
  expect(world.wakes()).toBe(1)
})

test('the signature is one over the bytes that were sent, whatever they are', async () => {
  const world = await createWorld()
  const { id } = await world.newTask()
  const bodies = [
    `{ "task_id"\t:\r\n ${id} }`,
    `{"task_id":${id},"task_id":${id}}`,
    `{"note":"\\u00e9é","task_id":${id}}`,
    `\u{feff}{"task_id":${id}}`,
  ]

  const answers = []
  for (const body of bodies) answers.push(await world.sendSigned(body))

  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
})

test.each([
  ['no signature', {}, 'Missing signature'],
  ['an empty one', { 'x-hub-signature-256': '' }, 'Missing signature'],
  ['no digest', { 'x-hub-signature-256': 'sha256=' }, 'Invalid signature format'],
  ['a short digest', { 'x-hub-signature-256': 'sha256=abcd' }, 'Invalid signature format'],
  ['another algorithm', { 'x-hub-signature-256': `sha1=${'a'.repeat(40)}` }, 'Invalid signature format'],
  ['a bare digest', { 'x-hub-signature-256': 'a'.repeat(64) }, 'Invalid signature format'],
  ['a very long one', { 'x-hub-signature-256': `sha256=${'a'.repeat(8000)}` }, 'Invalid signature format'],
  ['a wrong digest', { 'x-hub-signature-256': `sha256=${'a'.repeat(64)}` }, 'Invalid signature'],
  ['another secret', signed('{"task_id":1}', 'another'), 'Invalid signature'],
  ['another body', signed('{"task_id":2}'), 'Invalid signature'],
  ['a legacy header only', { 'x-hub-signature': `sha1=${'a'.repeat(40)}` }, 'Missing signature'],
])('%s is refused', async (_name, headers, error) => {
  const world = await createWorld()
  await world.newTask()

  const answer = await world.send('{"task_id":1}', headers)

  expect(answer).toMatchObject({ status: 401, body: { error } })
  expect(await world.runs()).toEqual([])
})

test('two signatures are none', async () => {
  const world = await createWorld()
  await world.newTask()
  const body = '{"task_id":1}'
  const good = signed(body)['x-hub-signature-256'] ?? ''

  const status = await new Promise((resolve, reject) => {
    const sent = request(`${world.url}/api/webhooks/task-sync`, {
      method: 'POST',
      headers: { 'x-hub-signature-256': [good, good], 'content-length': String(body.length) },
    })
    sent.on('response', (response) => resolve(response.resume().statusCode)).on('error', reject)
    sent.end(body)
  })

  expect(status).toBe(401)
})

test('without a secret nobody may ask', async () => {
  const world = await createWorld({ secrets: [] })
  await world.newTask()

  const answer = await world.send('{"task_id":1}', signed('{"task_id":1}', ''))

  expect(answer).toMatchObject({ status: 401, body: { error: 'No webhook secret is configured' } })
})

test.each([
  '',
  '[]',
  '{}',
  'null',
  '{"task_id":"1"}',
  '{"task_id":0}',
  '{"task_id":-1}',
  '{"task_id":1.5}',
  '{"task_id":1e400}',
  '{"task_id":9007199254740993}',
  '{"task_id":null}',
  '{"task_id":1',
  'task_id=1',
  '\u{feff}{"task_id":',
])('the body %s is refused', async (body) => {
  const world = await createWorld()
  await world.newTask()

  const answer = await world.sendSigned(body)

  expect(answer).toMatchObject({ status: 400, body: { error: containing('task_id') } })
  expect(await world.runs()).toEqual([])
})

test('a body that is no text is refused', async () => {
  const world = await createWorld()
  const body = Buffer.from([0x7b, 0xff, 0xfe, 0x7d])

  const answer = await world.send(body, signed(body))

  expect(answer.status).toBe(400)
})

test('a task that does not exist, and one that is disabled', async () => {
  const world = await createWorld()
  const { id } = await world.newTask({ enabled: false })

  const unknown = await world.sendSigned('{"task_id":99}')
  const disabled = await world.sendSigned(`{"task_id":${id}}`)

  expect(unknown).toMatchObject({ status: 404, body: { error: 'Task not found' } })
  expect(disabled).toMatchObject({ status: 400, body: { error: 'Task is disabled' } })
})

test('a body that is too large is refused before it is read', async () => {
  const world = await createWorld()

  const answer = await world.sendSigned(`{"task_id":1,"pad":"${'x'.repeat(70_000)}"}`)

  expect(answer).toMatchObject({ status: 413, body: { error: 'Request body too large' } })
})

test('first the address is judged, then the rate, then the signature, then the body', async () => {
  const closed = await createWorld({ allowsAddress: () => false, perMinute: 1 })
  const limited = await createWorld({ perMinute: 1 })

  const answers = [
    await closed.send('nothing'),
    await closed.send('nothing'),
    await limited.send('nothing'),
    await limited.sendSigned('nothing'),
  ]

  expect(answers.map(({ status, body }) => [status, body])).toEqual([
    [403, { error: 'IP not allowed' }],
    [403, { error: 'IP not allowed' }],
    [401, { error: 'Missing signature' }],
    [429, { error: 'Rate limit exceeded' }],
  ])
})

test('a client may ask as often per minute as is allowed, and then has to wait as long as it is told', async () => {
  const world = await createWorld({ perMinute: 3 })
  await world.newTask()
  const ask = async () => (await world.sendSigned('{"task_id":1}')).status

  const first = [await ask(), await ask(), await ask()]
  world.clock.advance(20 * SECOND)
  const refused = await world.sendSigned('{"task_id":1}')
  world.clock.advance(39 * SECOND)
  const early = await ask()
  world.clock.advance(1 * SECOND)

  expect(first).toEqual([200, 200, 200])
  expect(refused).toMatchObject({ status: 429, retryAfter: '40' })
  expect(early).toBe(429)
  expect([await ask(), await ask(), await ask(), await ask()]).toEqual([200, 200, 200, 429])
})

test('calls that come together become one run, and one more after it', async () => {
  const world = await createWorld()
  await world.newTask()

  const answers = await Promise.all(Array.from({ length: 20 }, () => world.sendSigned('{"task_id":1}')))

  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
  expect(await world.runs()).toHaveLength(1)
})

test('what cannot be stored is not said to be', async () => {
  const world = await createWorld()
  await world.newTask()
  await world.db.schema.dropTable('run').execute()

  const answer = await world.sendSigned('{"task_id":1}')

  expect(answer).toMatchObject({ status: 503, retryAfter: '30' })
})

test('the limit holds within any minute, per client', () => {
  let now = 0
  const clock = { now: () => now, after: () => ({ [Symbol.dispose]: () => {} }) }
  const limit = createRateLimit(clock, 100)
  const allowedAt: number[] = []

  for (; now < 5 * MINUTE; now += 250) if (limit('client') === 0) allowedAt.push(now)
  const other = limit('other')

  const most = Math.max(
    ...allowedAt.map((from) => allowedAt.filter((at) => at >= from && at < from + MINUTE).length),
  )
  expect(most).toBe(100)
  expect(allowedAt.length).toBeGreaterThanOrEqual(500)
  expect(other).toBe(0)
})
