import type { Clock } from './clock.ts'
import { MINUTE } from './clock.ts'

const GUESSES = 10
const GUESS_WINDOW = 1 * MINUTE
const MOST_ADDRESSES = 10_000

/** Counts tries, such as wrong secrets of a client address, and says for how long one has to wait. */
export type GuessLimit = {
  /** 0: may try. */
  readonly blockedForMs: (address: string) => number
  readonly count: (address: string) => void
}

/** So many tries of one address, or of whoever else is named, within a minute close it for the rest of that minute. */
export function createGuessLimit(clock: Clock, most = GUESSES): GuessLimit {
  const windows = new Map<string, { readonly failures: number; readonly endsAt: number }>()
  const current = (address: string) => {
    const window = windows.get(address)
    return window === undefined || window.endsAt <= clock.now() ? undefined : window
  }
  return {
    blockedForMs: (address) => {
      const window = current(address)
      return window === undefined || window.failures < most ? 0 : window.endsAt - clock.now()
    },
    count: (address) => {
      const { failures, endsAt } = current(address) ?? { failures: 0, endsAt: clock.now() + GUESS_WINDOW }
      // Re-inserted, so that the oldest comes first and goes first when memory must stay bounded.
      windows.delete(address)
      windows.set(address, { failures: failures + 1, endsAt })
      const [oldest] = windows.keys()
      if (windows.size > MOST_ADDRESSES && oldest !== undefined) windows.delete(oldest)
    },
  }
}
