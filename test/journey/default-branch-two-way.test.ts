import { expect, test } from 'vitest'
import type { Side } from '../../src/binding/binding.ts'
import { HOUR } from '../../src/clock.ts'
import { headOf, startJourney } from '../rig/journey.ts'
import { git } from '../rig/repository.ts'
import { pushBranches, startDefaultsWorld } from './default-branch-world.ts'
import { apiOf, GITEA, GITHUB, GITLAB, register, startHookJourney, TOKEN } from './hooks-world.ts'

// In a two-way binding the side follows that has not changed, as far as that is known.

const FORGES = [GITHUB, GITLAB, GITEA]
const TWO_WAY = { direction: 'both' }
const OTHER: Readonly<Record<Side, Side>> = { internal: 'external', external: 'internal' }

test.each(FORGES)('whichever side changes, the other one follows at $forge', async (api) => {
  await using world = await startDefaultsWorld(api, TWO_WAY)
  await pushBranches(world)
  for (const side of ['internal', 'external'] as const) await world.giveAccess(side)

  for (const [side, branch] of [
    ['external', 'develop'],
    ['internal', 'main'],
  ] as const) {
    await world.setDefault(side, branch)
    await world.sync()

    expect(await world.defaultOf(OTHER[side])).toBe(branch)
    expect(await world.defaultOf(side)).toBe(branch)
    expect((await world.sync()).log).not.toContain('default branch')
  }

  expect([world.asked('internal'), world.asked('external')]).toEqual([1, 1])
})

test('sides that never were equal are only told to differ, until a person makes them so', async () => {
  await using world = await startDefaultsWorld(GITHUB, TWO_WAY)
  await world.daemon.work.commit('base')
  for (const { dir } of [world.app.inner, world.app.outer]) {
    await world.daemon.work.push(dir, 'HEAD:refs/heads/main', 'HEAD:refs/heads/develop')
  }
  await world.setDefault('external', 'develop')
  for (const side of ['internal', 'external'] as const) await world.giveAccess(side)

  const run = await world.sync()
  const { default_branch_problem: problem } = await world.status()
  await world.setDefault('external', 'main')
  await world.sync()
  await world.setDefault('internal', 'develop')
  await world.sync()

  expect(run.log).toContain('the default branches differ: main on internal, develop on external')
  expect(problem).toMatchObject({ side: null, wanted: null, reason: 'undecided' })
  expect(await world.defaultOf('external')).toBe('develop')
  expect([world.asked('internal'), world.asked('external')]).toEqual([0, 1])
})

test('nobody is followed where both sides have changed', async () => {
  await using world = await startDefaultsWorld(GITLAB, TWO_WAY)
  await pushBranches(world, ['main', 'develop', 'trunk'])
  for (const side of ['internal', 'external'] as const) await world.giveAccess(side)
  await world.setDefault('internal', 'develop')
  await world.setDefault('external', 'trunk')

  const run = await world.sync()

  expect(run.log).toContain('the default branches differ: develop on internal, trunk on external')
  expect([world.asked('internal'), world.asked('external')]).toEqual([0, 0])
  expect((await world.status()).default_branch_problem).toMatchObject({ reason: 'undecided' })
})

test('a failure does not make the side that has not followed the one to follow', async () => {
  await using world = await startDefaultsWorld(GITEA, TWO_WAY)
  await pushBranches(world)
  for (const side of ['internal', 'external'] as const) await world.giveAccess(side)
  await world.setDefault('internal', 'develop')
  world.forges.external.failWith({ status: 502 })
  await world.sync()
  await world.sync()
  world.forges.external.failWith(undefined)
  world.daemon.clock.advance(1 * HOUR)

  await world.sync()

  expect(await world.defaultOf('internal')).toBe('develop')
  expect(await world.defaultOf('external')).toBe('develop')
  expect([world.asked('internal'), world.asked('external')]).toEqual([0, 2])
})

test('other names forget what was equal', async () => {
  await using world = await startDefaultsWorld(GITHUB, TWO_WAY)
  await pushBranches(world)
  await world.giveAccess('external')
  const rename = [{ internal: 'main', external: 'trunk' }]
  await world.daemon.call('PUT', '/api/v1/bindings/app', { rename })

  await world.sync()
  await world.sync()

  expect(world.asked('external')).toBe(0)
  expect((await world.status()).default_branch_problem).toMatchObject({ reason: 'undecided' })
})

test('a binding that is deleted leaves nothing behind, and one that follows it starts anew', async () => {
  await using world = await startDefaultsWorld(GITHUB, TWO_WAY)
  await pushBranches(world)
  await world.daemon.call('DELETE', '/api/v1/bindings/app')
  const bound = await world.daemon.call('POST', '/api/v1/bindings', {
    name: 'app',
    ...TWO_WAY,
    default_branch: 'follow',
    internal: { address: world.app.inner.url, token: 'ada:inner pass/word' },
    external: { address: world.app.outer.url, token: 'bob:outer:pässword' },
  })
  await world.giveAccess('external')
  await world.setDefault('internal', 'develop')

  const run = await world.sync()

  expect(bound.status).toBe(201)
  expect(run).toMatchObject({ status: 'succeeded' })
  expect(world.asked('external')).toBe(0)
})

test('the token of a hook is access enough', async () => {
  await using journey = await startHookJourney()
  const app = await journey.bind('app')
  await journey.daemon.call('PUT', '/api/v1/bindings/app', { default_branch: 'follow' })
  await using forge = await apiOf(GITHUB, app.outer)
  await register(journey, 'app', GITHUB, forge, { side: 'external' })
  await journey.work.commit('base')
  await journey.work.push(app.inner.dir, 'HEAD:refs/heads/main', 'HEAD:refs/heads/develop')
  await git(app.inner.dir, 'symbolic-ref', 'HEAD', 'refs/heads/develop')

  await journey.daemon.call('POST', '/cerobot/sync/repo/app')

  await expect.poll(() => git(app.outer.dir, 'symbolic-ref', 'HEAD')).toBe('refs/heads/develop')
  expect(journey.daemon.output()).toContain('a default branch was set at its forge')
  expect(journey.daemon.output()).not.toContain(TOKEN)
})

test('a forge that never answers does not hold up the stop', async () => {
  await using journey = await startJourney({ DRAIN_TIMEOUT: '200ms' })
  const app = await journey.bind('app')
  await journey.daemon.call('PUT', '/api/v1/bindings/app', { default_branch: 'follow' })
  await using forge = await apiOf(GITHUB, app.outer)
  await journey.daemon.call('PUT', '/api/v1/bindings/app/forges/external', {
    forge: 'github',
    api_token: TOKEN,
    api_url: `${forge.origin}/api/v3`,
  })
  const commit = await journey.work.commit('base')
  await journey.work.push(app.inner.dir, 'HEAD:refs/heads/main')
  forge.failWith('silence')
  const before = forge.requests.length
  await journey.daemon.call('POST', '/api/v1/bindings/app/sync', {})
  await expect.poll(() => forge.requests.length, { timeout: 10_000 }).toBeGreaterThan(before)

  const stoppedAt = performance.now()
  const code = await journey.daemon.stop()

  expect(code).toBe(0)
  expect(performance.now() - stoppedAt).toBeLessThan(5000)
  expect(await headOf(app.outer, 'main')).toBe(commit)
})
