import type { Clock } from '../../src/clock.ts'

export type TestClock = Clock & {
  /** Moves time on and runs the timers that fall due, in their order. */
  readonly advance: (ms: number) => void
  /** Sets another time, as people do: what waits goes on waiting for as long as it would have. */
  readonly set: (time: number) => void
  readonly pendingTimers: () => number
}

/** A clock that stands still until it is told to move. */
export function createTestClock(start = Date.UTC(2026, 0, 31, 12)): TestClock {
  let now = start
  const timers = new Map<symbol, { readonly at: number; readonly callback: () => void }>()
  return {
    now: () => now,
    after: (delayMs, callback) => {
      const key = Symbol('timer')
      timers.set(key, { at: now + delayMs, callback })
      return { [Symbol.dispose]: () => void timers.delete(key) }
    },
    advance: (ms) => {
      const end = now + ms
      for (;;) {
        const [next] = [...timers].filter(([, timer]) => timer.at <= end).sort((a, b) => a[1].at - b[1].at)
        if (next === undefined) break
        const [key, { at, callback }] = next
        timers.delete(key)
        now = Math.max(now, at)
        callback()
      }
      now = end
    },
    set: (time) => {
      for (const [key, { at, callback }] of timers) timers.set(key, { at: at + time - now, callback })
      now = time
    },
    pendingTimers: () => timers.size,
  }
}
