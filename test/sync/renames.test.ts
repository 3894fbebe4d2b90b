import { describe, expect, test } from 'vitest'
import { pushRefs } from '../../src/git/remote.ts'
import { openGitWorld, refName } from '../rig/git-world.ts'
import { readRefs } from '../rig/repository.ts'
import { NO_EVIDENCE, pair, ref, rules } from './comparison.ts'
import { createWorld, results } from './world.ts'

// A branch cannot have the name of the folder of another one: `a` and `a/b` exclude each other.

const RENAMES = [
  { from: 'a', to: 'a/b' },
  { from: 'a/b', to: 'a' },
  { from: 'x/y/z', to: 'x' },
] as const

describe.each(RENAMES)('a branch $from that was renamed to $to', ({ from, to }) => {
  test.each([
    { how: 'a push', scope: [pair(to)] },
    { how: 'everything', scope: 'all' as const },
  ])('waits for its name at the target, and the others go on: $how', async ({ scope }) => {
    await using world = await createWorld()
    const first = await world.work.commit('first')
    await world.push('internal', `main:refs/heads/${from}`, 'main')
    await world.sync()
    const second = await world.work.commit('second')
    await world.push('internal', `:refs/heads/${from}`)
    await world.push('internal', `main:refs/heads/${to}`, 'main')

    const outcome = await world.sync({ scope: scope === 'all' ? scope : [...scope, pair('main')] })
    const taken = await world.heads('external')
    await world.push('external', `:refs/heads/${from}`)
    const freed = await world.sync({ scope })

    expect(results(outcome)).toMatchObject({ main: 'updated', [to]: 'rejected' })
    expect(outcome.refs.find(({ pair: { external } }) => external === `refs/heads/${to}`)).toMatchObject({
      kind: 'name_taken',
      reason: `refs/heads/${from} is in the way of this name`,
    })
    expect(taken).toEqual({ main: second, [from]: first })
    expect(results(freed)).toMatchObject({ [to]: 'created' })
    expect(await world.heads('external')).toEqual({ main: second, [to]: second })
  })

  test('moves at the target in one sync where deletions travel, and the old head is kept', async () => {
    await using world = await createWorld()
    const first = await world.work.commit('first')
    await world.push('internal', `main:refs/heads/${from}`, 'main')
    await world.sync()
    await world.push('internal', `:refs/heads/${from}`)
    await world.push('internal', `main:refs/heads/${to}`)

    const outcome = await world.sync({
      rules: rules({ deletePolicy: 'tracked' }),
      evidence: { ...NO_EVIDENCE, deleted: new Map([[ref(from), 'internal' as const]]) },
    })

    expect(results(outcome)).toEqual({ main: 'up_to_date', [from]: 'deleted', [to]: 'created' })
    expect(world.kept).toMatchObject([{ ref: ref(from), sha: first }])
    expect(await world.heads('external')).toEqual({ main: first, [to]: first })
    expect(world.processes.filter((name) => name === 'push')).toHaveLength(1)
  })

  test('is renamed at the target in one push where the old name may be deleted', async () => {
    await using world = await openGitWorld()
    const first = await world.work.commit('first')
    await world.mirrorWork()
    await world.work.push(world.app.dir, `main:refs/heads/${from}`)
    const updates = [
      { ref: refName(`refs/heads/${to}`), sha: first },
      { ref: refName(`refs/heads/${from}`), sha: null, lease: first },
    ]

    const pushed = await pushRefs(world.room.git, world.mirror, world.remote, updates, {
      signal: new AbortController().signal,
    })

    const statuses = pushed.ok ? [...pushed.results.values()].map(({ status }) => status) : []
    expect(statuses).toEqual(['ok', 'ok'])
    expect(await readRefs(world.app.dir)).toEqual(new Map([[`refs/heads/${to}`, first]]))
    expect(world.room.operations.filter((name) => name === 'push')).toHaveLength(1)
  })

  test('keeps its old name where the server does not let go of it, and the new one waits', async () => {
    await using world = await openGitWorld()
    const first = await world.work.commit('first')
    const second = await world.work.commit('second')
    await world.mirrorWork()
    await world.work.push(world.app.dir, `${first}:refs/heads/${from}`)
    const updates = [
      { ref: refName(`refs/heads/${to}`), sha: second },
      { ref: refName(`refs/heads/${from}`), sha: null, lease: second },
      { ref: refName('refs/heads/other'), sha: second },
    ]

    const pushed = await pushRefs(world.room.git, world.mirror, world.remote, updates, {
      signal: new AbortController().signal,
    })

    const kinds = pushed.ok ? [...pushed.results.values()].map(({ kind }) => kind) : []
    expect(kinds).toEqual(['name_taken', 'moved_meanwhile', null])
    expect(await readRefs(world.app.dir)).toEqual(
      new Map([
        [`refs/heads/${from}`, first],
        ['refs/heads/other', second],
      ]),
    )
  })
})

test('hundreds of branches that swapped names and folders are followed in one go', async () => {
  await using world = await createWorld()
  const first = await world.work.commit('first')
  const numbers = Array.from({ length: 150 }, (_, number) => number)
  const before = numbers.map((number) => (number % 2 === 0 ? `b/${number}` : `b/${number}/c`))
  const after = numbers.map((number) => (number % 2 === 0 ? `b/${number}/c` : `b/${number}`))
  await world.branches('internal', before, first)
  await world.sync()
  await world.branches('internal', after, first)
  await world.push('external', ...before.map((name) => `:refs/heads/${name}`))

  const outcome = await world.sync()

  expect(outcome.failure).toBeUndefined()
  expect(Object.keys(await world.heads('external')).toSorted()).toEqual(after.toSorted())
  expect(world.processes).toEqual(['ls-remote', 'ls-remote', 'fetch', 'fetch', 'for-each-ref', 'push'])
})
