import { describe, expect, test } from 'vitest'
import { pair } from './comparison.ts'
import { createWorld, results } from './world.ts'

describe('both ways', () => {
  test('what is new on a side is created on the other', async () => {
    await using world = await createWorld()
    const first = await world.work.commit('first')
    await world.push('internal', 'main', 'main:refs/heads/ours')
    await world.push('external', 'main', 'main:refs/heads/theirs')

    const outcome = await world.sync({ direction: 'both' })

    expect(results(outcome)).toEqual({ main: 'up_to_date', ours: 'created', theirs: 'created' })
    expect(await world.heads('internal')).toEqual({ main: first, ours: first, theirs: first })
    expect(await world.heads('external')).toEqual({ main: first, ours: first, theirs: first })
  })

  test('each side catches up where the other one moved', async () => {
    await using world = await createWorld()
    await world.work.commit('first')
    await world.push('internal', 'main', 'main:refs/heads/dev')
    await world.sync({ direction: 'both' })
    const second = await world.work.commit('second')
    await world.push('internal', 'main')
    await world.push('external', 'main:refs/heads/dev')

    const outcome = await world.sync({ direction: 'both' })

    expect(outcome.refs).toEqual([
      expect.objectContaining({ pair: pair('main'), direction: 'to_outer', result: 'updated' }),
      expect.objectContaining({ pair: pair('dev'), direction: 'to_inter', result: 'updated' }),
    ])
    expect(await world.heads('internal')).toEqual({ main: second, dev: second })
    expect(await world.heads('external')).toEqual({ main: second, dev: second })
  })

  test.each(['internal', 'external'] as const)(
    'with no agreed head, the %s side wins when it contains the other',
    async (ahead) => {
      await using world = await createWorld()
      const first = await world.work.commit('first')
      await world.push('internal', 'main')
      await world.push('external', 'main')
      const second = await world.work.commit('second')
      await world.push(ahead, 'main')

      const outcome = await world.sync({ direction: 'both' })

      expect(outcome.refs).toMatchObject([{ result: 'updated', before: first, after: second }])
      expect(await world.heads('internal')).toEqual({ main: second })
      expect(await world.heads('external')).toEqual({ main: second })
    },
  )

  test('sides that both moved are a conflict, nobody wins, and the others go on', async () => {
    await using world = await createWorld()
    await world.work.commit('first')
    await world.push('internal', 'main', 'main:refs/heads/dev')
    await world.sync({ direction: 'both' })
    const theirs = await world.work.commit('theirs')
    await world.push('external', 'main', 'main:refs/heads/dev')
    const ours = await world.work.amend('ours')
    await world.push('internal', 'main')

    const outcome = await world.sync({ direction: 'both' })

    expect(results(outcome)).toEqual({ main: 'conflict', dev: 'updated' })
    expect(await world.heads('internal')).toEqual({ main: ours, dev: theirs })
    expect(await world.heads('external')).toEqual({ main: theirs, dev: theirs })
  })

  test('rewritten history is a conflict even when the other side stood still', async () => {
    await using world = await createWorld()
    const first = await world.work.commit('first')
    await world.push('internal', 'main')
    await world.sync({ direction: 'both' })
    await world.work.amend('rewritten')
    await world.push('internal', '+main')

    const outcome = await world.sync({ direction: 'both' })

    expect(results(outcome)).toEqual({ main: 'conflict' })
    expect(await world.heads('external')).toEqual({ main: first })
  })

  test('a branch that was taken back on one side is not put forward again', async () => {
    await using world = await createWorld()
    const first = await world.work.commit('first')
    await world.work.commit('second')
    await world.push('internal', 'main')
    await world.sync({ direction: 'both' })
    await world.push('internal', `+${first}:refs/heads/main`)

    const outcome = await world.sync({ direction: 'both' })

    expect(results(outcome)).toEqual({ main: 'conflict' })
    expect(await world.heads('internal')).toEqual({ main: first })
  })

  test('a branch that was deleted on one side is kept on the other', async () => {
    await using world = await createWorld()
    const first = await world.work.commit('first')
    await world.push('internal', 'main', 'main:refs/heads/old')
    await world.sync({ direction: 'both' })
    await world.push('external', ':refs/heads/old')

    const outcome = await world.sync({ direction: 'both' })

    expect(outcome.refs).toContainEqual(
      expect.objectContaining({ pair: pair('old'), result: 'up_to_date', kind: 'ref_missing' }),
    )
    expect(await world.heads('internal')).toEqual({ main: first, old: first })
    expect(await world.heads('external')).toEqual({ main: first })
  })
})

describe('a push in a two-way binding', () => {
  test('takes the hot path from the side it came from', async () => {
    await using world = await createWorld()
    await world.work.commit('first')
    await world.push('internal', 'main')
    await world.sync({ direction: 'both' })
    const second = await world.work.commit('second')
    await world.push('external', 'main')

    const outcome = await world.sync({ direction: 'both', scope: [pair('main')], pushedOn: 'external' })

    expect(world.processes).toEqual(['fetch', 'push'])
    expect(outcome.refs).toMatchObject([{ direction: 'to_inter', result: 'updated', after: second }])
  })

  test('that came too late for its own side brings the newer head of the other side', async () => {
    await using world = await createWorld()
    await world.work.commit('first')
    await world.push('internal', 'main')
    await world.sync({ direction: 'both' })
    const second = await world.work.commit('second')
    await world.push('external', 'main')

    const outcome = await world.sync({ direction: 'both', scope: [pair('main')], pushedOn: 'internal' })

    expect(outcome.refs).toMatchObject([{ direction: 'to_inter', result: 'updated', after: second }])
    expect(await world.heads('internal')).toEqual({ main: second })
  })
})
