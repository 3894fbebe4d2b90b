import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { Sha } from '../../src/git/refs.ts'
import { git } from '../rig/repository.ts'
import { pair, ref } from './comparison.ts'
import { createWorld, results } from './world.ts'
import type { World } from './world.ts'

// Repositories that are larger than the target takes at once.

const KB = 1024

describe('a history that is too large for one push', () => {
  test('arrives in steps, and the log tells how far it has come', async () => {
    await using world = await createWorld()
    const commits = await commitLarge(world, 8, 200 * KB)
    const tag = await world.work.tag('v1', 'all of it')
    await world.push('internal', 'main', 'refs/tags/v1')
    limit(world, 500 * KB)

    const outcome = await world.sync()

    expect(results(outcome)).toEqual({ main: 'created', 'tags/v1': 'created' })
    expect(await world.heads('external')).toEqual({ main: commits[7], 'tags/v1': tag })
    expect(outcome.agreed).toEqual(
      new Map([
        [ref('main'), commits[7]],
        [ref('tags/v1'), tag],
      ]),
    )
    const steps = world.lines.filter((line) => line.includes('too large for one push'))
    expect(steps.length).toBeGreaterThan(2)
    expect(steps.at(-1)).toMatch(/main at [0-9a-f]{7}, 8 of 8 commits$/)
  })

  test('replaces a head that a person gave up, which is kept first', async () => {
    await using world = await createWorld()
    const theirs = await world.work.commit('theirs')
    await world.push('external', 'main')
    await git(world.work.dir, 'checkout', '--quiet', '--orphan', 'ours')
    const commits = await commitLarge(world, 6, 200 * KB)
    await world.push('internal', 'ours:refs/heads/main')
    limit(world, 500 * KB)

    const outcome = await world.sync({ scope: [pair('main')], force: [ref('main')] })

    expect(results(outcome)).toEqual({ main: 'updated' })
    expect(world.kept).toMatchObject([{ side: 'external', ref: ref('main'), sha: theirs }])
    expect(await world.heads('external')).toEqual({ main: commits[5] })
  })

  test.each([
    { what: 'by a sync of everything', request: { scope: 'all' as const } },
    {
      what: 'by the echo of a step',
      request: { scope: [pair('main')], pushedOn: 'external' as const },
    },
  ])('is continued after a crash between two steps, $what', async ({ request }) => {
    await using world = await createWorld()
    await world.work.commit('agreed')
    await world.push('internal', 'main')
    await world.sync({ direction: 'both' })
    const commits = await commitLarge(world, 4, 1 * KB)
    await world.push('internal', 'main')
    await world.push('external', `${commits[1] ?? ''}:refs/heads/main`)

    const outcome = await world.sync({ direction: 'both', ...request })

    expect(outcome.refs).toMatchObject([{ direction: 'to_outer', result: 'updated', after: commits[3] }])
    expect(await world.heads('internal')).toEqual({ main: commits[3] })
    expect(await world.heads('external')).toEqual({ main: commits[3] })
  })

  test('leaves the other branches alone where one commit can never arrive', async () => {
    await using world = await createWorld()
    await world.work.commit('first')
    await world.push('internal', 'main')
    await world.work.branch('large')
    const [large] = await commitLarge(world, 1, 900 * KB)
    await world.push('internal', 'large')
    limit(world, 300 * KB)

    const outcome = await world.sync()

    expect(results(outcome)).toEqual({ main: 'created', large: 'rejected' })
    expect(outcome.refs.find(({ result }) => result === 'rejected')).toMatchObject({
      kind: 'too_large',
      after: large,
    })
    expect(outcome.failure).toBeUndefined()
  })
})

async function commitLarge(world: World, count: number, bytes: number): Promise<readonly Sha[]> {
  const commits: Sha[] = []
  for (let number = 0; number < count; number += 1) {
    const content = randomBytes(Math.ceil(bytes * 0.75)).toString('base64')
    commits.push(await world.work.commit(`part ${number}`, { [`part-${number}.txt`]: content }))
  }
  return commits
}

function limit(world: World, bytes: number): void {
  world.server.fault('outer/app', { kind: 'upload_limit', bytes, how: 'refuse' })
}
