import { MINUTE, SECOND } from '../clock.ts'
import type { Clock } from '../clock.ts'

/** Says for how long a client has to wait; 0: it may go on, and that counts as one of its requests. */
export type RateLimit = (client: string) => number

// A counter per tenth of a second: exact enough for a minute, and its size does not grow with the limit.
const SLOT = SECOND / 10
const SLOTS = MINUTE / SLOT
const MOST_CLIENTS = 5000

type Window = { readonly counts: Uint32Array; newest: number; sum: number }

/** At most so many requests per client within any minute. */
export function createRateLimit(clock: Clock, perMinute: number): RateLimit {
  const windows = new Map<string, Window>()
  return (client) => {
    const slot = Math.floor(clock.now() / SLOT)
    const window = windows.get(client) ?? { counts: new Uint32Array(SLOTS), newest: slot, sum: 0 }
    // Re-inserted, so that who was here last goes last when memory must stay bounded.
    windows.delete(client)
    windows.set(client, window)
    const [oldest] = windows.keys()
    if (windows.size > MOST_CLIENTS && oldest !== undefined) windows.delete(oldest)
    moveTo(window, slot)
    if (window.sum >= perMinute) return waitMs(window, slot, clock.now())
    const index = slot % SLOTS
    window.counts[index] = (window.counts[index] ?? 0) + 1
    window.sum += 1
    return 0
  }
}

/** Forgets what is older than a minute; all of it when the clock was set back. */
function moveTo(window: Window, slot: number): void {
  if (slot - window.newest >= SLOTS || slot < window.newest) {
    window.counts.fill(0)
    window.sum = 0
  } else {
    for (let passed = window.newest + 1; passed <= slot; passed += 1) {
      window.sum -= window.counts[passed % SLOTS] ?? 0
      window.counts[passed % SLOTS] = 0
    }
  }
  window.newest = slot
}

/** Until the oldest requests of the minute are a minute old. */
function waitMs({ counts }: Window, slot: number, now: number): number {
  for (let age = SLOTS - 1; age >= 0; age -= 1) {
    const past = slot - age
    if ((counts[past % SLOTS] ?? 0) > 0) return (past + SLOTS) * SLOT - now
  }
  return 0
}
