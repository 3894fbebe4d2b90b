// When two sides are to be compared again. Pure.

// With the usual interval of ten minutes: from one minute to one hour.
const SHORTEST = 1 / 10
const LONGEST = 6

/**
 * Half the time since the last change: what is being worked on is compared often, what sleeps seldom. After a
 * failure at least twice as long as before. Always within a tenth and six times the interval, and 20 % more or
 * less by chance, so that bindings made together are not compared together for ever.
 */
export function comparisonDelay({
  now,
  changedAt,
  previousMs,
  hasFailed,
  intervalMs,
  random = Math.random,
}: {
  readonly now: number
  readonly changedAt: number
  /** The delay before this comparison; null: it is the first. */
  readonly previousMs: number | null
  readonly hasFailed: boolean
  readonly intervalMs: number
  readonly random?: (() => number) | undefined
}): number {
  const half = (now - changedAt) / 2
  const wanted = hasFailed ? Math.max(half, 2 * (previousMs ?? intervalMs)) : half
  const delay = Math.min(Math.max(wanted, SHORTEST * intervalMs), LONGEST * intervalMs)
  return Math.round(delay * (0.8 + 0.4 * random()))
}
