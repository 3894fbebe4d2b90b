import { expect, test } from 'vitest'
import { z } from 'zod'
import { MINUTE, SECOND } from '../../src/clock.ts'
import { startClockedDaemon } from '../rig/clocked-daemon.ts'
import { RunOnWire } from '../rig/daemon.ts'
import { headOf, PASSWORDS, pushTo, runOf } from '../rig/journey.ts'
import { startGitHttpServer } from '../rig/git-http-server.ts'

test('a server that is down costs a few tries, not one per binding, and everything arrives when it is back', async () => {
  await using world = await startClockedDaemon({ SYNC_HOST_CONCURRENCY: '1', SYNC_CONCURRENCY: '2' })
  const pairs = []
  for (let number = 0; number < 8; number += 1) pairs.push(await world.bind(`app${number}`))
  const commit = await world.work.commit('first')
  for (const { inner } of pairs) await world.work.push(inner.dir, 'HEAD:refs/heads/main')
  world.outer.fault('*', { kind: 'status', status: 503 })

  for (const { inner } of pairs) await world.deliver(pushTo('gitea', inner, 'main', commit))
  await expect.poll(() => tries(world.outer.requests)).toBe(3)
  await expect.poll(() => statuses(world)).toEqual(Array.from({ length: 8 }, () => 'queued'))
  // Whoever asks by hand gets an answer, parked or not.
  const asked = await world.call('POST', '/cerobot/sync/repo/app7')
  world.outer.fault('*', { kind: 'ok' })
  world.clock.advance(10 * SECOND)
  await expect
    .poll(
      async () => {
        world.clock.advance(10 * SECOND)
        return (await statuses(world)).filter((status) => status === 'succeeded').length
      },
      { timeout: 20_000 },
    )
    .toBeGreaterThanOrEqual(pairs.length)

  expect(asked.body).toMatchObject({ code_status: 20004 })
  for (const { outer } of pairs) expect(await headOf(outer, 'main')).toBe(commit)
}, 60_000)

test('another server is not held up', async () => {
  await using world = await startClockedDaemon()
  await using healthy = await startGitHttpServer(PASSWORDS.outer)
  const down = []
  for (let number = 0; number < 3; number += 1) down.push(await world.bind(`down${number}`))
  const up = await world.bind('up', {
    external: {
      address: healthy.url('team/up'),
      token: `${PASSWORDS.outer.username}:${PASSWORDS.outer.password}`,
    },
  })
  const target = await healthy.createRepository('team/up')
  const commit = await world.work.commit('first')
  for (const { inner } of [...down, up]) await world.work.push(inner.dir, 'HEAD:refs/heads/main')
  world.outer.fault('*', { kind: 'status', status: 502 })
  for (const { inner } of down) await world.deliver(pushTo('gitea', inner, 'main', commit))
  await expect.poll(() => tries(world.outer.requests)).toBe(3)

  const { body } = await world.deliver(pushTo('gitea', up.inner, 'main', commit))
  const run = await world.runEnded(runOf(body))

  expect(run.status).toBe('succeeded')
  expect(await headOf(target, 'main')).toBe(commit)
})

test('what failed for good during an outage is compared again as soon as the server is back', async () => {
  await using world = await startClockedDaemon({ RECONCILE_INTERVAL: '10m', SYNC_ATTEMPTS: '1' })
  const pairs = []
  for (let number = 0; number < 4; number += 1) pairs.push(await world.bind(`app${number}`))
  const commit = await world.work.commit('first')
  for (const { inner } of pairs) await world.work.push(inner.dir, 'HEAD:refs/heads/main')
  world.outer.fault('*', { kind: 'status', status: 503 })
  for (const { inner } of pairs.slice(0, 3)) await world.deliver(pushTo('gitea', inner, 'main', commit))
  await expect
    .poll(async () => (await statuses(world)).filter((status) => status === 'failed').length)
    .toBe(3)
  world.outer.fault('*', { kind: 'ok' })

  const back = await world.call('POST', '/cerobot/sync/repo/app3')
  world.clock.advance(2 * MINUTE)

  expect(back.body).toMatchObject({ code_status: 0 })
  for (const { outer } of pairs) await expect.poll(() => headOf(outer, 'main')).toBe(commit)
})

/** How many repositories the server was asked about. */
function tries(requests: readonly { readonly path: string }[]): number {
  return new Set(requests.map(({ path }) => path.split('/info/refs')[0])).size
}

async function statuses(world: {
  readonly call: (method: string, path: string) => Promise<{ body: unknown }>
}) {
  const { body } = await world.call('GET', '/api/v1/runs?page_size=100')
  return z
    .object({ data: z.object({ items: z.array(RunOnWire) }) })
    .parse(body)
    .data.items.map(({ status }) => status)
}
