import { expect, test } from 'vitest'
import { HOUR, MINUTE, SECOND } from '../../src/clock.ts'
import { git } from '../rig/repository.ts'
import { pushBranches, startDefaultsWorld } from './default-branch-world.ts'
import { GITEA, GITHUB, GITLAB, TOKEN } from './hooks-world.ts'

// The default branch changes at a forge, of which no webhook tells.

const FORGES = [GITHUB, GITLAB, GITEA]
const DIFFERS = 'the default branches differ: develop on internal, main on external'

test.each(FORGES)('a default branch that changes is followed at $forge, once', async (api) => {
  await using world = await startDefaultsWorld(api)
  await pushBranches(world)
  await world.giveAccess('external')
  const before = world.asked('external')
  await world.setDefault('internal', 'develop')

  const run = await world.sync()
  const after = await world.sync()

  expect(before).toBe(0)
  expect(await world.defaultOf('external')).toBe('develop')
  expect(world.asked('external')).toBe(1)
  expect(world.asked('internal')).toBe(0)
  expect(run.status).toBe('succeeded')
  expect(run.log).toContain(DIFFERS)
  expect(run.log).toContain('the default branch of external was set to develop at its forge')
  expect(after.log).not.toContain('default branch')
  expect(await world.status()).toMatchObject({ default_branches_equal: true, default_branch_problem: null })
})

test.each(FORGES)('where it is only to be reported, $forge is not asked', async (api) => {
  await using world = await startDefaultsWorld(api, { default_branch: 'report' })
  await pushBranches(world)
  await world.giveAccess('external')
  await world.setDefault('internal', 'develop')

  const run = await world.sync()

  expect(run).toMatchObject({ status: 'succeeded', code: 0 })
  expect(run.log).toContain(DIFFERS)
  expect(await world.defaultOf('external')).toBe('main')
  expect(world.asked('external')).toBe(0)
  expect(await world.status()).toMatchObject({ default_branches_equal: false, default_branch_problem: null })
})

test.each(FORGES)(
  'without access to $forge the status says how to give it, and then it is followed',
  async (api) => {
    await using world = await startDefaultsWorld(api)
    await pushBranches(world)
    await world.setDefault('internal', 'develop')

    const run = await world.sync()
    const again = await world.sync()
    const { default_branch_problem: problem } = await world.status()
    const given = await world.giveAccess('external')
    const between = await world.status()
    await world.sync()

    const words = 'the default branch of external could not be set to develop: '
    expect(run).toMatchObject({ status: 'succeeded', code: 0 })
    expect(run.log).toContain(words)
    expect(again.log).toContain(DIFFERS)
    expect(again.log).not.toContain(words)
    expect(problem).toMatchObject({
      side: 'external',
      wanted: 'develop',
      reason: 'no_access',
      tried_at: null,
    })
    expect(problem?.hint).toMatch(/PUT \/api\/v1\/bindings\/app\/forges\/external .* \/ .*PUT \/api/)
    expect(given).toMatchObject({ data: { side: 'external', repository: { default_branch: 'main' } } })
    expect(between.default_branch_problem).toBeNull()
    expect(await world.defaultOf('external')).toBe('develop')
  },
)

test.each(FORGES)(
  '$forge refuses: the run is fine, the status says why, and an hour later it is tried again',
  async (api) => {
    await using world = await startDefaultsWorld(api)
    await pushBranches(world)
    await world.giveAccess('external')
    await world.setDefault('internal', 'develop')
    world.forges.external.failWith({ status: 403, json: { message: 'Must have admin rights' } })

    const run = await world.sync()
    const problem = (await world.status()).default_branch_problem
    world.daemon.clock.advance(59 * MINUTE)
    await world.sync()
    const tooEarly = world.asked('external')
    world.daemon.clock.advance(1 * MINUTE)
    world.forges.external.failWith(undefined)
    await world.sync()

    expect(run).toMatchObject({ status: 'succeeded', code: 0, hint: null })
    expect(run.log).toContain('ERROR')
    expect(run.log).toContain('Must have admin rights')
    expect(problem).toMatchObject({
      side: 'external',
      wanted: 'develop',
      reason: 'forge_forbidden',
      since: '2026-01-31T12:00:00.000Z',
      tried_at: '2026-01-31T12:00:00.000Z',
      next_try_at: '2026-01-31T13:00:00.000Z',
    })
    expect(problem?.detail).toMatch(/没有.*权限.* \/ .*may not manage.*Must have admin rights/)
    expect(tooEarly).toBe(1)
    expect(world.asked('external')).toBe(2)
    expect(await world.defaultOf('external')).toBe('develop')
    expect(await world.status()).toMatchObject({ default_branches_equal: true, default_branch_problem: null })
    expect(JSON.stringify([run, problem])).not.toContain(TOKEN)
  },
)

test('a forge that wants to be left alone for longer than an hour is', async () => {
  await using world = await startDefaultsWorld(GITHUB)
  await pushBranches(world)
  await world.giveAccess('external')
  await world.setDefault('internal', 'develop')
  world.forges.external.failWith({ status: 429, headers: { 'retry-after': '7200' } })
  await world.sync()
  world.forges.external.failWith(undefined)

  world.daemon.clock.advance(119 * MINUTE)
  await world.sync()
  const tooEarly = world.asked('external')
  world.daemon.clock.advance(1 * MINUTE)
  await world.sync()

  expect(tooEarly).toBe(1)
  expect(world.asked('external')).toBe(2)
  expect(await world.defaultOf('external')).toBe('develop')
})

test('another token is tried at once', async () => {
  await using world = await startDefaultsWorld(GITLAB)
  await pushBranches(world)
  await world.giveAccess('external')
  await world.setDefault('internal', 'develop')
  world.forges.external.failWith({ status: 401 })
  await world.sync()
  world.forges.external.failWith(undefined)

  await world.giveAccess('external')
  await world.sync()

  expect(await world.defaultOf('external')).toBe('develop')
})

test('who sets it back at the target is not fought with: it is set once an hour', async () => {
  await using world = await startDefaultsWorld(GITEA)
  await pushBranches(world)
  await world.giveAccess('external')
  await world.setDefault('internal', 'develop')
  for (const minutes of [0, 10, 10, 10]) {
    world.daemon.clock.advance(minutes * MINUTE)
    await world.sync()
    await world.setDefault('external', 'main')
    await world.sync()
  }
  const within = world.asked('external')
  const problem = (await world.status()).default_branch_problem

  world.daemon.clock.advance(1 * HOUR)
  await world.sync()

  expect(within).toBe(1)
  expect(problem).toMatchObject({ reason: 'waiting', next_try_at: '2026-01-31T13:00:00.000Z' })
  expect(world.asked('external')).toBe(2)
})

test('two changes in one hour are both followed', async () => {
  await using world = await startDefaultsWorld(GITHUB)
  await pushBranches(world)
  await world.giveAccess('external')

  for (const branch of ['develop', 'main', 'develop']) {
    await world.setDefault('internal', branch)
    await world.sync()
    await world.sync()
  }

  expect(world.asked('external')).toBe(3)
  expect(await world.defaultOf('external')).toBe('develop')
})

test('a comparison that finds a change is kept in the list of runs; one that finds it again is not', async () => {
  await using world = await startDefaultsWorld(
    GITHUB,
    { default_branch: 'report' },
    { RECONCILE_INTERVAL: '10m' },
  )
  await pushBranches(world)
  await world.setDefault('internal', 'develop')

  const found = await world.daemon.advanceToRun(1 * MINUTE, 'app')
  const looks = (): number =>
    world.daemon.inner.requests.filter(({ service }) => service === 'info/refs').length
  const looksBefore = looks()
  world.daemon.clock.advance(2 * HOUR)
  // In small steps, or git would seem to have stalled.
  const step = (): number => {
    world.daemon.clock.advance(1 * SECOND)
    return looks()
  }
  await expect.poll(step, { interval: 10, timeout: 10_000 }).toBeGreaterThan(looksBefore)

  expect(found).toMatchObject({ trigger: 'reconcile', status: 'succeeded' })
  expect(found.log).toContain(DIFFERS)
  await expect.poll(async () => (await world.runs())[0]).toMatchObject({ id: found.id, status: 'succeeded' })
})

test('a target that was empty gets the default branch of the source with its first sync', async () => {
  await using world = await startDefaultsWorld(GITLAB)
  await git(world.app.outer.dir, 'symbolic-ref', 'HEAD', 'refs/heads/master')
  await world.giveAccess('external')

  await pushBranches(world)

  const logs = await Promise.all((await world.runs()).map(({ id }) => world.daemon.runEnded(id)))
  expect(await world.defaultOf('external')).toBe('main')
  expect(world.asked('external')).toBe(1)
  expect(logs.at(-1)?.log).toContain('main on internal, none on external')
})
