import { expect, test } from 'vitest'
import { MINUTE } from '../../src/clock.ts'
import { startClockedDaemon } from '../rig/clocked-daemon.ts'
import { pushTo, runOf } from '../rig/journey.ts'
import { branches, namesOf, remove, sync } from './deletion-world.ts'

// What was equal once, and is no longer what the sides agree on.

test.each(['never', 'tracked'])(
  'a branch that was deleted on both sides is new when somebody makes it again: %s',
  async (policy) => {
    await using world = await startClockedDaemon()
    const app = await world.bind('app', { direction: 'both', delete_policy: policy })
    const commit = await branches(world, app, ['main', 'topic'])
    for (const side of [app.inner, app.outer]) await remove(side, 'topic')
    await sync(world)
    await world.work.push(app.inner.dir, `${commit}:refs/heads/topic`)

    const made = await world.deliver(pushTo('gitea', app.inner, 'topic', commit))
    const run = await world.runEnded(runOf(made.body))
    world.clock.advance(2 * MINUTE)
    await sync(world)

    expect(run.refs).toMatchObject([{ target_ref: 'refs/heads/topic', result: 'created' }])
    expect([await namesOf(app.inner), await namesOf(app.outer)]).toEqual([
      ['main', 'topic'],
      ['main', 'topic'],
    ])
  },
)

test('what is tidied up on one side while it does not travel stays on the other', async () => {
  await using world = await startClockedDaemon()
  const app = await world.bind('app', { direction: 'both', delete_policy: 'tracked' })
  await branches(world, app, ['main', 'a-wip'])
  await world.call('PATCH', '/api/v1/bindings/app', { exclude: ['*-wip'] })
  await sync(world)
  await remove(app.outer, 'a-wip')
  await sync(world)

  await world.call('PATCH', '/api/v1/bindings/app', { exclude: [] })
  await sync(world)
  world.clock.advance(2 * MINUTE)
  await sync(world)

  expect(await namesOf(app.inner)).toEqual(['a-wip', 'main'])
})
