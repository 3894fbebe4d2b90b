import type { Clock } from '../../clock.ts'
import { HOUR, MINUTE } from '../../clock.ts'

// What was learnt about servers, so that nobody has to find it out again at every call. It is forgotten after a
// while: servers are updated, and what stood in the way may be gone.

export type Servers = {
  /** Whether the server at the origin speaks version 2 of the protocol; undefined: nobody has asked lately. */
  readonly speaksVersion2: (origin: string) => boolean | undefined
  readonly learn: (origin: string, speaksVersion2: boolean) => void
  /** Whether a call without git went wrong here lately, so that git should do it. */
  readonly isAvoided: (place: string) => boolean
  readonly avoid: (place: string) => void
}

const REMEMBER_MS = 1 * HOUR
const AVOID_MS = 10 * MINUTE
const MOST_REMEMBERED = 10_000

export function rememberServers({ clock }: { readonly clock: Clock }): Servers {
  const versions = remember<boolean>(clock, REMEMBER_MS)
  const avoided = remember<true>(clock, AVOID_MS)
  return {
    speaksVersion2: versions.find,
    learn: versions.keep,
    isAvoided: (place) => avoided.find(place) === true,
    avoid: (place) => avoided.keep(place, true),
  }
}

function remember<Value>(clock: Clock, durationMs: number) {
  const entries = new Map<string, { readonly value: Value; readonly until: number }>()
  return {
    find: (name: string): Value | undefined => {
      const entry = entries.get(name)
      return entry !== undefined && clock.now() < entry.until ? entry.value : undefined
    },
    keep: (name: string, value: Value): void => {
      entries.delete(name)
      entries.set(name, { value, until: clock.now() + durationMs })
      const [oldest] = entries.keys()
      if (entries.size > MOST_REMEMBERED && oldest !== undefined) entries.delete(oldest)
    },
  }
}
