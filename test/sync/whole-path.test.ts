import { describe, expect, test } from 'vitest'
import { git } from '../rig/repository.ts'
import { pair, ref, rules } from './comparison.ts'
import { createWorld, results } from './world.ts'

describe('a whole repository', () => {
  test('gets every branch and tag of the source', async () => {
    await using world = await createWorld()
    const first = await world.work.commit('first')
    const tag = await world.work.tag('v1', 'the first')
    await world.push('internal', 'main', 'main:refs/heads/a/b', 'refs/tags/v1')

    const outcome = await world.sync()

    expect(results(outcome)).toEqual({ main: 'created', 'a/b': 'created', 'tags/v1': 'created' })
    expect(await world.heads('external')).toEqual({ main: first, 'a/b': first, 'tags/v1': tag })
    expect(outcome.agreed.size).toBe(3)
  })

  test('never gets refs that are not branches or tags', async () => {
    await using world = await createWorld()
    const first = await world.work.commit('first')
    await world.push('internal', 'main', 'main:refs/pull/1/head', 'main:refs/notes/commits')

    await world.sync()

    expect(await world.heads('external')).toEqual({ main: first })
  })

  test('costs two listings when nothing has changed', async () => {
    await using world = await createWorld()
    const first = await world.work.commit('first')
    await world.push('internal', 'main')
    await world.sync()

    const outcome = await world.sync()

    expect(world.processes).toEqual(['ls-remote', 'ls-remote'])
    expect(results(outcome)).toEqual({ main: 'up_to_date' })
    expect(outcome.agreed).toEqual(new Map([[ref('main'), first]]))
  })

  test('leaves alone what only the target has', async () => {
    await using world = await createWorld()
    const first = await world.work.commit('first')
    await world.push('internal', 'main')
    await world.push('external', 'main:refs/heads/theirs', 'main')

    const outcome = await world.sync()

    expect(results(outcome)).toEqual({ main: 'up_to_date' })
    expect(await world.heads('external')).toEqual({ main: first, theirs: first })
  })

  test('keeps going past a diverged and a protected branch', async () => {
    await using world = await createWorld()
    await world.work.commit('first')
    await world.push('internal', 'main', 'main:refs/heads/locked', 'main:refs/heads/dev')
    await world.sync()
    const theirs = await world.work.commit('theirs')
    await world.push('external', 'main')
    const ours = await world.work.amend('ours')
    await world.push(
      'internal',
      'main',
      'main:refs/heads/locked',
      'main:refs/heads/dev',
      'main:refs/heads/new',
    )
    await world.protect('external', 'locked')

    const outcome = await world.sync()

    expect(results(outcome)).toEqual({ main: 'conflict', locked: 'rejected', dev: 'updated', new: 'created' })
    expect(await world.heads('external')).toMatchObject({ main: theirs, dev: ours, new: ours })
  })

  test('with an empty source is a success that deletes nothing', async () => {
    await using world = await createWorld()
    const first = await world.work.commit('first')
    await world.push('external', 'main')

    const outcome = await world.sync()

    expect(outcome).toMatchObject({ refs: [], failure: undefined })
    expect(await world.heads('external')).toEqual({ main: first })
  })

  test('keeps a branch that the source deleted', async () => {
    await using world = await createWorld()
    const first = await world.work.commit('first')
    await world.push('internal', 'main', 'main:refs/heads/old')
    await world.sync()
    await world.push('internal', ':refs/heads/old')

    const outcome = await world.sync()

    expect(results(outcome)).toEqual({ main: 'up_to_date', old: 'up_to_date' })
    expect(outcome.agreed.has(ref('old'))).toBe(false)
    expect(await world.heads('external')).toEqual({ main: first, old: first })
  })

  test('follows a branch that became a folder of branches', async () => {
    await using world = await createWorld()
    const first = await world.work.commit('first')
    await world.push('internal', 'main', 'main:refs/heads/a')
    await world.sync()
    await world.push('internal', ':refs/heads/a')
    await world.push('internal', 'main:refs/heads/a/b')
    await world.push('external', ':refs/heads/a')

    const outcome = await world.sync()

    expect(results(outcome)).toMatchObject({ 'a/b': 'created' })
    expect(await world.heads('external')).toEqual({ main: first, 'a/b': first })
  })
})

describe('two thousand branches', () => {
  test('cost as many git processes as one', async () => {
    await using world = await createWorld()
    const first = await world.work.commit('first')
    const names = Array.from({ length: 2000 }, (_, number) => `team/branch-${number}`)
    await world.branches('internal', names, first)

    const outcome = await world.sync()
    const processes = [...world.processes]
    const second = await world.work.commit('second')
    await world.push('internal', 'main:refs/heads/team/branch-7')
    const again = await world.sync()

    expect(processes.filter((operation) => operation !== 'init')).toEqual([
      'ls-remote',
      'ls-remote',
      'fetch',
      'for-each-ref',
      'push',
    ])
    expect(outcome.refs.filter(({ result }) => result === 'created')).toHaveLength(2000)
    expect(world.processes).toEqual(['ls-remote', 'ls-remote', 'fetch', 'push'])
    expect(again.refs.filter(({ result }) => result === 'updated')).toMatchObject([
      { pair: pair('team/branch-7'), before: first, after: second },
    ])
    expect(world.lines.length).toBeLessThan(20)
    expect(Object.keys(await world.heads('external'))).toHaveLength(2000)
  })
})

describe('thousands of branches with one left out', () => {
  test('are fetched by one git all the same, and that one stays at home', async () => {
    await using world = await createWorld()
    const first = await world.work.commit('first')
    const names = Array.from({ length: 2100 }, (_, number) => `team/branch-${number}`)
    await world.branches('internal', [...names, 'tmp/mine'], first)

    const outcome = await world.sync({ rules: rules({ exclude: ['tmp/*'] }) })

    expect(outcome.refs.filter(({ result }) => result === 'created')).toHaveLength(2100)
    expect(Object.keys(await world.heads('external'))).toHaveLength(2100)
    expect(await world.heads('external')).not.toHaveProperty('tmp/mine')
    expect(world.processes).toEqual(['ls-remote', 'ls-remote', 'fetch', 'for-each-ref', 'push'])
  })
})

describe('histories without a common commit', () => {
  test('are not mixed', async () => {
    await using world = await createWorld()
    await world.work.commit('ours')
    await world.push('internal', 'main', 'main:refs/heads/dev')
    const theirs = await world.unrelated()
    await world.push('external', `${theirs}:refs/heads/main`)

    const outcome = await world.sync()

    expect(outcome.failure?.kind).toBe('unrelated')
    expect(outcome.refs).toEqual([])
    expect(await world.heads('external')).toEqual({ main: theirs })
  })

  test('replace each other when a person forces it, and what was there is kept', async () => {
    await using world = await createWorld()
    const ours = await world.work.commit('ours')
    await world.push('internal', 'main')
    const theirs = await world.unrelated()
    await world.push('external', `${theirs}:refs/heads/main`)

    const outcome = await world.sync({ force: 'all' })

    expect(results(outcome)).toEqual({ main: 'updated' })
    expect(await world.heads('external')).toEqual({ main: ours })
    expect(world.kept).toMatchObject([{ side: 'external', ref: ref('main'), sha: theirs }])
    expect(await git(world.backups, 'log', '--format=%s', world.kept[0]?.backupRef ?? '')).toBe('unrelated')
  })

  test('are told from an old copy that was never synced', async () => {
    await using world = await createWorld()
    await world.work.commit('first')
    await world.push('external', 'main')
    const second = await world.work.commit('second')
    await world.push('internal', 'main')

    const outcome = await world.sync()

    expect(results(outcome)).toEqual({ main: 'updated' })
    expect(await world.heads('external')).toEqual({ main: second })
  })
})
