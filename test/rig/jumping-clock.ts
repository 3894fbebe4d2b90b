import { systemClock } from '../../src/clock.ts'
import type { Clock } from '../../src/clock.ts'

export type JumpingClock = Clock & {
  /** Time is later at once; what falls due by that happens now, in its order. */
  readonly jump: (ms: number) => void
}

/** The time of the system and a while more, which can grow: for what happens after a minute, an hour or a month. */
export function createJumpingClock(aheadMs = 0): JumpingClock {
  let ahead = aheadMs
  const timers = new Map<symbol, { readonly at: number; readonly callback: () => void; real: Disposable }>()
  const now = (): number => systemClock.now() + ahead
  const ring = (key: symbol): void => {
    const timer = timers.get(key)
    timers.delete(key)
    timer?.callback()
  }
  return {
    now,
    after: (delayMs, callback) => {
      const key = Symbol('timer')
      timers.set(key, { at: now() + delayMs, callback, real: systemClock.after(delayMs, () => ring(key)) })
      return {
        [Symbol.dispose]: () => {
          timers.get(key)?.real[Symbol.dispose]()
          timers.delete(key)
        },
      }
    },
    jump: (ms) => {
      ahead += ms
      for (const [key, timer] of [...timers].sort((a, b) => a[1].at - b[1].at)) {
        timer.real[Symbol.dispose]()
        const leftMs = timer.at - now()
        if (leftMs <= 0) ring(key)
        else timer.real = systemClock.after(leftMs, () => ring(key))
      }
    },
  }
}
