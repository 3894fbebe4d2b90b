import { expect, test } from 'vitest'
import { mergeWork, Work, workDirection } from '../../src/run/run.ts'
import { pushOf, shaOf } from './world.ts'

test('a thousand pushes to one branch stay one item of work', () => {
  const pushes = Array.from({ length: 1000 }, (_, number) => pushOf('main', shaOf(number)))

  const work = mergeWork([], pushes)

  expect(work).toHaveLength(1)
  expect(work[0]?.scope).toHaveLength(1)
})

test('two pushes that disagree about the head leave no hint, however many follow', () => {
  const a = pushOf('main', shaOf(1))
  const b = pushOf('main', shaOf(2))

  const [item] = mergeWork([], [a, b, b])

  expect(item?.scope).toMatchObject([{ after: null }])
})

test('a push of a branch joins a sync of the whole repository without narrowing it', () => {
  const whole = { ...pushOf('main'), scope: 'all' as const }

  const work = mergeWork([pushOf('a')], [whole, pushOf('b')])

  expect(work).toEqual([whole])
})

test('force stays with the refs it was given for', () => {
  const forced = { ...pushOf('release'), force: true }

  const work = mergeWork([pushOf('main')], [forced])

  expect(work).toEqual([pushOf('main'), forced])
})

test('work reads back from its stored form as it was', () => {
  const work = [pushOf('feature/a', shaOf(1)), { ...pushOf('main'), scope: 'all' as const }]

  const read = Work.parse(JSON.parse(JSON.stringify(work)))

  expect(read).toEqual(work)
})

test('work in both directions is shown as both', () => {
  const outward = pushOf('main')
  const inward = { ...pushOf('main'), direction: 'to_inter' as const }

  const direction = workDirection([outward, inward])

  expect(direction).toBe('both')
})
