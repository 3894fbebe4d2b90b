import { expect, test } from 'vitest'
import type { BoundPair, Journey } from '../rig/journey.ts'
import { allRunsEnded, expectSuccess, headOf, pushTo, runOf, startJourney } from '../rig/journey.ts'
import type { Sha } from '../../src/git/refs.ts'

// The common push of a daemon with its usual settings: no git process is started for it.

test('a push to a branch that both sides share is relayed, and its echo costs nothing', async () => {
  await using journey = await startJourney()
  const app = await bindEqual(journey, { sync_direction: 3 })
  const commit = await pushTwice(journey, app)

  const pushed = await journey.daemon.deliver(pushTo('gitea', app.inner, 'main', commit))
  const run = await journey.daemon.runEnded(runOf(pushed.body))
  const asked = { inner: journey.inner.requests.length, outer: journey.outer.requests.length }
  const echo = await journey.daemon.deliver(pushTo('gitea', app.outer, 'main', commit))
  await allRunsEnded(journey.daemon)

  expect(run).toMatchObject({ status: 'succeeded', code: 0, attempts: 1 })
  expect(run.steps.map(({ name }) => name)).toEqual(['relay'])
  expect(run.refs).toMatchObject([{ source_ref: 'refs/heads/main', after: commit, result: 'updated' }])
  expect(run.log).toContain('relayed without git')
  expect(await headOf(app.outer, 'main')).toBe(commit)
  expect(echo).toMatchObject({ status: 200, body: { status: 'ignored' } })
  expect(asked).toEqual({ inner: journey.inner.requests.length, outer: journey.outer.requests.length })
})

test.each([
  ['RELAY=false', { RELAY: 'false' }, undefined],
  ['the host in RELAY_DISABLED_HOSTS', { RELAY_DISABLED_HOSTS: '127.0.0.*' }, 'the relay is off here'],
])('with %s git does it', async (_, env, why) => {
  await using journey = await startJourney(env)
  const app = await bindEqual(journey)
  const commit = await pushTwice(journey, app)

  const pushed = await journey.daemon.deliver(pushTo('gitea', app.inner, 'main', commit))
  const run = await journey.daemon.runEnded(runOf(pushed.body))

  expect(run.status).toBe('succeeded')
  expect(run.steps.map(({ name }) => name)).toEqual([
    ...(why === undefined ? [] : ['relay']),
    'fetch',
    'push',
  ])
  expect(run.log).toContain(why ?? 'git push external main')
  expect(await headOf(app.outer, 'main')).toBe(commit)
})

test.each([
  ['before the target has seen the pack', 'receive-pack'],
  ['before the source has answered', 'upload-pack'],
] as const)('a daemon that is killed %s finishes the push after its next start', async (_, service) => {
  await using journey = await startJourney()
  const app = await bindEqual(journey)
  const commit = await pushTwice(journey, app)
  const hold = (service === 'receive-pack' ? journey.outer : journey.inner).hold(service)
  const pushed = await journey.daemon.deliver(pushTo('gitea', app.inner, 'main', commit))
  await hold.reached

  await journey.daemon.kill()
  hold.release()
  await journey.restart()
  const run = await journey.daemon.runEnded(runOf(pushed.body))

  expect(run.status).toBe('succeeded')
  expect(await headOf(app.outer, 'main')).toBe(commit)
})

test('a daemon that is killed while the target takes the pack does not push twice', async () => {
  await using journey = await startJourney()
  const app = await bindEqual(journey)
  const commit = await pushTwice(journey, app)
  journey.outer.fault('team/app', {
    kind: 'at',
    service: 'receive-pack',
    fault: { kind: 'delay', delayMs: 60_000 },
  })
  const hold = journey.outer.hold('receive-pack')
  const pushed = await journey.daemon.deliver(pushTo('gitea', app.inner, 'main', commit))
  await hold.reached
  hold.release()
  await journey.daemon.kill()
  // What the target would have done with the pack, had the daemon lived.
  await journey.work.push(app.outer.dir, 'HEAD:refs/heads/main')
  journey.outer.fault('team/app', { kind: 'ok' })

  await journey.restart()
  const run = await journey.daemon.runEnded(runOf(pushed.body))

  expect(run.status).toBe('succeeded')
  expect(run.refs).toMatchObject([{ after: commit, result: 'up_to_date' }])
  expect(await headOf(app.outer, 'main')).toBe(commit)
})

test('a stop that does not wait ends a relay, and nothing keeps the daemon alive', async () => {
  await using journey = await startJourney({ DRAIN_TIMEOUT: '100ms' })
  const app = await bindEqual(journey)
  const commit = await pushTwice(journey, app)
  const hold = journey.outer.hold('receive-pack')
  const pushed = await journey.daemon.deliver(pushTo('gitea', app.inner, 'main', commit))
  await hold.reached

  const code = await journey.daemon.stop()
  hold.release()
  const between = await headOf(app.outer, 'main')
  await journey.restart()
  const run = await journey.daemon.runEnded(runOf(pushed.body))

  expect(code).toBe(0)
  expect(between).not.toBe(commit)
  expect(run).toMatchObject({ status: 'succeeded', attempts: 1 })
  expect(await headOf(app.outer, 'main')).toBe(commit)
})

test('many pushes in a row all arrive, each on top of the one before', async () => {
  await using journey = await startJourney()
  const app = await bindEqual(journey)
  const commits: Sha[] = []
  for (let number = 0; number < 20; number += 1) {
    const commit = await pushTwice(journey, app)
    commits.push(commit)
    await journey.daemon.deliver(pushTo('gitea', app.inner, 'main', commit))
  }

  const runs = await allRunsEnded(journey.daemon)

  expect(runs.every(({ status }) => status === 'succeeded')).toBe(true)
  expect(await headOf(app.outer, 'main')).toBe(commits.at(-1))
})

/** A pair that is bound and equal, with a commit on `main`. */
async function bindEqual(
  journey: Journey,
  options: Readonly<Record<string, unknown>> = {},
): Promise<BoundPair> {
  const app = await journey.bind('app', options)
  await pushTwice(journey, app)
  expectSuccess((await journey.daemon.call('POST', '/cerobot/sync/repo/app')).body)
  return app
}

/** Two more commits on the inner `main`; returns the newer one. */
async function pushTwice({ work }: Journey, { inner }: BoundPair): Promise<Sha> {
  await work.commit(`one of ${performance.now()}`)
  const commit = await work.commit(`another of ${performance.now()}`)
  await work.push(inner.dir, 'HEAD:refs/heads/main')
  return commit
}
