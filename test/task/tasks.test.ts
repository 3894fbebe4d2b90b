import { expect, onTestFinished, test } from 'vitest'
import { RepositoryId } from '../../src/ids.ts'
import type { TaskChange } from '../../src/task/definition.ts'
import { taskSubject } from '../../src/task/task.ts'
import { deleteTask, getTask, namesOfTasks, noteEnds, updateTask } from '../../src/task/tasks.ts'
import { createWorld, NOTHING } from './world.ts'

const SERVERS = {
  source_host: 'origin.example',
  source_endpoint: 'origin.example:443',
  target_host: 'backup.example',
  target_endpoint: 'backup.example:443',
}

async function openWorld() {
  const world = await createWorld()
  onTestFinished(() => world[Symbol.asyncDispose]())
  const task = await world.newTask()
  const { db } = world
  return {
    ...world,
    task,
    change: (changes: Partial<TaskChange>) => updateTask(world.deps, task.id, { ...NOTHING, ...changes }),
    agree: async () => {
      const row = { subject: taskSubject(task.id), ref: 'refs/heads/main', sha: 'a'.repeat(40), agreed_at: 0 }
      await db.insertInto('agreed_ref').values(row).execute()
    },
    agreed: async () => (await db.selectFrom('agreed_ref').selectAll().execute()).length,
  }
}

test('what is left out stays', async () => {
  const { task, change } = await openWorld()

  const changed = await change({ name: 'renamed', pushOptions: ['--force'] })

  expect(changed).toEqual({
    ...task,
    name: 'renamed',
    pushOptions: ['--force'],
    updatedAt: changed.updatedAt,
  })
})

test.each([
  ['another source branch', { sourceBranch: 'dev' }, 0],
  ['another target branch', { targetBranch: 'dev' }, 0],
  ['another remote', { targetRemote: 'local' }, 0],
  ['another mode', { mode: 'all-branch' }, 0],
  ['another name', { name: 'renamed' }, 1],
  ['another time', { cron: '0 0 * * *' }, 1],
  ['the same remote again', { targetRemote: 'backup' }, 1],
] as const)('with %s, what both ends agreed on counts: %o', async (_name, changes, left) => {
  const { change, agree, agreed } = await openWorld()
  await agree()

  await change(changes)

  expect(await agreed()).toBe(left)
})

test('when a remote leads elsewhere, what both ends agreed on is forgotten', async () => {
  const { db, task, agree, agreed } = await openWorld()
  await noteEnds(db, task.id, 'first', SERVERS)
  await agree()

  await noteEnds(db, task.id, 'first', SERVERS)
  const same = await agreed()
  await noteEnds(db, task.id, 'second', { ...SERVERS, target_host: 'other.example' })

  expect([same, await agreed()]).toEqual([1, 0])
  expect((await getTask(db, task.id)).target.host).toBe('other.example')
})

test('a repository names the tasks that need it, until they are deleted', async () => {
  const { db, task, agree, agreed } = await openWorld()
  await agree()
  const before = await namesOfTasks(db, RepositoryId.parse(1))

  await deleteTask({ db }, task.id)

  expect(before).toEqual([task.name])
  expect([await namesOfTasks(db, RepositoryId.parse(1)), await agreed()]).toEqual([[], 0])
})

test.each([
  [{ name: '' }, 'task_name'],
  [{ name: ' x' }, 'task_name'],
  [{ sourceBranch: '--force' }, 'task_branch'],
  [{ targetBranch: 'a..b' }, 'task_branch'],
  [{ targetRemote: 'origin' }, 'task_same'],
  [{ targetRemote: 'nobody' }, 'remote_unknown'],
  [{ cron: 'never' }, 'cron'],
  [{ timezone: 'Nowhere' }, 'timezone'],
  [{ pushOptions: '--tags' }, 'push_option'],
] as const)('%o is refused as %s, and nothing changes', async (changes, reason) => {
  const { db, task, change } = await openWorld()

  const changed = change(changes)

  await expect(changed).rejects.toMatchObject({ reason })
  expect(await getTask(db, task.id)).toEqual(task)
})
