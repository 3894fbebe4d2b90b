import { expect, test } from 'vitest'
import { RepositoryId } from '../../src/ids.ts'
import { createRepositoryLocks } from '../../src/repository/locks.ts'
import { createTestClock } from '../rig/clock.ts'

const FIRST = RepositoryId.parse(1)
const SECOND = RepositoryId.parse(2)
const LIMIT = { ms: 30_000, refuse: () => new Error('busy') }

test('what concerns one repository happens one after the other, in the order of asking', async () => {
  const locks = createRepositoryLocks(createTestClock())
  const happened: string[] = []
  const gate = Promise.withResolvers<void>()

  const first = locks.exclusively(FIRST, async () => {
    happened.push('first starts')
    await gate.promise
    happened.push('first ends')
  })
  const second = locks.withLimit(FIRST, LIMIT, () => Promise.resolve(happened.push('second')))
  const other = locks.exclusively(SECOND, () => Promise.resolve(happened.push('other')))
  await other
  // Whatever could go on has done so.
  await new Promise((resolve) => setImmediate(resolve))
  gate.resolve()
  await Promise.all([first, second])

  expect(happened).toEqual(['first starts', 'other', 'first ends', 'second'])
})

test('whoever waits too long is told so, and does not hold up those behind', async () => {
  const clock = createTestClock()
  const locks = createRepositoryLocks(clock)
  const gate = Promise.withResolvers<void>()
  const long = locks.exclusively(FIRST, () => gate.promise)
  const hasty = locks.withLimit(FIRST, LIMIT, () => Promise.resolve('never'))
  const patient = locks.exclusively(FIRST, () => Promise.resolve('done'))

  clock.advance(LIMIT.ms)
  await expect(hasty).rejects.toThrow('busy')
  gate.resolve()

  expect([await long, await patient]).toEqual([undefined, 'done'])
  expect(clock.pendingTimers()).toBe(0)
})

test('work that fails gives its turn away', async () => {
  const locks = createRepositoryLocks(createTestClock())

  const failing = locks.exclusively(FIRST, () => Promise.reject(new Error('failed')))
  const next = locks.withLimit(FIRST, LIMIT, () => Promise.resolve('next'))

  await expect(failing).rejects.toThrow('failed')
  expect(await next).toBe('next')
})
