import { MINUTE, SECOND } from './clock.ts'

const FIRST_DELAY = 1 * SECOND
const LONGEST_DELAY = 5 * MINUTE

/**
 * Milliseconds to wait after the given number of failed attempts (1 or more): doubling from one
 * second to five minutes, with up to half of it taken off at random so that failures do not march in step.
 */
export function backoffDelay(failedAttempts: number, random: () => number = Math.random): number {
  const ceiling = Math.min(FIRST_DELAY * 2 ** (failedAttempts - 1), LONGEST_DELAY)
  return Math.round(ceiling * (1 - random() / 2))
}
