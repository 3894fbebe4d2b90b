import { expect, test } from 'vitest'
import { z } from 'zod'
import { allRunsEnded, headOf, listAll } from '../rig/journey.ts'
import type { BoundPair, Journey } from '../rig/journey.ts'
import {
  API_FORGES,
  AZURE,
  apiOf,
  bindApp,
  GITHUB,
  GITLAB,
  GITLINK,
  hooksOf,
  register,
  startHookJourney,
} from './hooks-world.ts'

// The daemon is down while people push on both sides.

const Delivery = z.looseObject({ status: z.string(), hook: z.number().nullable(), signature: z.string() })

async function untilCarried(journey: Journey, { inner, outer }: BoundPair, { inside, outside }: Pushed) {
  await expect.poll(() => headOf(outer, 'inside'), { timeout: 20_000 }).toBe(inside)
  await expect.poll(() => headOf(inner, 'outside'), { timeout: 20_000 }).toBe(outside)
  return allRunsEnded(journey.daemon)
}

type Pushed = Awaited<ReturnType<typeof pushBoth>>

async function pushBoth(journey: Journey, app: BoundPair) {
  const inside = await journey.work.commit('inside, while the daemon was down')
  await journey.work.push(app.inner.dir, 'HEAD:refs/heads/inside')
  const outside = await journey.work.commit('outside, while the daemon was down')
  await journey.work.push(app.outer.dir, 'HEAD:refs/heads/outside')
  return { inside, outside }
}

test('the histories of two forges bring what was pushed while the daemon was down', async () => {
  await using journey = await startHookJourney()
  const app = await journey.bind('app', { sync_direction: 3 })
  await using github = await apiOf(GITHUB, app.inner)
  await using gitlab = await apiOf(GITLAB, app.outer)
  await register(journey, 'app', GITHUB, github)
  await register(journey, 'app', GITLAB, gitlab, { side: 'external' })
  await journey.daemon.kill()
  const pushed = await pushBoth(journey, app)
  await github.push({ ref: 'refs/heads/inside', before: null, after: pushed.inside })
  await gitlab.push({ ref: 'refs/heads/outside', before: null, after: pushed.outside })

  await journey.restart()

  const runs = await untilCarried(journey, app, pushed)
  const deliveries = await listAll(journey.daemon, '/api/v1/deliveries?status=accepted', Delivery)
  expect(runs.map(({ trigger, status }) => `${trigger} ${status}`)).toContain('webhook succeeded')
  expect(new Set(runs.map(({ trigger }) => trigger))).toEqual(new Set(['webhook']))
  expect(deliveries.map(({ hook, signature }) => [hook, signature])).toEqual(
    expect.arrayContaining([
      [1, 'verified'],
      [2, 'verified'],
    ]),
  )
})

test('where forges keep no history the comparison at the start finds it, and the run says so', async () => {
  await using journey = await startHookJourney({ RECONCILE_INTERVAL: '10m' })
  const app = await journey.bind('app', { sync_direction: 3 })
  await journey.daemon.stop()
  const pushed = await pushBoth(journey, app)

  await journey.restart()

  const runs = await untilCarried(journey, app, pushed)

  expect(runs).toMatchObject([{ trigger: 'reconcile', status: 'succeeded' }])
})

test.each([GITLINK, AZURE])(
  'what $forge could not deliver is taken in from its history, once',
  async (api) => {
    await using journey = await startHookJourney()
    const app = await bindApp(journey, api)
    await using forge = await apiOf(api, app.inner)
    const { hook } = await register(journey, 'app', api, forge)
    await journey.daemon.stop()
    const commit = await journey.work.commit('while the daemon was down')
    await journey.work.push(app.inner.dir, 'HEAD:refs/heads/main')
    await forge.push({ ref: 'refs/heads/main', before: null, after: commit })

    await journey.restart()
    await expect.poll(() => headOf(app.outer, 'main'), { timeout: 20_000 }).toBe(commit)
    await journey.restart()
    await expect.poll(async () => (await hooksOf(journey, 'app'))[0]?.last_status).toBe('duplicate')

    const deliveries = await listAll(journey.daemon, '/api/v1/deliveries', Delivery)
    const runs = await allRunsEnded(journey.daemon)
    expect(deliveries).toMatchObject([{ status: 'accepted', hook: hook.id }])
    expect(runs).toMatchObject([{ trigger: 'webhook', status: 'succeeded' }])
  },
)

test('a forge that asks for patience is left alone, and the service runs on', async () => {
  await using journey = await startHookJourney()
  const app = await journey.bind('app')
  await using forge = await apiOf(GITHUB, app.inner)
  await register(journey, 'app', GITHUB, forge)
  forge.failWith({ status: 429, headers: { 'retry-after': '3600' } })
  const before = forge.requests.length

  await journey.restart({ RECONCILE_INTERVAL: '100ms' })
  await expect.poll(() => forge.requests.length).toBeGreaterThan(before)
  const asked = forge.requests.length
  const commit = await journey.work.commit('found by a comparison, many looks later')
  await journey.work.push(app.inner.dir, 'HEAD:refs/heads/main')
  await expect.poll(() => headOf(app.outer, 'main'), { timeout: 20_000 }).toBe(commit)

  expect(forge.requests.length).toBe(asked)
})

test('a forge that never answers does not hold up the stop', async () => {
  await using journey = await startHookJourney()
  const app = await journey.bind('app')
  await using forge = await apiOf(GITHUB, app.inner)
  await register(journey, 'app', GITHUB, forge)
  forge.failWith('silence')
  const before = forge.requests.length
  await journey.restart()
  await expect.poll(() => forge.requests.length).toBeGreaterThan(before)

  const stoppedAt = performance.now()
  const code = await journey.daemon.stop()

  expect(code).toBe(0)
  expect(performance.now() - stoppedAt).toBeLessThan(5000)
  expect(journey.daemon.output()).not.toContain('a hook has a problem')
})

test.each(API_FORGES)('a hook that $forge lost shows its problem in the log and in the list', async (api) => {
  await using journey = await startHookJourney()
  const app = await bindApp(journey, api)
  await using forge = await apiOf(api, app.inner)
  await register(journey, 'app', api, forge)
  forge.changeHook(forge.hooks()[0]?.id ?? '', { isActive: false, events: [] })

  await journey.restart()

  await journey.daemon.printed(/a hook has a problem/)
  const [hook] = await hooksOf(journey, 'app')
  expect(hook?.problem).not.toBeNull()
})
