import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Fault, Hold } from '../rig/git-http-server.ts'
import { pair } from './comparison.ts'
import { createWorld, results } from './world.ts'
import type { World } from './world.ts'

describe('a source that shows a login page', () => {
  // The second one is what git takes for a repository without refs.
  const pages: readonly Fault[] = [
    { kind: 'html' },
    { kind: 'status', status: 200, body: '<html>Please log in</html>' },
  ]
  const scopes = ['all' as const, [pair('main')]]

  test.each(pages.flatMap((page) => scopes.map((scope) => ({ page, scope }))))(
    'loses nothing: $page.kind, $scope',
    async ({ page, scope }) => {
      await using world = await createWorld()
      const first = await world.work.commit('first')
      await world.push('internal', 'main')
      await world.sync()
      world.server.fault('inner/app', page)

      const outcome = await world.sync({ scope })

      expect(outcome.failure).toMatchObject({ kind: 'not_git', side: 'internal' })
      expect(outcome.agreed.size).toBe(0)
      expect(await world.heads('external')).toEqual({ main: first })
    },
  )
})

describe('a failing server', () => {
  test.each([
    { status: 401, kind: 'auth' },
    { status: 404, kind: 'not_found' },
    { status: 503, kind: 'server_error' },
  ])('is named with its side: $status', async ({ status, kind }) => {
    await using world = await createWorld()
    await world.work.commit('first')
    await world.push('internal', 'main')
    world.server.fault('outer/app', { kind: 'status', status })

    const outcome = await world.sync({ scope: [pair('main')] })

    expect(outcome.failure).toMatchObject({ kind, side: 'external' })
    expect(outcome.failure?.detail).not.toContain('open sesame')
  })

  test('that took the push but lost the answer is found equal the next time', async () => {
    await using world = await createWorld()
    const first = await world.work.commit('first')
    await world.push('internal', 'main')
    world.server.fault('outer/app', { kind: 'lost_answer' })
    const lost = await world.sync({ scope: [pair('main')] })
    world.server.fault('outer/app', { kind: 'ok' })

    const again = await world.sync({ scope: [pair('main')] })

    expect(lost.failure).toMatchObject({ side: 'external' })
    expect(lost.agreed.size).toBe(0)
    expect(results(again)).toEqual({ main: 'up_to_date' })
    expect(await world.heads('external')).toEqual({ main: first })
  })

  test('that breaks off in the middle of a pack is asked again', async () => {
    await using world = await createWorld()
    const first = await world.work.commit('first', { 'large.txt': randomBytes(100_000).toString('hex') })
    await world.push('internal', 'main')
    world.server.fault('inner/app', { kind: 'cut', afterBytes: 20_000 })
    const broken = await world.sync({ scope: [pair('main')] })
    world.server.fault('inner/app', { kind: 'ok' })

    const again = await world.sync({ scope: [pair('main')] })

    expect(broken.failure).toMatchObject({ side: 'internal' })
    expect(results(again)).toEqual({ main: 'created' })
    expect(await world.heads('external')).toEqual({ main: first })
  })
})

test('a sync that is interrupted says so and leaves the target alone', async () => {
  await using world = await createWorld()
  await world.work.commit('first')
  await world.push('internal', 'main')
  const stop = new AbortController()
  const hold = world.server.hold('receive-pack')

  const syncing = world.sync({ scope: [pair('main')] }, stop.signal)
  await hold.reached
  stop.abort()
  const outcome = await syncing
  hold.release()

  expect(outcome.failure?.kind).toBe('canceled')
  expect(await world.heads('external')).toEqual({})
})

test('a source that moves on while it is read arrives as it is by then', async () => {
  await using world = await createWorld()
  await world.work.commit('first')
  await world.push('internal', 'main')
  const second = await world.work.commit('second')
  const fetching = holdAfterListing(world)

  const syncing = world.sync()
  await fetching.reached
  await world.push('internal', 'main')
  fetching.release()
  const outcome = await syncing

  expect(outcome.refs).toMatchObject([{ result: 'created', after: second }])
  expect(await world.heads('external')).toEqual({ main: second })
})

test('a branch that goes away while everything is read does not stop the others', async () => {
  await using world = await createWorld()
  const first = await world.work.commit('first')
  await world.push('internal', 'main', 'main:refs/heads/fleeting')
  const fetching = holdAfterListing(world)

  const syncing = world.sync()
  await fetching.reached
  await world.push('internal', ':refs/heads/fleeting')
  fetching.release()
  const outcome = await syncing

  expect(results(outcome)).toEqual({ main: 'created' })
  expect(await world.heads('external')).toEqual({ main: first })
})

test('more branches than anybody can mean are refused in clear words', async () => {
  await using world = await createWorld()
  const first = await world.work.commit('first')
  const names = Array.from({ length: 50_001 }, (_, number) => `branch-${number}`)
  await world.branches('internal', names, first)

  const outcome = await world.sync()

  expect(outcome.failure).toMatchObject({ kind: 'too_many_refs', side: 'internal' })
  expect(outcome.failure?.detail).toContain('50001')
  expect(await world.heads('external')).toEqual({})
})

test('a source that lost an object brings nothing', async () => {
  await using world = await createWorld()
  const first = await world.work.commit('first')
  await world.push('internal', 'main')
  await world.sync()
  const second = await world.work.commit('second')
  await world.push('internal', 'main')
  await rm(join(world.repositories.internal.dir, 'objects', second.slice(0, 2), second.slice(2)))

  const outcome = await world.sync({ scope: [pair('main')] })

  expect(outcome.failure).toBeDefined()
  expect(outcome.agreed.size).toBe(0)
  expect(await world.heads('external')).toEqual({ main: first })
})

test('a repository of another object format is refused in clear words', async () => {
  await using world = await createWorld({ externalFormat: 'sha256' })
  await world.work.commit('first')
  await world.push('internal', 'main')

  const outcome = await world.sync({ scope: [pair('main')] })

  expect(outcome.failure?.kind).toBe('object_format')
})

/** Lets both listings pass and stops the fetch that follows before it sees anything. */
function holdAfterListing(world: World): Hold {
  world.server.hold('info/refs').release()
  world.server.hold('info/refs').release()
  return world.server.hold('info/refs')
}
