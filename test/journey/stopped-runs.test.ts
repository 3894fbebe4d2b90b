import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { headOf, listRuns, pushTo, runOf, startJourney } from '../rig/journey.ts'
import type { BoundPair, Journey } from '../rig/journey.ts'
import { leftoversIn, processesIn } from '../rig/leftovers.ts'
import { readRefs } from '../rig/repository.ts'

test.each(['info/refs', 'upload-pack', 'receive-pack'] as const)(
  'a run that is canceled while its git waits for %s ends at once, and the next one is not in its way',
  async (service) => {
    await using journey = await startJourney()
    const { daemon } = journey
    const app = await journey.bind('app')
    const hold = holdOf(journey, service)
    const run = await pushAndDeliver(journey, app)
    await hold.reached

    const canceled = await daemon.call('POST', `/api/v1/runs/${run}/cancel`)
    const ended = await daemon.runEnded(run)
    const untouched = await readRefs(app.outer.dir)
    const again = await daemon.call('POST', '/cerobot/sync/repo/app')

    expect(canceled.status).toBe(200)
    expect(ended).toMatchObject({ status: 'canceled', code: 20100, message: '同步已取消' })
    expect(untouched.size).toBe(0)
    expect(again.body).toMatchObject({ code_status: 0 })
    expect(await headOf(app.outer, 'main')).toBe(await journey.work.resolve('HEAD'))
  },
)

test('a run that has ended or never was cannot be canceled', async () => {
  await using journey = await startJourney()
  const { daemon } = journey
  const app = await journey.bind('app')
  const run = await pushAndDeliver(journey, app)
  await daemon.runEnded(run)

  const ended = await daemon.call('POST', `/api/v1/runs/${run}/cancel`)
  const unknown = await daemon.call('POST', '/api/v1/runs/999/cancel')

  expect(ended).toMatchObject({ status: 409, body: { code: 409, data: null } })
  expect(unknown).toMatchObject({ status: 404, body: { code: 404, data: null } })
})

test('a binding that is deleted during its run takes git, mirror and waiting work with it', async () => {
  await using journey = await startJourney()
  const { daemon, folder } = journey
  const app = await journey.bind('app')
  const hold = holdOf(journey, 'receive-pack')
  const run = await pushAndDeliver(journey, app)
  await hold.reached
  const waiting = await pushAndDeliver(journey, app)

  const deleted = await daemon.call('DELETE', '/cerobot/sync/repo/app')
  const runs = await listRuns(daemon)
  const git = (await processesIn(join(folder.path, 'sync'))).filter((line) => line.includes('git '))
  const later = await daemon.deliver(pushTo('gitea', app.inner, 'main', await journey.work.resolve('HEAD')))

  expect(deleted.body).toMatchObject({ code_status: 0 })
  expect(runs.map(({ id, status }) => [id, status])).toEqual([
    [waiting, 'canceled'],
    [run, 'canceled'],
  ])
  expect(git).toEqual([])
  expect((await readdir(join(folder.path, 'sync'))).filter((name) => name.includes('binding'))).toEqual([])
  expect(later).toMatchObject({ status: 200, body: { status: 'ignored', reason: 'unbound' } })
  expect((await readRefs(app.outer.dir)).size).toBe(0)
})

test('a disabled binding takes deliveries without syncing, and syncs what it missed when enabled', async () => {
  await using journey = await startJourney()
  const { daemon, work } = journey
  const app = await journey.bind('app', { enable: false })
  const commit = await work.commit('missed')
  await work.push(app.inner.dir, 'HEAD:refs/heads/main')

  const ignored = await daemon.deliver(pushTo('gitea', app.inner, 'main', commit))
  const refused = await daemon.call('POST', '/cerobot/sync/repo/app')
  const before = await readRefs(app.outer.dir)
  await daemon.call('PUT', '/cerobot/sync/repo/app', { enable: true })
  const synced = await daemon.call('POST', '/cerobot/sync/repo/app')

  expect(ignored).toMatchObject({ status: 200, body: { status: 'ignored', reason: 'disabled' } })
  expect(refused.body).toMatchObject({ code_status: 10006 })
  expect(before.size).toBe(0)
  expect(synced.body).toMatchObject({ code_status: 0 })
  expect(await headOf(app.outer, 'main')).toBe(commit)
})

test('nothing is left of a run that was canceled', async () => {
  await using journey = await startJourney()
  const { daemon, folder } = journey
  const app = await journey.bind('app')
  const hold = holdOf(journey, 'upload-pack')
  const run = await pushAndDeliver(journey, app)
  await hold.reached

  await daemon.call('POST', `/api/v1/runs/${run}/cancel`)
  await daemon.runEnded(run)
  await daemon.stop()

  expect(await processesIn(folder.path)).toEqual([])
  expect(await leftoversIn(join(folder.path, 'sync'))).toEqual([])
})

function holdOf(journey: Journey, service: 'info/refs' | 'upload-pack' | 'receive-pack') {
  return (service === 'receive-pack' ? journey.outer : journey.inner).hold(service)
}

/** Pushes a new commit inside and returns the run that its delivery asked for. */
async function pushAndDeliver(journey: Journey, app: BoundPair): Promise<number> {
  const commit = await journey.work.commit(crypto.randomUUID())
  await journey.work.push(app.inner.dir, 'HEAD:refs/heads/main')
  const { body } = await journey.daemon.deliver(pushTo('gitea', app.inner, 'main', commit))
  return runOf(body)
}
