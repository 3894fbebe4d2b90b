import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { z } from 'zod'
import type { Service } from '../rig/git-http-server.ts'
import { allRunsEnded, headOf } from '../rig/journey.ts'
import { leftoversIn, processesIn } from '../rig/leftovers.ts'
import { createWorkRepository, git, readRefs } from '../rig/repository.ts'
import { startTaskWorld } from '../rig/task-world.ts'
import type { TaskWorld } from '../rig/task-world.ts'

// Where git stands when the daemon dies, in turn.
const POINTS: readonly (readonly ['origin' | 'backup', Service])[] = [
  ['origin', 'upload-pack'],
  ['backup', 'receive-pack'],
  ['backup', 'info/refs'],
  ['origin', 'info/refs'],
]
const KILLS = 8

test('killed wherever git stands, every task that was asked for still brings the last commit over', async () => {
  await using world = await startTaskWorld()
  const { folder, own, origin, backup, servers, createTask } = world
  const pusher = await createWorkRepository(folder.path)
  await pusher.commit('first')
  await pusher.push(origin.dir, 'main:refs/heads/main')
  const tasks = [
    await createTask({ name: 'between remotes' }),
    await createTask({ name: 'out', source_remote: 'local', target_branch: 'own' }),
    await createTask({ name: 'in', target_remote: 'local', target_branch: 'theirs' }),
  ]

  for (let kill = 0; kill < KILLS; kill += 1) {
    await pusher.commit(`theirs ${kill}`)
    await pusher.push(origin.dir, 'main:refs/heads/main')
    await own.commit(`own ${kill}`)
    const [server, service] = POINTS[kill % POINTS.length] ?? ['origin', 'upload-pack']
    const hold = servers[server].hold(service)
    const answered = await Promise.all(tasks.map((task) => askByWebhook(world, task)))
    await hold.reached
    await world.daemon.kill()
    hold.release()
    await world.restart()
    expect(answered).toEqual(tasks.map(() => 200))
  }
  const runs = await allRunsEnded(world.daemon)
  await world.daemon.stop()

  const theirs = await pusher.resolve('main')
  expect(await headOf(backup, 'main')).toBe(theirs)
  expect(await headOf(backup, 'own')).toBe(await own.resolve('main'))
  expect((await readRefs(own.dir)).get('refs/heads/theirs')).toBe(theirs)
  for (const task of tasks) {
    expect(runs.find((run) => run['task_id'] === task)).toMatchObject({ status: 'succeeded' })
  }
  expect(await git(own.dir, 'status', '--porcelain')).toBe('')
  expect(await git(own.dir, 'fsck', '--strict')).toBe('')
  // Half a pack of a git that was killed may stay in somebody's own repository: their `git gc` removes it, and
  // nobody else can tell whose it is. A lock would be in their way.
  const files = await readdir(join(own.dir, '.git'), { recursive: true })
  expect(files.filter((path) => path.endsWith('.lock'))).toEqual([])
  expect(await processesIn(folder.path)).toEqual([])
  expect(await leftoversIn(join(folder.path, 'sync'))).toEqual([])
}, 180_000)

async function askByWebhook({ callWebhook }: TaskWorld, task: number): Promise<number> {
  const { status, body } = await callWebhook(`{"task_id":${task}}`)
  z.object({ run_id: z.number() }).parse(body)
  return status
}
