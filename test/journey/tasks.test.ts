import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { allRunsEnded, headOf } from '../rig/journey.ts'
import { commandLines, leftoversIn } from '../rig/leftovers.ts'
import { readRefs } from '../rig/repository.ts'
import { diverge, LOGINS, startTaskWorld } from '../rig/task-world.ts'
import type { TaskWorld } from '../rig/task-world.ts'
import { aText, containing, matching } from '../rig/matchers.ts'

test('a commit travels from one remote of a repository to the other, whose passwords nobody sees', async () => {
  await using world = await startTaskWorld()
  const { daemon, folder, own, origin, backup, servers, createTask } = world
  await own.push(origin.dir, 'main:refs/heads/main')
  const task = await createTask({ target_branch: 'copies/main' })
  const hold = servers.backup.hold('receive-pack')
  const asked = await daemon.call('POST', `/api/v1/sync/tasks/${task}/run`)
  await hold.reached

  const commands = await commandLines()
  const during = await daemon.call('GET', `/api/v1/sync/tasks/${task}`)
  hold.release()
  const run = await daemon.runEnded(runIdOf(asked.body))
  const shown = await Promise.all(
    [
      `/api/v1/sync/tasks/${task}`,
      `/api/v1/sync/tasks/${task}/runs`,
      `/api/v1/runs/${run.id}`,
      '/api/v1/repos/1',
    ].map((path) => daemon.call('GET', path)),
  )

  expect(during.body).toMatchObject({ data: { last_status: 'running', last_run_id: run.id } })
  expect(run).toMatchObject({
    status: 'succeeded',
    task_id: task,
    binding: null,
    refs: [{ source_ref: 'refs/heads/main', target_ref: 'refs/heads/copies/main', result: 'created' }],
  })
  expect(await readRefs(backup.dir)).toEqual(new Map([['refs/heads/copies/main', await own.resolve('main')]]))
  expect((await readRefs(own.dir)).size).toBe(1)
  expect(secretsIn(commands.join('\n'), daemon.output(), JSON.stringify(shown), run.log ?? '')).toEqual([])
  await daemon.stop()
  expect(secretsIn(dump(join(folder.path, 'data/reposync.db')))).toEqual([])
  expect(await leftoversIn(join(folder.path, 'sync'))).toEqual([])
})

test('a commit that only the target has stops the task, until its options allow to overwrite it', async () => {
  await using world = await startTaskWorld()
  const { daemon, folder, backup, createTask, run } = world
  const { theirs, foreign } = await diverge(world)
  const task = await createTask()

  const stopped = await run(task)
  const untouched = await headOf(backup, 'main')
  await daemon.call('PUT', `/api/v1/sync/tasks/${task}`, { push_options: '--force --no-verify' })
  const forced = await run(task)

  expect(stopped).toMatchObject({
    status: 'conflict',
    code: 20010,
    refs: [{ before: foreign, after: theirs, result: 'conflict' }],
  })
  expect(untouched).toBe(foreign)
  expect(forced).toMatchObject({ status: 'succeeded', refs: [{ result: 'updated' }] })
  expect(await headOf(backup, 'main')).toBe(theirs)
  expect([...(await readRefs(join(folder.path, 'data/backups/task-1.git'))).values()]).toEqual([foreign])
})

test('a branch that the source does not have is an error that names it', async () => {
  await using world = await startTaskWorld()
  const { own, origin, createTask, run } = world
  await own.push(origin.dir, 'main:refs/heads/main')

  const failed = await run(await createTask({ source_branch: 'missing' }))

  expect(failed).toMatchObject({ status: 'failed', code: 20009, detail: containing('missing') })
})

test('all branches travel, tags only when that is said, and one conflict does not stop the others', async () => {
  await using world = await startTaskWorld()
  const { daemon, own, origin, backup, createTask, run } = world
  const { foreign } = await diverge(world)
  await own.push(origin.dir, 'HEAD:refs/heads/free', 'HEAD:refs/heads/feature/a')
  await own.tag('v1')
  await own.push(origin.dir, 'v1')
  const task = await createTask({
    sync_mode: 'all-branch',
    source_branch: undefined,
    target_branch: undefined,
  })

  const first = await run(task)
  const branches = [...(await readRefs(backup.dir)).keys()]
  await daemon.call('PUT', `/api/v1/sync/tasks/${task}`, { push_options: '--tags' })
  await run(task)

  expect(first).toMatchObject({ status: 'conflict' })
  expect(branches).toEqual(['refs/heads/feature/a', 'refs/heads/free', 'refs/heads/main'])
  expect(await headOf(backup, 'main')).toBe(foreign)
  expect((await readRefs(backup.dir)).has('refs/tags/v1')).toBe(true)
})

test('a run that waits takes the task as it is when it starts', async () => {
  await using world = await startTaskWorld()
  const { daemon, own, origin, backup, servers, createTask } = world
  await own.push(origin.dir, 'main:refs/heads/main', 'main:refs/heads/dev')
  const task = await createTask()
  const hold = servers.origin.hold('upload-pack')
  const first = await daemon.call('POST', `/api/v1/sync/tasks/${task}/run`)
  await hold.reached
  const second = await daemon.call('POST', `/api/v1/sync/tasks/${task}/run`)

  await daemon.call('PUT', `/api/v1/sync/tasks/${task}`, { source_branch: 'dev', target_branch: 'dev' })
  hold.release()
  await daemon.runEnded(runIdOf(first.body))
  const run = await daemon.runEnded(runIdOf(second.body))

  expect(run).toMatchObject({ status: 'succeeded', refs: [{ target_ref: 'refs/heads/dev' }] })
  expect([...(await readRefs(backup.dir)).keys()]).toEqual(['refs/heads/dev', 'refs/heads/main'])
})

test('a task that is deleted while it runs stops, and pushes nothing afterwards', async () => {
  await using world = await startTaskWorld()
  const { daemon, folder, own, origin, backup, servers, createTask } = world
  await own.push(origin.dir, 'main:refs/heads/main')
  const task = await createTask()
  const hold = servers.backup.hold('receive-pack')
  const asked = await daemon.call('POST', `/api/v1/sync/tasks/${task}/run`)
  await hold.reached

  const deleted = await daemon.call('DELETE', `/api/v1/sync/tasks/${task}`)
  hold.release()
  const { body } = await daemon.call('GET', `/api/v1/runs/${runIdOf(asked.body)}`)
  const repository = await daemon.call('DELETE', '/api/v1/repos/1')

  expect([deleted.status, repository.status]).toEqual([200, 200])
  expect(body).toMatchObject({ data: { status: 'canceled', task_id: task } })
  expect((await readRefs(backup.dir)).size).toBe(0)
  await daemon.stop()
  expect(await leftoversIn(join(folder.path, 'sync'))).toEqual([])
})

test('a disabled task is run by nobody', async () => {
  await using world = await startTaskWorld()
  const { daemon, createTask, callWebhook } = world
  const task = await createTask({ enabled: false, cron: '* * * * * *' })

  const byHand = await daemon.call('POST', `/api/v1/sync/tasks/${task}/run`)
  const byWebhook = await callWebhook(`{"task_id":${task}}`)

  expect([byHand.status, byWebhook.status]).toEqual([409, 400])
  expect(await allRunsEnded(daemon)).toEqual([])
})

test('a task is run by the clock, and once for all that was missed', async () => {
  await using world = await startTaskWorld()
  const { daemon, own, origin, backup, createTask, restart } = world
  await own.push(origin.dir, 'main:refs/heads/main')
  const task = await createTask({ cron: '* * * * * *' })
  const first = await firstRun(world, task)
  await daemon.call('PUT', `/api/v1/sync/tasks/${task}`, { cron: '0 0 1 1 *' })
  await allRunsEnded(daemon)
  const db = new Sqlite(join(world.folder.path, 'data/reposync.db'))
  await daemon.stop()
  db.prepare('update task set cron_next_at = 1').run()
  const { count: before } = z
    .object({ count: z.number() })
    .parse(db.prepare('select count(*) as count from run').get())
  db.close()

  await restart()
  const runs = await allRunsEnded(world.daemon)
  const { body } = await world.daemon.call('GET', `/api/v1/sync/tasks/${task}`)

  expect(first).toMatchObject({ trigger: 'cron', status: 'succeeded' })
  expect(runs).toHaveLength(before + 1)
  expect(runs[0]).toMatchObject({ trigger: 'cron', task_id: task, status: 'succeeded' })
  expect(body).toMatchObject({
    data: { next_run_times: [matching(/-01-01T00:00:00/), ...REST] },
  })
  expect(await headOf(backup, 'main')).toBe(await own.resolve('main'))
})

const REST: readonly unknown[] = Array.from({ length: 4 }, () => aText)

/** The run that somebody asks for next, followed to its end. */
async function firstRun({ daemon }: TaskWorld, task: number) {
  const Runs = z.object({ data: z.object({ items: z.array(z.object({ id: z.number() })) }) })
  for (;;) {
    const { body } = await daemon.call('GET', `/api/v1/sync/tasks/${task}/runs`)
    const id = Runs.parse(body).data.items.at(-1)?.id
    if (id !== undefined) return daemon.runEnded(id)
  }
}

function runIdOf(body: unknown): number {
  return z.object({ data: z.object({ run_id: z.number() }) }).parse(body).data.run_id
}

/** The passwords, in any form, that the texts hold. */
function secretsIn(...texts: readonly string[]): readonly string[] {
  const forms = Object.values(LOGINS).flatMap(({ username, password }) => [
    password,
    encodeURIComponent(password),
    Buffer.from(`${username}:${password}`).toString('base64'),
  ])
  return forms.filter((form) => texts.some((text) => text.includes(form)))
}

function dump(file: string): string {
  const db = new Sqlite(file, { readonly: true })
  const tables = z
    .array(z.object({ name: z.string() }))
    .parse(db.prepare("select name from sqlite_master where type = 'table'").all())
  const rows = tables.map(({ name }) => JSON.stringify(db.prepare(`select * from "${name}"`).all()))
  db.close()
  return rows.join('\n')
}
