import { expect, test } from 'vitest'
import { backoffDelay } from '../src/backoff.ts'

test.each([
  [1, 1000],
  [2, 2000],
  [6, 32_000],
  [9, 256_000],
  [10, 300_000],
  [2000, 300_000],
])('after %i failures the pause is at most %i ms, and at least half of that', (failures, ceiling) => {
  const longest = backoffDelay(failures, () => 0)
  const shortest = backoffDelay(failures, () => 1)

  expect([longest, shortest]).toEqual([ceiling, ceiling / 2])
})
