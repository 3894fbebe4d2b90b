import { expect, test } from 'vitest'
import { z } from 'zod'
import { MINUTE } from '../../src/clock.ts'
import { startClockedDaemon } from '../rig/clocked-daemon.ts'
import type { ClockedDaemon } from '../rig/clocked-daemon.ts'
import { headOf } from '../rig/journey.ts'
import type { BoundPair } from '../rig/journey.ts'
import { git, readRefs } from '../rig/repository.ts'

// Whoever confirms what a run has held back, confirms what that run has shown, and no more.

const Requested = z.object({ data: z.object({ run_id: z.number(), left_out: z.array(z.string()) }) })
const Runs = z.object({ data: z.object({ items: z.array(z.object({ id: z.number() })) }) })

test('what has moved after the run was shown is never taken away, however often that run is confirmed', async () => {
  await using world = await startClockedDaemon()
  const app = await world.bind('app', { delete_policy: 'mirror' })
  const { run, confirm } = await holdDeletions(world, app)
  const later = await pushTo(world, app, 'm1')

  const first = await confirm(run)
  const refused = await world.runEnded(Requested.parse(first.body).data.run_id)
  const again = await confirm(run)
  const untouched = await headOf(app.outer, 'm1')
  const shown = await confirm(refused.id)
  const done = await world.runEnded(Requested.parse(shown.body).data.run_id)

  const m1 = { target_ref: 'refs/heads/m1', before: later }
  expect(refused.refs).toContainEqual(expect.objectContaining({ ...m1, result: 'conflict' }))
  expect(again).toMatchObject({ status: 409 })
  expect(JSON.stringify(again.body)).toContain('refs/heads/m1')
  expect(untouched).toBe(later)
  expect(done).toMatchObject({ status: 'succeeded', refs: [{ ...m1, result: 'deleted' }] })
})

test('what has not moved goes, and what has moved is named', async () => {
  await using world = await startClockedDaemon()
  const app = await world.bind('app', { delete_policy: 'mirror' })
  const { run, confirm } = await holdDeletions(world, app)
  const later = await pushTo(world, app, 'm1')
  await world.call('POST', '/cerobot/sync/repo/app')

  const { data } = Requested.parse((await confirm(run)).body)
  await world.runEnded(data.run_id)

  expect(data.left_out).toEqual(['refs/heads/m1'])
  expect([...(await readRefs(app.outer.dir)).keys()]).toEqual(['refs/heads/m1', 'refs/heads/main'])
  expect(await headOf(app.outer, 'm1')).toBe(later)
})

/** Three branches that were synced once and are gone from the source, so many of all that a run has held them back. */
async function holdDeletions(world: ClockedDaemon, app: BoundPair) {
  const topics = ['m1', 'm2', 'm3']
  await world.work.commit('base')
  await world.work.push(app.inner.dir, ...['main', ...topics].map((name) => `HEAD:refs/heads/${name}`))
  await world.call('POST', '/cerobot/sync/repo/app')
  for (const name of topics) await git(app.inner.dir, 'update-ref', '-d', `refs/heads/${name}`)
  await world.call('POST', '/cerobot/sync/repo/app')
  world.clock.advance(2 * MINUTE)
  await world.call('POST', '/cerobot/sync/repo/app')
  const list = await world.call('GET', '/api/v1/runs?binding=app&status=conflict')
  const run = Runs.parse(list.body).data.items[0]?.id ?? 0
  return { run, confirm: (id: number) => world.call('POST', `/api/v1/runs/${id}/confirm`) }
}

async function pushTo(world: ClockedDaemon, app: BoundPair, branch: string) {
  const commit = await world.work.commit(`more on ${branch}`)
  await world.work.push(app.outer.dir, `HEAD:refs/heads/${branch}`)
  return commit
}
