import { expect, test } from 'vitest'
import { MINUTE } from '../../src/clock.ts'
import { pushTo, runOf } from '../rig/journey.ts'
import { git, protectBranches, readRefs } from '../rig/repository.ts'
import { pushBranches, startDefaultsWorld } from './default-branch-world.ts'
import { GITEA, GITHUB, GITLAB, GOGS } from './hooks-world.ts'

// When a default branch is not followed although it has changed, and under which name it is.

const DIFFERS = 'the default branches differ: develop on internal, main on external'

test('a branch that the target does not take is not made its default branch', async () => {
  await using world = await startDefaultsWorld(GITHUB)
  await pushBranches(world, ['main'])
  await world.giveAccess('external')
  await protectBranches(world.app.outer.dir, 'develop')
  await world.daemon.work.push(world.app.inner.dir, 'HEAD:refs/heads/develop')
  await world.setDefault('internal', 'develop')

  const run = await world.sync()

  expect(run).toMatchObject({ status: 'failed', code: 20011 })
  expect(world.asked('external')).toBe(0)
  expect((await world.status()).default_branch_problem).toMatchObject({
    side: 'external',
    wanted: 'develop',
    reason: 'branch_missing',
  })
})

test('a branch that differs on both sides is there all the same', async () => {
  await using world = await startDefaultsWorld(GITEA)
  await pushBranches(world)
  await world.giveAccess('external')
  const { work } = world.daemon
  await work.commit('theirs')
  await work.push(world.app.outer.dir, 'HEAD:refs/heads/develop')
  await work.amend('ours')
  await work.push(world.app.inner.dir, 'HEAD:refs/heads/develop')
  await world.setDefault('internal', 'develop')

  const run = await world.sync()

  expect(run.status).toBe('conflict')
  expect(await world.defaultOf('external')).toBe('develop')
})

test('the old default branch goes by the policy for deletions, once the target has followed', async () => {
  await using world = await startDefaultsWorld(GITHUB, { delete_policy: 'tracked' })
  await pushBranches(world)
  await world.giveAccess('external')
  await world.setDefault('internal', 'develop')
  await git(world.app.inner.dir, 'update-ref', '-d', 'refs/heads/main')
  const namesOf = async (dir: string) => [...(await readRefs(dir)).keys()]

  const renamed = await world.sync()
  const kept = await namesOf(world.app.outer.dir)
  await world.sync()
  world.daemon.clock.advance(2 * MINUTE)
  await world.sync()

  expect(JSON.stringify(renamed.refs)).toContain('where it is the default branch, which is never deleted')
  expect(kept).toEqual(['refs/heads/develop', 'refs/heads/main'])
  expect(await namesOf(world.app.outer.dir)).toEqual(['refs/heads/develop'])
})

test('names go through the rules for renaming', async () => {
  await using world = await startDefaultsWorld(GITLAB, {
    rename: [{ internal: '*', external: 'vendor/*' }],
  })
  await world.setDefault('external', 'vendor/main')
  await pushBranches(world)
  await world.giveAccess('external')
  const before = await world.status()
  await world.setDefault('internal', 'develop')

  await world.sync()

  expect(before.default_branches_equal).toBe(true)
  expect(await world.defaultOf('external')).toBe('vendor/develop')
  expect((await world.status()).default_branches_equal).toBe(true)
})

test('a default branch that the rules keep at home is followed by nobody', async () => {
  await using world = await startDefaultsWorld(GITHUB, { exclude: ['develop'] })
  await pushBranches(world)
  await world.giveAccess('external')
  await world.setDefault('internal', 'develop')

  const run = await world.sync()
  const problem = (await world.status()).default_branch_problem

  expect(run.status).toBe('succeeded')
  expect(world.asked('external')).toBe(0)
  expect(problem).toMatchObject({ side: 'external', wanted: null, reason: 'left_out' })
})

test('a binding of single branches changes no default branch, and says so', async () => {
  await using world = await startDefaultsWorld(GITHUB, { granularity: 'one' })
  const { work, call } = world.daemon
  for (const name of ['main', 'develop']) {
    const bound = { enable: true, internal_branch_name: name, external_branch_name: name }
    await call('POST', '/cerobot/sync/app/branch', bound)
  }
  await work.commit('base')
  await work.push(world.app.inner.dir, 'HEAD:refs/heads/main', 'HEAD:refs/heads/develop')
  await world.giveAccess('external')
  await world.setDefault('internal', 'develop')

  await world.sync()

  expect(await world.defaultOf('external')).toBe('main')
  expect(world.asked('external')).toBe(0)
  expect(await world.status()).toMatchObject({
    default_branches_equal: false,
    default_branch_problem: { side: null, reason: 'single_branches' },
  })
})

test('a dry run tells of the difference and changes nothing', async () => {
  await using world = await startDefaultsWorld(GITHUB)
  await pushBranches(world)
  await world.giveAccess('external')
  await world.setDefault('internal', 'develop')

  const asked = await world.daemon.call('POST', '/api/v1/bindings/app/sync', { dry_run: true })
  const run = await world.daemon.runEnded(Number(/"run_id":(\d+)/.exec(JSON.stringify(asked.body))?.[1]))

  expect(run.log).toContain(DIFFERS)
  expect(world.asked('external')).toBe(0)
  expect((await world.sync()).log).toContain('was set to develop')
})

test('a push on its short way looks at no default branch', async () => {
  await using world = await startDefaultsWorld(GITHUB)
  await pushBranches(world)
  await world.giveAccess('external')
  await world.setDefault('internal', 'develop')
  const commit = await world.daemon.work.commit('pushed')
  await world.daemon.work.push(world.app.inner.dir, 'HEAD:refs/heads/main')

  const { body } = await world.daemon.deliver(pushTo('gitea', world.app.inner, 'main', commit))
  const run = await world.daemon.runEnded(runOf(body))

  expect(run.status).toBe('succeeded')
  expect(run.steps.map(({ name }) => name)).not.toContain('list')
  expect(run.log).not.toContain('default branch')
  expect(world.asked('external')).toBe(0)
})

test('a forge without such a call is told by its name', async () => {
  await using world = await startDefaultsWorld(GOGS)
  await pushBranches(world)
  await world.giveAccess('external')
  await world.setDefault('internal', 'develop')

  await world.sync()

  const problem = (await world.status()).default_branch_problem
  expect(problem).toMatchObject({ reason: 'no_default_branch_call', tried_at: null })
  expect(problem?.detail).toContain('gogs')
})
