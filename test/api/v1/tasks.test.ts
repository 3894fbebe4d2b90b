import { expect, test } from 'vitest'
import { z } from 'zod'
import { startTaskWorld, taskBody } from '../../rig/task-world.ts'
import { aText, containing, matching } from '../../rig/matchers.ts'

const Page = z.object({ data: z.object({ items: z.array(z.object({ id: z.number() })), total: z.number() }) })
const idsIn = (body: unknown): readonly number[] => Page.parse(body).data.items.map(({ id }) => id)

test('a task is understood as the clients of Git Manage Service write it', async () => {
  await using world = await startTaskWorld()
  const { daemon } = world

  const created = await daemon.call(
    'POST',
    '/api/v1/sync/tasks',
    taskBody(1, {
      cron: '0 8 * * *',
      timezone: 'Asia/Shanghai',
      push_options: '-f --no-verify',
      enabled: undefined,
      webhook_token: 'whatever else they send',
    }),
  )
  const cleared = await daemon.call('PUT', '/api/v1/sync/tasks/1', { cron_expression: '', push_options: [] })

  expect(created.body).toMatchObject({
    data: {
      cron_expression: '0 8 * * *',
      cron: '0 8 * * *',
      timezone: 'Asia/Shanghai',
      next_run_times: Array.from({ length: 5 }, () => matching(/T00:00:00\.000Z$/)),
      push_options: '--force --no-verify',
      enabled: true,
    },
  })
  expect(cleared.body).toMatchObject({
    data: { cron_expression: null, cron: null, next_run_times: [], push_options: '', name: 'main-to-backup' },
  })
})

test('tasks that name no time zone have that of the service', async () => {
  await using world = await startTaskWorld({ CRON_TIMEZONE: 'Europe/Berlin' })

  const { body } = await world.daemon.call('POST', '/api/v1/sync/tasks', taskBody(1, { cron: '30 1 1 7 *' }))

  expect(body).toMatchObject({
    data: {
      timezone: 'Europe/Berlin',
      next_run_times: Array.from({ length: 5 }, () => containing('-06-30T23:30')),
    },
  })
})

test('whoever waits for a run is told what it came to', async () => {
  await using world = await startTaskWorld()
  const { daemon, own, origin, backup, servers, createTask } = world
  await own.push(origin.dir, 'main:refs/heads/main')
  const task = await createTask()
  servers.backup.fault('team/app', { kind: 'status', status: 503 })

  const failed = await daemon.call('POST', `/api/v1/sync/tasks/${task}/run?wait=true`)
  servers.backup.fault('team/app', { kind: 'ok' })
  const succeeded = await daemon.call('POST', `/api/v1/sync/tasks/${task}/run?wait=true`)
  const odd = await daemon.call('POST', `/api/v1/sync/tasks/${task}/run?wait=maybe`)

  expect(failed).toMatchObject({
    status: 200,
    body: {
      code: 0,
      data: { run_id: 1, status: 'failed', code: 20004, detail: aText, attempts: 1 },
    },
  })
  expect(succeeded).toMatchObject({ status: 200, body: { data: { run_id: 2, status: 'succeeded' } } })
  expect(odd.status).toBe(400)
  expect(backup.name).toBe('team/app')
})

test('tasks and their runs are read in pages and through filters, apart from bindings of the same name', async () => {
  await using world = await startTaskWorld()
  const { daemon, own, origin, backup, createTask, run } = world
  await own.push(origin.dir, 'main:refs/heads/main')
  await createTask({ name: 'app' })
  await createTask({ name: 'other', target_branch: 'other' })
  for (const task of [1, 1, 2]) await run(task)
  await daemon.call('POST', '/cerobot/sync/repo', {
    repo_name: 'app',
    enable: true,
    internal_repo_address: origin.url,
    external_repo_address: backup.url,
    sync_granularity: 1,
    sync_direction: 1,
  })

  const read = async (path: string): Promise<readonly number[]> =>
    idsIn((await daemon.call('GET', path)).body)
  const found = {
    tasks: await read('/api/v1/sync/tasks?page=2&page_size=1'),
    ofRepository: await read('/api/v1/sync/tasks?repo_id=1'),
    ofNone: await read('/api/v1/sync/tasks?repo_id=9'),
    runs: await read('/api/v1/sync/tasks/1/runs'),
    filtered: await read('/api/v1/runs?task_id=2'),
    ofBinding: await read('/api/v1/runs?binding=app'),
  }
  const logs = await daemon.call('GET', '/cerobot/sync/repo/app/logs')

  expect(found).toEqual({
    tasks: [2],
    ofRepository: [1, 2],
    ofNone: [],
    runs: [2, 1],
    filtered: [3],
    ofBinding: [],
  })
  expect(logs.body).toMatchObject({ data: [], total: 0 })
})
