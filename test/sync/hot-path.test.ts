import { describe, expect, test } from 'vitest'
import { pair, ref } from './comparison.ts'
import { createWorld, results } from './world.ts'

describe('one pushed branch', () => {
  test('costs one fetch and one push', async () => {
    await using world = await createWorld()
    await world.work.commit('first')
    await world.push('internal', 'main')
    await world.sync({ scope: [pair('main')] })
    const second = await world.work.commit('second')
    await world.push('internal', 'main')

    const outcome = await world.sync({ scope: [pair('main')] })

    expect(world.processes).toEqual(['fetch', 'push'])
    expect(results(outcome)).toEqual({ main: 'updated' })
    expect(await world.heads('external')).toEqual({ main: second })
    expect(outcome.agreed).toEqual(new Map([[ref('main'), second]]))
    expect(outcome.steps.map(({ name }) => name)).toEqual(['fetch', 'push'])
  })

  test('needs nothing more than a new mirror at first', async () => {
    await using world = await createWorld()
    const first = await world.work.commit('first')
    await world.push('internal', 'main')

    const outcome = await world.sync({ scope: [pair('main')] })

    expect(world.processes.filter((operation) => operation !== 'init')).toEqual(['fetch', 'push'])
    expect(results(outcome)).toEqual({ main: 'created' })
    expect(await world.heads('external')).toEqual({ main: first })
  })

  test('travels back in the other direction', async () => {
    await using world = await createWorld()
    const first = await world.work.commit('first')
    await world.push('external', 'main:refs/heads/feature/a')

    const outcome = await world.sync({ direction: 'to_inter', scope: [pair('main', 'feature/a')] })

    expect(await world.heads('internal')).toEqual({ main: first })
    expect(outcome.refs).toMatchObject([{ direction: 'to_inter', result: 'created', after: first }])
  })

  test('is up to date when it is pushed again', async () => {
    await using world = await createWorld()
    const first = await world.work.commit('first')
    await world.push('internal', 'main')
    await world.sync({ scope: [pair('main')] })

    const outcome = await world.sync({ scope: [pair('main')] })

    expect(results(outcome)).toEqual({ main: 'up_to_date' })
    expect(outcome.agreed).toEqual(new Map([[ref('main'), first]]))
  })

  test('tells people what happened, without addresses and passwords', async () => {
    await using world = await createWorld()
    const first = await world.work.commit('first')
    await world.push('internal', 'main')

    await world.sync({ scope: [pair('main')] })

    expect(world.lines).toEqual([
      'INFO 初始化仓库 *********',
      'INFO Execute cmd: git fetch internal main',
      'INFO Execute inter to outer main branch Sync',
      'INFO Execute cmd: git push external main',
      `INFO [COMMIT ID: ${first.slice(0, 7)}]`,
    ])
  })

  test('is a conflict when the other side has a commit of its own, and that commit stays', async () => {
    await using world = await createWorld()
    await world.work.commit('first')
    await world.push('internal', 'main')
    await world.sync({ scope: [pair('main')] })
    const theirs = await world.work.commit('theirs')
    await world.push('external', 'main')
    const ours = await world.work.amend('ours')
    await world.push('internal', 'main')

    const outcome = await world.sync({ scope: [pair('main')] })

    expect(outcome.refs).toMatchObject([
      { result: 'conflict', kind: 'non_fast_forward', before: theirs, after: ours, direction: 'to_outer' },
    ])
    expect(outcome.refs[0]?.reason).toContain(theirs.slice(0, 7))
    expect(outcome.agreed.size).toBe(0)
    expect(await world.heads('external')).toEqual({ main: theirs })
  })

  test('is a conflict when only the other side moved, because one way cannot make them equal', async () => {
    await using world = await createWorld()
    await world.work.commit('first')
    await world.push('internal', 'main')
    await world.sync({ scope: [pair('main')] })
    const theirs = await world.work.commit('theirs')
    await world.push('external', 'main')

    const outcome = await world.sync({ scope: [pair('main')] })

    expect(results(outcome)).toEqual({ main: 'conflict' })
    expect(await world.heads('external')).toEqual({ main: theirs })
  })
})

describe('several pushed refs', () => {
  test('travel together', async () => {
    await using world = await createWorld()
    const first = await world.work.commit('first')
    const tag = await world.work.tag('v1', 'the first')
    await world.push('internal', 'main', 'main:refs/heads/feature/a', 'refs/tags/v1')
    await world.sync({ scope: [pair('main')] })

    const outcome = await world.sync({ scope: [pair('main'), pair('feature/a'), pair('tags/v1')] })

    expect(world.processes).toEqual(['fetch', 'push'])
    expect(results(outcome)).toEqual({ main: 'up_to_date', 'feature/a': 'created', 'tags/v1': 'created' })
    expect(await world.heads('external')).toEqual({ main: first, 'feature/a': first, 'tags/v1': tag })
  })

  test('do not wait for one that is missing at the source', async () => {
    await using world = await createWorld()
    const first = await world.work.commit('first')
    await world.push('internal', 'main')

    const outcome = await world.sync({ scope: [pair('main'), pair('gone')] })

    expect(results(outcome)).toEqual({ main: 'created', gone: 'rejected' })
    expect(outcome.refs).toContainEqual(expect.objectContaining({ pair: pair('gone'), kind: 'ref_missing' }))
    expect(await world.heads('external')).toEqual({ main: first })
  })

  test('do not wait for one that the server refuses', async () => {
    await using world = await createWorld()
    const first = await world.work.commit('first')
    await world.push('internal', 'main', 'main:refs/heads/locked', 'main:refs/heads/dev')
    await world.protect('external', 'locked')

    const outcome = await world.sync({ scope: [pair('main'), pair('locked'), pair('dev')] })

    expect(results(outcome)).toEqual({ main: 'created', locked: 'rejected', dev: 'created' })
    expect(outcome.refs).toContainEqual(expect.objectContaining({ pair: pair('locked'), kind: 'protected' }))
    expect(await world.heads('external')).toEqual({ main: first, dev: first })
  })

  test('a moved tag is a conflict and the others travel', async () => {
    await using world = await createWorld()
    await world.work.commit('first')
    const old = await world.work.tag('v1')
    await world.push('internal', 'main', 'refs/tags/v1')
    await world.sync()
    const second = await world.work.commit('second')
    await world.work.tag('v1')
    await world.push('internal', 'main', '+refs/tags/v1')

    const outcome = await world.sync({ scope: [pair('main'), pair('tags/v1')] })

    expect(outcome.refs).toContainEqual(
      expect.objectContaining({ pair: pair('tags/v1'), result: 'conflict', kind: 'tag_moved', before: old }),
    )
    expect(await world.heads('external')).toEqual({ main: second, 'tags/v1': old })
  })
})

test('a branch that was deleted at the source is kept at the target and said so', async () => {
  await using world = await createWorld()
  const first = await world.work.commit('first')
  await world.push('internal', 'main', 'main:refs/heads/old')
  await world.sync()
  await world.push('internal', ':refs/heads/old')

  const outcome = await world.sync({ scope: [pair('old')] })

  expect(outcome.refs).toMatchObject([{ result: 'up_to_date', kind: 'ref_missing' }])
  expect(outcome.refs[0]?.reason).toContain('deleted on internal')
  expect(await world.heads('external')).toEqual({ main: first, old: first })
})
