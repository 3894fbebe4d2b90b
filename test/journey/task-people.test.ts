import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { startFakeForge } from '../rig/fake-forge.ts'
import { startGitSshServer } from '../rig/git-ssh-server.ts'
import { headOf } from '../rig/journey.ts'
import { aText, containing } from '../rig/matchers.ts'
import { git } from '../rig/repository.ts'
import { diverge, startTaskWorld } from '../rig/task-world.ts'

// What people do about tasks beside running them.

const RunId = z.object({ data: z.object({ run_id: z.number() }) })

test('a conflict of a task is listed, decided by a person, and what went away can come back', async () => {
  await using world = await startTaskWorld()
  const { daemon, backup, createTask, run } = world
  const { theirs, foreign } = await diverge(world)
  const base = `/api/v1/sync/tasks/${await createTask()}`

  const stopped = await run(1)
  const conflicts = await daemon.call('GET', `${base}/conflicts`)
  const decided = await daemon.call('POST', `${base}/conflicts/main/resolve`, { take: 'internal' })
  const resolved = await daemon.runEnded(RunId.parse(decided.body).data.run_id)
  const afterwards = await headOf(backup, 'main')
  const backups = await daemon.call('GET', `${base}/backups`)
  const asked = await daemon.call('POST', `${base}/backups/1/restore`, { as: 'saved' })
  const restored = await daemon.runEnded(RunId.parse(asked.body).data.run_id)

  expect(stopped).toMatchObject({ status: 'conflict', hint: containing('sync/tasks/{id}/conflicts') })
  expect(conflicts.body).toMatchObject({
    data: {
      total: 1,
      items: [{ branch: 'main', internal: { sha: theirs, ahead: 1 }, external: { sha: foreign, ahead: 1 } }],
    },
  })
  expect([resolved.status, restored.status]).toEqual(['succeeded', 'succeeded'])
  expect(afterwards).toBe(theirs)
  expect(backups.body).toMatchObject({ data: { items: [{ sha: foreign, reason: 'resolve', by: 'local' }] } })
  expect(await headOf(backup, 'saved')).toBe(foreign)
  expect(await headOf(backup, 'main')).toBe(theirs)
})

test('a task that was refused a login says where its login is kept', async () => {
  await using world = await startTaskWorld()
  const { own, origin, createTask, run } = world
  await git(own.dir, 'remote', 'set-url', 'origin', origin.url)

  const failed = await run(await createTask())

  expect(failed).toMatchObject({ status: 'failed', code: 20005, hint: containing('git remote set-url') })
})

test('a task uses the SSH key of its repository, which cannot be deleted meanwhile', async () => {
  await using world = await startTaskWorld()
  await using server = await startGitSshServer()
  const { daemon, own, backup, createTask, run } = world
  const remote = await server.createRepository('app')
  await git(own.dir, 'remote', 'add', 'forge', remote.url)
  await own.push(remote.dir, 'main:refs/heads/main')
  const key = await daemon.call('POST', '/api/v1/ssh-keys', { name: 'deploy', private_key: server.userKey })
  const { id } = z.object({ data: z.object({ id: z.number() }) }).parse(key.body).data
  const task = await createTask({ source_remote: 'forge' })

  const named = await daemon.call('PUT', '/api/v1/repos/1', { ssh_key_id: id })
  const travelled = await run(task)
  const inUse = await daemon.call('DELETE', `/api/v1/ssh-keys/${id}`)
  const users = await daemon.call('GET', `/api/v1/ssh-keys/${id}`)
  await daemon.call('PUT', '/api/v1/repos/1', { ssh_key_id: null })
  const deleted = await daemon.call('DELETE', `/api/v1/ssh-keys/${id}`)

  expect(named).toMatchObject({ status: 200, body: { data: { ssh_key_id: id } } })
  expect(travelled.status).toBe('succeeded')
  expect(await headOf(backup, 'main')).toBe(await own.resolve('main'))
  expect(inUse).toMatchObject({ status: 409, body: { detail: containing('app') } })
  expect(users.body).toMatchObject({ data: { used_by: [{ type: 'repo', name: 'app' }] } })
  expect(deleted.status).toBe(200)
})

test('whoever wants to know is told that the clock has started a task, and what came of it', async () => {
  await using receiver = await startFakeForge(() => ({ status: 200 }))
  await using world = await startTaskWorld()
  const { daemon, own, origin, createTask } = world
  await own.push(origin.dir, 'main:refs/heads/main')
  await daemon.call('POST', '/api/v1/notification/channels', {
    type: 'webhook',
    name: 'ci',
    config: { url: receiver.origin },
    events: ['cron_triggered', 'sync_success'],
    report: 'all',
    template: '{{EventType}} {{TaskName}} {{SourceRemote}} {{TargetBranch}} {{RepoName}} {{CronExpression}}',
  })

  const task = await createTask({ cron: '* * * * * *', target_branch: 'copy' })
  const told = (): string => receiver.requests.map(({ body }) => body).join('\n')
  await expect.poll(told, { timeout: 20_000 }).toContain('"type":"sync_success"')
  await daemon.call('DELETE', `/api/v1/sync/tasks/${task}`)

  expect(told()).toContain('cron_triggered main-to-backup origin copy app * * * * * *')
  expect(told()).toContain('sync_success main-to-backup origin copy app * * * * * *')
})

test('what is changed is on record, with what it was before', async () => {
  await using world = await startTaskWorld()
  const { daemon, own, createTask } = world
  const task = await createTask()
  await daemon.call('PUT', `/api/v1/sync/tasks/${task}`, { target_branch: 'copy' })
  await daemon.call('POST', '/api/v1/repos/1/branches', { name: 'feature/a' })
  await daemon.call('POST', '/api/v1/repos/1/branches/checkout', { branch: 'feature/a' })
  await daemon.call('DELETE', '/api/v1/repos/1/branches/main')
  await daemon.call('DELETE', `/api/v1/sync/tasks/${task}`)
  await daemon.call('PUT', '/api/v1/repos/1', { name: 'renamed' })

  const { body } = await daemon.call('GET', '/api/v1/audit/logs?page_size=100')

  const Entry = z.looseObject({
    action: z.string(),
    object_type: z.string(),
    before: z.unknown(),
    after: z.unknown(),
  })
  const entries = z
    .object({ data: z.object({ items: z.array(Entry) }) })
    .parse(body)
    .data.items.reverse()
  const head = await own.resolve('HEAD')
  expect(entries).toMatchObject([
    { action: 'CREATE', object_type: 'repo', after: { name: 'app', path: own.dir } },
    { action: 'CREATE', object_type: 'task', after: { target_branch: 'main' } },
    {
      action: 'UPDATE',
      object_type: 'task',
      before: { target_branch: 'main' },
      after: { target_branch: 'copy' },
    },
    { action: 'CREATE_BRANCH', object_type: 'branch', after: { commit: head } },
    { action: 'CHECKOUT_BRANCH', object_type: 'branch', after: { commit: head } },
    { action: 'DELETE_BRANCH', object_type: 'branch', before: { last_commit: head, backup_ref: null } },
    { action: 'DELETE', object_type: 'task', before: { name: 'main-to-backup' } },
    { action: 'UPDATE', object_type: 'repo', before: { name: 'app' }, after: { name: 'renamed' } },
  ])
  expect(await readFile(join(own.dir, 'first.txt'), 'utf8')).toEqual(aText)
})
