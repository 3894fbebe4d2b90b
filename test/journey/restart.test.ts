import { join } from 'node:path'
import { expect, test } from 'vitest'
import { allRunsEnded, headOf, listRuns, pushTo, runOf, startJourney } from '../rig/journey.ts'
import type { BoundPair, Journey } from '../rig/journey.ts'
import { leftoversIn, processesIn } from '../rig/leftovers.ts'

test('a stop that does not wait gives the run back, and the next start finishes it', async () => {
  await using journey = await startJourney({ DRAIN_TIMEOUT: '100ms' })
  const app = await journey.bind('app')
  const { run, commit } = await pushHeld(journey, app)

  const code = await journey.daemon.stop()
  const left = await leftoversOf(journey)
  const between = await headOf(app.outer, 'main')
  await journey.restart()
  const ended = await journey.daemon.runEnded(run)

  expect(code).toBe(0)
  expect(left).toEqual([])
  expect(between).toBeUndefined()
  expect(ended).toMatchObject({ status: 'succeeded', attempts: 1 })
  expect(ended.log).toContain('interrupted by a restart')
  expect(await headOf(app.outer, 'main')).toBe(commit)
})

test('a stop that waits lets the run end, and stores what is delivered meanwhile for the next start', async () => {
  await using journey = await startJourney({ DRAIN_TIMEOUT: '60s' })
  const { daemon, work } = journey
  const app = await journey.bind('app')
  const { run, commit, hold } = await pushHeld(journey, app)

  daemon.signal('SIGTERM')
  await daemon.printed(/"msg":"stopping/)
  const late = await work.commit('late')
  await work.push(app.inner.dir, 'HEAD:refs/heads/main')
  const taken = await daemon.deliver(pushTo('gitea', app.inner, 'main', late, { before: commit }))
  const asked = await daemon.call('POST', '/cerobot/sync/repo/app')
  const ready = await daemon.call('GET', '/readyz')
  hold.release()
  const code = await daemon.exited
  const between = await headOf(app.outer, 'main')
  await journey.restart()
  const runs = await allRunsEnded(journey.daemon)

  expect(taken.status).toBe(202)
  expect(asked).toMatchObject({ status: 503, body: { code_status: 10503 } })
  expect(ready).toMatchObject({ status: 503, body: { status: 'degraded', problems: ['stopping'] } })
  expect(code).toBe(0)
  expect(between).toBe(commit)
  expect(runs.map(({ id, status }) => [id, status])).toEqual([
    [runOf(taken.body), 'succeeded'],
    [run, 'succeeded'],
  ])
  expect(await headOf(app.outer, 'main')).toBe(late)
})

test('a second signal stops at once, and the next start finishes the run', async () => {
  await using journey = await startJourney({ DRAIN_TIMEOUT: '60s' })
  const { daemon } = journey
  const app = await journey.bind('app')
  const { run, commit } = await pushHeld(journey, app)

  daemon.signal('SIGTERM')
  await daemon.printed(/"msg":"stopping/)
  daemon.signal('SIGTERM')
  const code = await daemon.exited
  await journey.restart()
  const ended = await journey.daemon.runEnded(run)
  await journey.daemon.stop()

  expect(code).toBe(1)
  expect(ended).toMatchObject({ status: 'succeeded', attempts: 1 })
  expect(await headOf(app.outer, 'main')).toBe(commit)
  expect(await leftoversOf(journey)).toEqual([])
})

test('pushes whose webhooks found nobody are found by the comparison after the start', async () => {
  await using journey = await startJourney({ RECONCILE_INTERVAL: '1s' })
  const outward = await journey.bind('outward')
  const inward = await journey.bind('inward', { sync_direction: 2 })
  const both = await journey.bind('both', { sync_direction: 3 })
  await journey.daemon.stop()
  const commit = await journey.work.commit('while nobody listened')
  await journey.work.push(outward.inner.dir, 'HEAD:refs/heads/main')
  await journey.work.push(inward.outer.dir, 'HEAD:refs/heads/main')
  await journey.work.push(both.inner.dir, 'HEAD:refs/heads/inside')
  await journey.work.push(both.outer.dir, 'HEAD:refs/heads/outside')

  await journey.restart()
  for (const name of ['outward', 'inward', 'both']) {
    await journey.daemon.printed(new RegExp(`"subject":"${name}","trigger":"reconcile","status":"succeeded"`))
  }
  const runs = await listRuns(journey.daemon)

  expect(await headOf(outward.outer, 'main')).toBe(commit)
  expect(await headOf(inward.inner, 'main')).toBe(commit)
  expect(await headOf(both.outer, 'inside')).toBe(commit)
  expect(await headOf(both.inner, 'outside')).toBe(commit)
  for (const name of ['outward', 'inward', 'both']) {
    const changed = runs.filter(({ binding, status }) => binding === name && status === 'succeeded')
    expect(changed).toMatchObject([{ trigger: 'reconcile', code: 0 }])
  }
})

test('a failure waits for its next try across a restart', async () => {
  await using journey = await startJourney()
  const app = await journey.bind('app')
  journey.outer.fault('team/app', { kind: 'status', status: 503 })
  const commit = await journey.work.commit('first')
  await journey.work.push(app.inner.dir, 'HEAD:refs/heads/main')
  const { body } = await journey.daemon.deliver(pushTo('gitea', app.inner, 'main', commit))
  await journey.daemon.printed(/"attempt":1,.*"msg":"run ended"/)

  await journey.daemon.stop()
  journey.outer.fault('team/app', { kind: 'ok' })
  await journey.restart()
  const run = await journey.daemon.runEnded(runOf(body))

  expect(run).toMatchObject({ status: 'succeeded', attempts: 2, code: 0 })
  expect(await headOf(app.outer, 'main')).toBe(commit)
})

/** A push inside whose git the target holds, before it has seen anything. */
async function pushHeld(journey: Journey, app: BoundPair) {
  const { daemon, work, outer } = journey
  const commit = await work.commit('held')
  await work.push(app.inner.dir, 'HEAD:refs/heads/main')
  const hold = outer.hold('receive-pack')
  const { body } = await daemon.deliver(pushTo('gitea', app.inner, 'main', commit))
  await hold.reached
  return { run: runOf(body), commit, hold }
}

async function leftoversOf({ folder }: Journey): Promise<readonly string[]> {
  return [...(await processesIn(folder.path)), ...(await leftoversIn(join(folder.path, 'sync')))]
}
