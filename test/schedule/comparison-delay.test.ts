import { expect, test } from 'vitest'
import { DAY, MINUTE, SECOND } from '../../src/clock.ts'
import { comparisonDelay } from '../../src/schedule/comparison-delay.ts'

const NOW = 100 * DAY
const USUAL = {
  now: NOW,
  changedAt: NOW,
  previousMs: null,
  hasFailed: false,
  intervalMs: 10 * MINUTE,
  random: () => 0.5,
}

test.each([
  ['just now', 0, 1 * MINUTE],
  ['four minutes ago', 4 * MINUTE, 2 * MINUTE],
  ['an hour ago', 60 * MINUTE, 30 * MINUTE],
  ['last month', 30 * DAY, 60 * MINUTE],
])(
  'what changed %s is compared again after half of that, between a minute and an hour',
  (_, ago, expected) => {
    const delay = comparisonDelay({ ...USUAL, changedAt: NOW - ago })

    expect(delay).toBe(expected)
  },
)

test('another interval moves both limits along', () => {
  const often = comparisonDelay({ ...USUAL, intervalMs: 10 * SECOND })
  const seldom = comparisonDelay({ ...USUAL, intervalMs: 10 * SECOND, changedAt: 0 })

  expect([often, seldom]).toEqual([1 * SECOND, 60 * SECOND])
})

test('every failure doubles the delay, up to the longest', () => {
  const delays = [1, 2, 4, 40].map((minutes) =>
    comparisonDelay({ ...USUAL, hasFailed: true, previousMs: minutes * MINUTE }),
  )

  expect(delays).toEqual([2 * MINUTE, 4 * MINUTE, 8 * MINUTE, 60 * MINUTE])
})

test('chance takes or adds a fifth at most', () => {
  const [least, most] = [0, 1].map((value) =>
    comparisonDelay({ ...USUAL, changedAt: NOW - 20 * MINUTE, random: () => value }),
  )

  expect([least, most]).toEqual([8 * MINUTE, 12 * MINUTE])
})
