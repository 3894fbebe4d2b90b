/** Durations in milliseconds, to be multiplied: `5 * MINUTE`. */
export const SECOND = 1000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

/** The only source of time. Tests pass a clock that moves when told. */
export type Clock = {
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Runs `callback` once after `delayMs`; disposing the timer before that cancels it. */
  readonly after: (delayMs: number, callback: () => void) => Disposable
}

// A larger delay would overflow Node's timer and fire at once.
const LONGEST_TIMER = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => Date.now(),
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, Math.min(Math.max(delayMs, 0), LONGEST_TIMER))
    return { [Symbol.dispose]: () => clearTimeout(timer) }
  },
}

/** Resolves after `delayMs`, or rejects with the signal's reason when it aborts first. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(abortReason(signal))
    const timer = clock.after(delayMs, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    function onAbort(): void {
      timer[Symbol.dispose]()
      if (signal !== undefined) reject(abortReason(signal))
    }
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

/** Resolves after everything else that waits has had its turn; for work on very many things at once. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve))
}

function abortReason(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error('aborted')
}
