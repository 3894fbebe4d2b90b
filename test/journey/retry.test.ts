import { expect, test } from 'vitest'
import { z } from 'zod'
import { allRunsEnded, headOf, listRuns, pushTo, runOf, startJourney } from '../rig/journey.ts'
import { git } from '../rig/repository.ts'

test('a target that is down for a while gets the push when it is back', async () => {
  await using journey = await startJourney()
  const { daemon, work, outer } = journey
  const app = await journey.bind('app')
  outer.fault('team/app', { kind: 'status', status: 502 })
  const commit = await work.commit('first')
  await work.push(app.inner.dir, 'HEAD:refs/heads/main')

  const { body } = await daemon.deliver(pushTo('gitea', app.inner, 'main', commit))
  await daemon.printed(/"attempt":3,.*"msg":"run ended"/)
  const waiting = await daemon.call('GET', `/api/v1/runs/${runOf(body)}`)
  outer.fault('team/app', { kind: 'ok' })
  const run = await daemon.runEnded(runOf(body))

  expect(waiting.body).toMatchObject({ data: { status: 'queued', code: 20004, attempts: 3 } })
  expect(waiting.body).toHaveProperty('data.retry_at', expect.stringMatching(/^\d{4}-/))
  expect(run).toMatchObject({ status: 'succeeded', code: 0, attempts: 4 })
  expect(await headOf(app.outer, 'main')).toBe(commit)
})

test('after the last try the failure stays visible, and the same delivery sent again runs again', async () => {
  await using journey = await startJourney({ SYNC_ATTEMPTS: '2' })
  const { daemon, work, outer } = journey
  const app = await journey.bind('app')
  outer.fault('team/app', { kind: 'status', status: 502 })
  const commit = await work.commit('first')
  await work.push(app.inner.dir, 'HEAD:refs/heads/main')
  const sent = pushTo('github', app.inner, 'main', commit, { deliveryId: 'the-same-id' })

  const first = await daemon.deliver(sent)
  const failed = await daemon.runEnded(runOf(first.body))
  outer.fault('team/app', { kind: 'ok' })
  const second = await daemon.deliver(sent)
  const healed = await daemon.runEnded(runOf(second.body))
  const third = await daemon.deliver(sent)

  expect(failed).toMatchObject({ status: 'failed', code: 20004, attempts: 2 })
  expect(second.status).toBe(202)
  expect(healed).toMatchObject({ status: 'succeeded', attempts: 1 })
  expect(third).toMatchObject({ status: 200, body: { status: 'duplicate' } })
  expect(third.body).toHaveProperty('delivery', deliveryOf(second.body))
  expect(await headOf(app.outer, 'main')).toBe(commit)
})

test('the same delivery many times at once is one run', async () => {
  await using journey = await startJourney()
  const { daemon, work } = journey
  const app = await journey.bind('app')
  const commit = await work.commit('first')
  await work.push(app.inner.dir, 'HEAD:refs/heads/main')
  const sent = pushTo('github', app.inner, 'main', commit, { deliveryId: 'the-same-id' })

  const answers = await Promise.all(Array.from({ length: 20 }, () => daemon.deliver(sent)))
  const runs = await allRunsEnded(daemon)

  expect(answers.filter(({ status }) => status === 202)).toHaveLength(1)
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(19)
  expect(runs).toHaveLength(1)
})

test('a delivery that is replayed does again what has come undone', async () => {
  await using journey = await startJourney()
  const { daemon, work } = journey
  const app = await journey.bind('app')
  const commit = await work.commit('first')
  await work.push(app.inner.dir, 'HEAD:refs/heads/main')
  const { body } = await daemon.deliver(pushTo('gitea', app.inner, 'main', commit))
  await daemon.runEnded(runOf(body))
  await git(app.outer.dir, 'update-ref', '-d', 'refs/heads/main')

  const replayed = await daemon.call('POST', `/api/v1/deliveries/${deliveryOf(body)}/replay`)
  await allRunsEnded(daemon)

  expect(replayed.status).toBe(202)
  expect(replayed.body).toHaveProperty('data.runs', [runOf(body), expect.any(Number)])
  expect((await listRuns(daemon)).map(({ status }) => status)).toEqual(['succeeded', 'succeeded'])
  expect(await headOf(app.outer, 'main')).toBe(commit)
})

test('an answer that got lost after the target took the push is no failure', async () => {
  await using journey = await startJourney()
  const { daemon, work, outer } = journey
  const app = await journey.bind('app')
  outer.fault('team/app', { kind: 'lost_answer' })
  const commit = await work.commit('first')
  await work.push(app.inner.dir, 'HEAD:refs/heads/main')

  const { body } = await daemon.deliver(pushTo('gitea', app.inner, 'main', commit))
  await daemon.printed(/"attempt":1,.*"msg":"run ended"/)
  outer.fault('team/app', { kind: 'ok' })
  const run = await daemon.runEnded(runOf(body))

  expect(run).toMatchObject({ status: 'succeeded', code: 0 })
  expect(await headOf(app.outer, 'main')).toBe(commit)
})

test('a server that hangs does not hold up the bindings of another one', async () => {
  await using journey = await startJourney({ SYNC_CONCURRENCY: '2' })
  const { daemon, work, inner, outer } = journey
  const slow = [await journey.bind('slow1'), await journey.bind('slow2')]
  // The same machine under another name is another host to the daemon.
  const quick = await journey.bind('quick', {
    internal_repo_address: inner.url('team/quick').replace('127.0.0.1', 'localhost'),
    external_repo_address: outer.url('team/quick').replace('127.0.0.1', 'localhost'),
  })
  const commit = await work.commit('first')
  await work.push(quick.inner.dir, 'HEAD:refs/heads/main')
  inner.fault('team/slow1', { kind: 'hang' })
  inner.fault('team/slow2', { kind: 'hang' })
  const held = inner.hold('info/refs')

  for (const pair of slow) await daemon.deliver(pushTo('gitea', pair.inner, 'main', commit))
  await held.reached
  held.release()
  const { body } = await daemon.call('POST', '/cerobot/sync/repo/quick')

  expect(body).toMatchObject({ code_status: 0 })
  expect(await headOf(quick.outer, 'main')).toBe(commit)
})

function deliveryOf(body: unknown): number {
  return z.looseObject({ delivery: z.number() }).parse(body).delivery
}
