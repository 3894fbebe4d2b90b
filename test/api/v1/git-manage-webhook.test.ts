import { createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { SECRET, startTaskWorld } from '../../rig/task-world.ts'
import { aNumber, aText, containing } from '../../rig/matchers.ts'

// The webhook that the document of Git Manage Service describes, as a client of it calls it.

test('the webhook, signed as the document says', async () => {
  await using world = await startTaskWorld()
  const { daemon, own, origin, createTask, callWebhook } = world
  await own.push(origin.dir, 'main:refs/heads/main')
  await createTask()
  const body = '{\n"task_id": 1\n}'
  const hex = createHmac('sha256', SECRET).update(body).digest('hex')

  const answer = await callWebhook(body, { 'X-Hub-Signature-256': `sha256=${hex}` })
  const { run_id: id } = z.object({ run_id: z.number() }).parse(answer.body)
  const run = await daemon.runEnded(id)

  expect(answer).toMatchObject({
    status: 200,
    body: { message: 'Sync triggered successfully', task_id: 1, run_id: aNumber },
  })
  expect(run).toMatchObject({ task_id: 1, trigger: 'webhook', status: 'succeeded' })
})

test('the webhook refuses in the documented form', async () => {
  await using world = await startTaskWorld({ WEBHOOK_RATE_LIMIT: '6' })
  const { restart, callWebhook } = world

  const answers = [
    await callWebhook('{"task_id": 1}', {}),
    await callWebhook('{"task_id": 1}', { 'X-Hub-Signature-256': 'md5=1' }),
    await callWebhook('{"task_id": 1}', { 'X-Hub-Signature-256': `sha256=${'0'.repeat(64)}` }),
    await callWebhook('{"task_id": 1}'),
    await callWebhook('{"task": 1}'),
    await callWebhook('['.repeat(1000)),
    await callWebhook('{"task_id": 1}'),
  ]
  await restart({ WEBHOOK_IP_ALLOWLIST: '192.0.2.0/24' })
  const closed = await callWebhook('{"task_id": 1}')
  const other = await fetch(`${world.daemon.url}/api/webhooks/task-sync`)

  const error = (status: number, text: string) => ({ status, body: { error: containing(text) } })
  expect(answers).toMatchObject([
    error(401, 'Missing signature'),
    error(401, 'Invalid signature format'),
    error(401, 'Invalid signature'),
    error(404, 'Task not found'),
    error(400, 'task_id'),
    error(400, 'task_id'),
    error(429, 'Rate limit exceeded'),
  ])
  const retryAfter = Number(answers.at(-1)?.headers.get('retry-after'))
  expect(retryAfter).toBeGreaterThan(0)
  expect(retryAfter).toBeLessThanOrEqual(60)
  expect(closed).toMatchObject(error(403, 'IP not allowed'))
  expect([other.status, await other.json()]).toEqual([404, { error: aText }])
})

test('no webhook secret: nobody may ask, also not with an empty one', async () => {
  await using world = await startTaskWorld({ WEBHOOK_SECRET: '' })
  const body = '{"task_id": 1}'
  const signature = createHmac('sha256', '').update(body).digest('hex')

  const answer = await world.callWebhook(body, { 'X-Hub-Signature-256': `sha256=${signature}` })

  expect(answer.status).toBe(401)
  await world.daemon.printed(/set WEBHOOK_SECRET/)
})
