import { join } from 'node:path'
import { expect, test } from 'vitest'
import { z } from 'zod'
import type { DaemonProcess } from '../../rig/daemon.ts'
import { createBareRepository } from '../../rig/repository.ts'
import { LOGINS, startTaskWorld, taskBody } from '../../rig/task-world.ts'
import { aNumber, matching } from '../../rig/matchers.ts'

// The document of Git Manage Service, call by call and example by example, as far as it is about repositories,
// branches, tasks and their webhook.

const Envelope = z.object({ code: z.number(), message: z.string(), data: z.unknown() })
const aTime = matching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/)
const aSha = matching(/^[0-9a-f]{40}$/)

/** The data of a documented success: status 200 and code 0. */
async function data(daemon: DaemonProcess, method: string, path: string, body?: unknown): Promise<unknown> {
  const answer = await daemon.call(method, path, body)
  const envelope = Envelope.parse(answer.body)
  expect([answer.status, envelope.code, envelope.message]).toEqual([200, 0, 'success'])
  expect(answer.headers.get('content-type')).toContain('application/json')
  return envelope.data
}

/** The code of a documented failure, which is its status too, with no data. */
async function refusal(daemon: DaemonProcess, method: string, path: string, body?: unknown): Promise<number> {
  const answer = await daemon.call(method, path, body)
  const envelope = Envelope.parse(answer.body)
  expect([envelope.code, envelope.data]).toEqual([answer.status, null])
  return answer.status
}

test('repositories: list, detail, register, delete', async () => {
  await using world = await startTaskWorld()
  const { daemon, folder } = world
  const path = join(folder.path, 'my-project')
  await createBareRepository(path)

  const created = await data(daemon, 'POST', '/api/v1/repos', { name: 'my-project', path })
  const list = await data(daemon, 'GET', '/api/v1/repos')
  const detail = await data(daemon, 'GET', '/api/v1/repos/2')
  const deleted = await data(daemon, 'DELETE', '/api/v1/repos/2')
  const left = await data(daemon, 'GET', '/api/v1/repos?page=1&page_size=20')

  const documented = { id: 2, name: 'my-project', path, current_branch: 'main', created_at: aTime }
  expect(created).toMatchObject(documented)
  expect(list).toMatchObject({ repos: [{ id: 1, name: 'app' }, documented], total: 2 })
  expect(list).toMatchObject({ items: [{ id: 1 }, documented], page: 1, page_size: 20 })
  expect(detail).toMatchObject({ ...documented, state: 'empty', head: null, remotes: [] })
  expect(deleted).toBeNull()
  expect(left).toMatchObject({ items: [{ id: 1 }], total: 1, page: 1, page_size: 20 })
})

test('branches: list, create, switch, delete', async () => {
  await using world = await startTaskWorld()
  const { daemon } = world
  const base = '/api/v1/repos/1/branches'

  const created = await data(daemon, 'POST', base, { name: 'feature/new-feature', base_branch: 'main' })
  await data(daemon, 'POST', base, { name: 'develop' })
  const switched = await data(daemon, 'POST', `${base}/checkout`, { branch: 'develop' })
  const list = await data(daemon, 'GET', `${base}?type=local`)
  const remote = await data(daemon, 'GET', `${base}?type=remote`)
  const all = await data(daemon, 'GET', `${base}?type=all`)
  const deleted = await data(daemon, 'DELETE', `${base}/feature/new-feature`)
  const left = await data(daemon, 'GET', base)

  const head = { type: 'local', is_current: false, last_commit: aSha }
  expect(created).toMatchObject({ ...head, name: 'feature/new-feature' })
  expect(switched).toMatchObject({ ...head, name: 'develop', is_current: true })
  const branches = [
    { ...head, name: 'develop', is_current: true },
    { ...head, name: 'feature/new-feature' },
    { ...head, name: 'main' },
  ]
  expect(list).toMatchObject({ branches, items: branches, total: 3 })
  expect(remote).toMatchObject({ branches: [], total: 0 })
  expect(all).toMatchObject({ branches, total: 3 })
  expect(deleted).toMatchObject({ name: 'feature/new-feature' })
  expect(left).toMatchObject({ branches: [{ name: 'develop' }, { name: 'main' }], total: 2 })
})

test('tasks: list, detail, create, run, update, delete', async () => {
  await using world = await startTaskWorld()
  const { daemon, own, origin } = world
  await own.push(origin.dir, 'main:refs/heads/main')
  const base = '/api/v1/sync/tasks'

  const created = await data(daemon, 'POST', base, taskBody(1, { cron_expression: '0 */2 * * *' }))
  const list = await data(daemon, 'GET', `${base}?page=1&page_size=20`)
  const asked = await daemon.call('POST', `${base}/1/run`)
  const run = await daemon.runEnded(
    z.object({ data: z.object({ run_id: z.number() }) }).parse(asked.body).data.run_id,
  )
  const detail = await data(daemon, 'GET', `${base}/1`)
  const runs = await data(daemon, 'GET', `${base}/1/runs`)
  const updated = await data(daemon, 'PUT', `${base}/1`, { cron: '30 4 * * *', enabled: false })
  const deleted = await data(daemon, 'DELETE', `${base}/1`)
  const left = await data(daemon, 'GET', base)

  const documented = {
    id: 1,
    name: 'main-to-backup',
    repo_id: 1,
    source_remote: 'origin',
    source_branch: 'main',
    target_remote: 'backup',
    target_branch: 'main',
    cron_expression: '0 */2 * * *',
    enabled: true,
  }
  expect(created).toMatchObject({
    ...documented,
    cron: '0 */2 * * *',
    sync_mode: 'single',
    push_options: '',
    next_run_times: [aTime, aTime, aTime, aTime, aTime],
    last_run_at: null,
    last_status: null,
  })
  expect(list).toMatchObject({ items: [documented], total: 1, page: 1, page_size: 20 })
  expect(asked).toMatchObject({ status: 202, body: { code: 0, data: { run_id: aNumber, task_id: 1 } } })
  expect(run).toMatchObject({ task_id: 1, trigger: 'manual', status: 'succeeded' })
  expect(detail).toMatchObject({ ...documented, last_run_at: aTime, last_status: 'succeeded' })
  expect(runs).toMatchObject({ items: [{ id: run.id, task_id: 1, status: 'succeeded' }], total: 1 })
  expect(updated).toMatchObject({
    ...documented,
    cron_expression: '30 4 * * *',
    enabled: false,
    next_run_times: [],
  })
  expect(deleted).toBeNull()
  expect(left).toMatchObject({ items: [], total: 0 })
})

test('what is documented as an error is one, with its code', async () => {
  await using world = await startTaskWorld()
  const { daemon, folder, own, createTask } = world
  await createTask()
  const repos = '/api/v1/repos'
  const tasks = '/api/v1/sync/tasks'

  const codes = {
    notJson: (
      await fetch(`${daemon.url}${repos}`, {
        method: 'POST',
        body: '{',
        headers: { 'content-type': 'application/json' },
      })
    ).status,
    noName: await refusal(daemon, 'POST', repos, { path: own.dir }),
    noPath: await refusal(daemon, 'POST', repos, { name: 'other' }),
    relative: await refusal(daemon, 'POST', repos, { name: 'other', path: 'work' }),
    missing: await refusal(daemon, 'POST', repos, { name: 'other', path: join(folder.path, 'nothing') }),
    noGit: await refusal(daemon, 'POST', repos, { name: 'other', path: join(folder.path, 'data') }),
    outside: await refusal(daemon, 'POST', repos, { name: 'other', path: '/etc' }),
    sameName: await refusal(daemon, 'POST', repos, { name: 'app', path: own.dir }),
    samePath: await refusal(daemon, 'POST', repos, { name: 'other', path: `${own.dir}/` }),
    unknownKey: await refusal(daemon, 'PUT', `${repos}/1`, { ssh_key_id: 77 }),
    noRepo: await refusal(daemon, 'GET', `${repos}/99`),
    badId: await refusal(daemon, 'GET', `${repos}/first`),
    inUse: await refusal(daemon, 'DELETE', `${repos}/1`),
    badPage: await refusal(daemon, 'GET', `${repos}?page=0`),
    badType: await refusal(daemon, 'GET', `${repos}/1/branches?type=some`),
    noBranch: await refusal(daemon, 'POST', `${repos}/1/branches/checkout`, { branch: 'nothing' }),
    noBranchGiven: await refusal(daemon, 'POST', `${repos}/1/branches/checkout`, {}),
    badBranch: await refusal(daemon, 'POST', `${repos}/1/branches`, { name: 'a..b' }),
    optionBranch: await refusal(daemon, 'POST', `${repos}/1/branches`, { name: '--force' }),
    sameBranch: await refusal(daemon, 'POST', `${repos}/1/branches`, { name: 'main' }),
    folderBranch: await refusal(daemon, 'POST', `${repos}/1/branches`, { name: 'main/below' }),
    noBase: await refusal(daemon, 'POST', `${repos}/1/branches`, { name: 'x', base_branch: 'nothing' }),
    currentBranch: await refusal(daemon, 'DELETE', `${repos}/1/branches/main`),
    goneBranch: await refusal(daemon, 'DELETE', `${repos}/1/branches/nothing`),
    noTask: await refusal(daemon, 'GET', `${tasks}/99`),
    noTaskToRun: await refusal(daemon, 'POST', `${tasks}/99/run`),
    noTaskToChange: await refusal(daemon, 'PUT', `${tasks}/99`, { enabled: false }),
    noTaskToDelete: await refusal(daemon, 'DELETE', `${tasks}/99`),
    sameTask: await refusal(daemon, 'POST', tasks, taskBody(1)),
    taskOfNothing: await refusal(daemon, 'POST', tasks, taskBody(99, { name: 'x' })),
    taskWithoutSource: await refusal(
      daemon,
      'POST',
      tasks,
      taskBody(1, { name: 'x', source_remote: undefined }),
    ),
    taskWithoutBranch: await refusal(
      daemon,
      'POST',
      tasks,
      taskBody(1, { name: 'x', source_branch: undefined }),
    ),
    badCron: await refusal(daemon, 'POST', tasks, taskBody(1, { name: 'x', cron_expression: '61 * * * *' })),
    badZone: await refusal(daemon, 'POST', tasks, taskBody(1, { name: 'x', timezone: 'Nowhere' })),
    badOption: await refusal(daemon, 'POST', tasks, taskBody(1, { name: 'x', push_options: '--mirror' })),
    badMode: await refusal(daemon, 'POST', tasks, taskBody(1, { name: 'x', sync_mode: 'bidirectional' })),
    noRemote: await refusal(daemon, 'POST', tasks, taskBody(1, { name: 'x', target_remote: 'nobody' })),
    sameEnds: await refusal(daemon, 'POST', tasks, taskBody(1, { name: 'x', target_remote: 'origin' })),
  }

  expect(codes).toEqual({
    notJson: 400,
    noName: 400,
    noPath: 400,
    relative: 400,
    missing: 400,
    noGit: 400,
    outside: 403,
    sameName: 409,
    samePath: 409,
    unknownKey: 404,
    noRepo: 404,
    badId: 400,
    inUse: 409,
    badPage: 400,
    badType: 400,
    noBranch: 404,
    noBranchGiven: 400,
    badBranch: 400,
    optionBranch: 400,
    sameBranch: 409,
    folderBranch: 409,
    noBase: 404,
    currentBranch: 409,
    goneBranch: 404,
    noTask: 404,
    noTaskToRun: 404,
    noTaskToChange: 404,
    noTaskToDelete: 404,
    sameTask: 409,
    taskOfNothing: 404,
    taskWithoutSource: 400,
    taskWithoutBranch: 400,
    badCron: 400,
    badZone: 400,
    badOption: 400,
    badMode: 400,
    noRemote: 400,
    sameEnds: 400,
  })
})

test('every call needs a token where tokens are needed', async () => {
  await using world = await startTaskWorld()
  const { restart } = world
  await restart({ AUTH: 'token', API_TOKEN: 'the-token-of-the-admin' })
  const calls = [
    ['GET', '/api/v1/repos'],
    ['POST', '/api/v1/repos'],
    ['PUT', '/api/v1/repos/1'],
    ['DELETE', '/api/v1/repos/1'],
    ['GET', '/api/v1/repos/1/branches'],
    ['POST', '/api/v1/repos/1/branches/checkout'],
    ['DELETE', '/api/v1/repos/1/branches/a/b'],
    ['POST', '/api/v1/sync/tasks'],
    ['POST', '/api/v1/sync/tasks/1/run'],
    ['GET', '/api/v1/sync/tasks/1/runs'],
  ] as const

  const without = await Promise.all(calls.map(([method, path]) => world.daemon.call(method, path)))
  const bearer = { authorization: 'Bearer the-token-of-the-admin' }
  const withToken = await world.daemon.call('GET', '/api/v1/repos/1', undefined, bearer)

  expect(without.map(({ status }) => status)).toEqual(calls.map(() => 401))
  expect(withToken.status).toBe(200)
  expect(JSON.stringify(withToken.body)).not.toContain(LOGINS.origin.password)
})
