import { readdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { expect, test } from 'vitest'
import type { Sha } from '../../src/git/refs.ts'
import type { SyncOutcome, SyncRequest } from '../../src/sync/sync.ts'
import { git } from '../rig/repository.ts'
import { pair, ref } from './comparison.ts'
import type { World, WorldOptions } from './world.ts'
import { createWorld, results } from './world.ts'

/** Both sides hold `first`, and the daemon knows. */
async function createEqualWorld(options: WorldOptions = {}): Promise<World> {
  const world = await createWorld({ relays: true, ...options })
  await world.work.commit('first')
  await world.push('internal', 'main')
  await world.sync({ scope: [pair('main')] })
  return world
}

async function pushed(world: World, message: string): Promise<Sha> {
  const sha = await world.work.commit(message)
  await world.push('internal', 'main')
  return sha
}

function relay(world: World, hint: Sha, request: Partial<SyncRequest> = {}): Promise<SyncOutcome> {
  return world.sync({ scope: [pair('main')], hints: new Map([[ref('main'), hint]]), ...request })
}

test('a relayed push is recorded like any other, and says how it went', async () => {
  await using world = await createEqualWorld()
  const first = await world.work.resolve('main')
  const second = await pushed(world, 'second')

  const outcome = await relay(world, second)

  expect(outcome).toMatchObject({
    refs: [
      {
        pair: pair('main'),
        direction: 'to_outer',
        before: first,
        after: second,
        result: 'updated',
        kind: null,
      },
    ],
    agreed: new Map([[ref('main'), second]]),
    failure: undefined,
  })
  expect(outcome.steps.map(({ name }) => name)).toEqual(['relay'])
  expect(world.lines).toEqual([
    'INFO Execute inter to outer main branch Sync',
    'INFO 直接转发，未启动 git / relayed without git',
    `INFO [COMMIT ID: ${second.slice(0, 7)}]`,
  ])
})

test('a push that is not relayed in the end says why, and that git took over', async () => {
  await using world = await createEqualWorld()
  await world.work.amend('rewritten')
  await world.push('internal', '+main')

  const outcome = await relay(world, await world.work.resolve('main'))

  expect(outcome.steps.map(({ name }) => name).slice(0, 3)).toEqual(['relay', 'fetch', 'push'])
  expect(world.lines[0]).toBe(
    'INFO 由 git 同步 / by git: 无法证明是快进 / it is not proven that the branch moves forward (internal)',
  )
})

test.each<readonly [string, string, Partial<SyncRequest>]>([
  ['a whole repository', 'the whole repository is compared', { scope: 'all' }],
  ['several branches', 'it is not exactly one branch', { scope: [pair('main'), pair('other')] }],
  ['a tag', 'tags are not relayed', { scope: [pair('tags/v1')] }],
  ['a push with LFS', 'LFS objects come along', { lfs: true }],
  ['a forced sync', 'force was asked for', { force: 'all' }],
  ['a push on nobody knows which side', 'it is not known which side has moved', { direction: 'both' }],
  ['a new branch', 'the two sides have not been equal yet', { scope: [pair('other')] }],
  [
    'a deletion',
    'it is more than a push',
    { evidence: { secondLookAfterMs: 0, deleted: new Map([[ref('main'), 'internal']]), missing: new Map() } },
  ],
  [
    'a decision',
    'it is more than a push',
    { decided: new Map([[ref('main'), { internal: null, external: null }]]) },
  ],
])('%s is left to git at once', async (_, why, request) => {
  await using world = await createEqualWorld()
  await world.work.tag('v1')
  await world.push('internal', 'v1', 'main:other')
  const asked = world.server.requests.length

  const outcome = await world.sync({ scope: [pair('main')], ...request })

  expect(world.lines[0]).toMatch(/^INFO 由 git 同步 \/ by git: /)
  expect(world.lines[0]).toContain(why)
  expect(outcome.steps.map(({ name }) => name)).not.toContain('relay')
  expect(world.server.requests.length).toBeGreaterThan(asked)
})

test('a folder of this machine is left to git at once', async () => {
  await using world = await createEqualWorld()
  const second = await pushed(world, 'second')
  const folder = `file://${world.repositories.external.dir}`

  const outcome = await relay(world, second, { remotes: world.remotes({ external: folder }) })

  expect(world.lines[0]).toBe('INFO 由 git 同步 / by git: 其中一侧不在服务器上 / one side is not on a server')
  expect(results(outcome)).toEqual({ main: 'updated' })
})

test('a relay needs no mirror and makes none', async () => {
  await using world = await createEqualWorld({ deleteMirrorAfter: true })
  const folder = dirname(world.mirror)
  const second = await pushed(world, 'second')

  await relay(world, second)
  const kept = await readdir(folder)

  expect(world.processes).toEqual([])
  expect(kept).toEqual([])
})

test('a relay does not wait for whoever holds the mirror', async () => {
  await using world = await createEqualWorld()
  await using fence = await world.holdFence()
  const second = await pushed(world, 'second')

  const outcome = await relay(world, second)
  await fence.end()

  expect(results(outcome)).toEqual({ main: 'updated' })
  expect(await world.heads('external')).toEqual({ main: second })
})

test('a mirror that lags behind several relays still serves whatever comes next', async () => {
  await using world = await createEqualWorld()
  for (const message of ['second', 'third', 'fourth']) await relay(world, await pushed(world, message))
  const fourth = await world.work.resolve('main')
  const lagging = await git(world.mirror, 'for-each-ref', '--format=%(subject)')

  // The other way, over a branch of which the mirror has seen nothing for long.
  const fifth = await world.work.commit('fifth')
  await world.push('external', 'main')
  const back = await world.sync({ direction: 'to_inter', scope: [pair('main')], hints: new Map() })
  // Rewritten past everything that the mirror knows, and forced: what goes away is kept.
  await git(world.work.dir, 'reset', '--quiet', '--hard', fourth)
  const forced = await world.work.commit('instead of the fifth')
  await world.push('internal', '+main')
  const outcome = await world.sync({ scope: [pair('main')], force: 'all' })
  // And a comparison of everything.
  const whole = await world.sync()

  expect(lagging).toBe('first')
  expect(results(back)).toEqual({ main: 'updated' })
  expect(results(outcome)).toEqual({ main: 'updated' })
  expect(await git(world.backups, 'for-each-ref', '--format=%(objectname)')).toBe(fifth)
  expect(results(whole)).toEqual({ main: 'up_to_date' })
  expect(await world.heads('external')).toEqual({ main: forced })
})

test('a comparison of sides that are equal starts no git', async () => {
  await using world = await createEqualWorld()
  await relay(world, await pushed(world, 'second'))

  const outcome = await world.sync()

  expect(results(outcome)).toEqual({ main: 'up_to_date' })
  expect(world.processes).toEqual([])
})

test('a relay that is interrupted says so and leaves the target alone', async () => {
  await using world = await createEqualWorld()
  const first = await world.work.resolve('main')
  const second = await pushed(world, 'second')
  const stop = new AbortController()
  const hold = world.server.hold('receive-pack')

  const syncing = world.sync({ scope: [pair('main')], hints: new Map([[ref('main'), second]]) }, stop.signal)
  await hold.reached
  stop.abort()
  const outcome = await syncing
  hold.release()

  expect(outcome.failure?.kind).toBe('canceled')
  expect(await world.heads('external')).toEqual({ main: first })
})

test('a source that rewinds while the pack is under way does not make the target follow', async () => {
  await using world = await createEqualWorld()
  const first = await world.work.resolve('main')
  const second = await pushed(world, 'second')
  // Both questions to the source are held: the look and the pack.
  const holds = [world.server.hold('upload-pack'), world.server.hold('upload-pack')]

  const syncing = relay(world, second)
  await Promise.all(holds.map(({ reached }) => reached))
  await world.push('internal', `+${first}:main`)
  for (const hold of holds) hold.release()
  const outcome = await syncing

  expect(results(outcome)).toEqual({ main: 'up_to_date' })
  expect(await world.heads('external')).toEqual({ main: first })
})
