import type { Clock } from '../clock.ts'
import { MINUTE, SECOND } from '../clock.ts'
import { isHostTrouble } from '../git/git-error.ts'
import type { AttemptEnd, Run } from './run.ts'

// A server in trouble is left alone for a while: what needs it waits, and costs neither attempts nor places that
// others could use. After the pause one run is let through, and how it ends decides for all.

export type Circuit = {
  /** Learns from an attempt; returns the servers that work again, and since when they had not. */
  readonly learn: (run: Run, end: AttemptEnd) => readonly Recovery[]
  /** Servers (`host:port`) that are not to be used now. */
  readonly parked: () => readonly string[]
  /** A run of these servers starts: where one is on trial, it is the only one until its end. */
  readonly enter: (endpoints: readonly string[]) => void
  /** When the first of them may be tried again; undefined: none is parked. */
  readonly nextTrial: () => number | undefined
}

export type Recovery = { readonly endpoint: string; readonly since: number }

/** Attempts in a row that must fail; one alone may have been bad luck. */
const FAILURES_TO_PARK = 3
const SHORTEST_PAUSE = 5 * SECOND
const LONGEST_PAUSE = 5 * MINUTE

type State = {
  readonly failures: number
  readonly since: number
  /** Null: it may be used. */
  readonly parkedUntil: number | null
  readonly pauseMs: number
  readonly isOnTrial: boolean
}

/** Remembers the servers of this process; a restart tries all of them again. */
export function createCircuit({
  clock,
  random = Math.random,
}: {
  readonly clock: Clock
  readonly random?: () => number
}): Circuit {
  const states = new Map<string, State>()

  const fail = (endpoint: string): void => {
    const now = clock.now()
    const known = states.get(endpoint)
    const { failures = 0, since = now, pauseMs = SHORTEST_PAUSE, parkedUntil = null } = known ?? {}
    // One that had started before it was parked tells nothing new.
    if (parkedUntil !== null && known?.isOnTrial !== true) return
    const state = { failures: failures + 1, since, pauseMs, parkedUntil: null, isOnTrial: false }
    const isParked = state.failures >= FAILURES_TO_PARK
    const pause = Math.round(pauseMs * (0.5 + random() / 2))
    states.set(
      endpoint,
      isParked
        ? { ...state, parkedUntil: now + pause, pauseMs: Math.min(2 * pauseMs, LONGEST_PAUSE) }
        : state,
    )
  }
  const recover = (endpoint: string): readonly Recovery[] => {
    const known = states.get(endpoint)
    states.delete(endpoint)
    return known === undefined || known.parkedUntil === null ? [] : [{ endpoint, since: known.since }]
  }
  const leave = (endpoint: string): void => {
    const known = states.get(endpoint)
    if (known !== undefined) states.set(endpoint, { ...known, isOnTrial: false })
  }

  return {
    learn: (run, end) => {
      const recovered: Recovery[] = []
      for (const side of ['internal', 'external'] as const) {
        const endpoint = run.endpoints[side]
        const ending = endingFor(side, end)
        if (endpoint === '' || ending === 'unknown') leave(endpoint)
        else if (ending === 'trouble') fail(endpoint)
        else recovered.push(...recover(endpoint))
      }
      return recovered
    },
    parked: () => {
      const now = clock.now()
      const isParked = ({ parkedUntil, isOnTrial }: State): boolean =>
        parkedUntil !== null && (isOnTrial || now < parkedUntil)
      return [...states].filter(([, state]) => isParked(state)).map(([endpoint]) => endpoint)
    },
    enter: (endpoints) => {
      for (const endpoint of endpoints) {
        const known = states.get(endpoint)
        if (known !== undefined && known.parkedUntil !== null) {
          states.set(endpoint, { ...known, isOnTrial: true })
        }
      }
    },
    nextTrial: () => {
      const trials = [...states.values()].flatMap(({ parkedUntil, isOnTrial }) =>
        parkedUntil === null || isOnTrial ? [] : [parkedUntil],
      )
      return trials.length === 0 ? undefined : Math.min(...trials)
    },
  }
}

/** What an attempt says about the server of a side; also a refusal is an answer. */
function endingFor(side: 'internal' | 'external', end: AttemptEnd): 'fine' | 'trouble' | 'unknown' {
  const { failure, steps } = end
  // Without a step nobody was asked.
  if (failure === null) return steps.length === 0 ? 'unknown' : 'fine'
  if (failure.side !== side || failure.kind === 'canceled') return 'unknown'
  return isHostTrouble(failure.kind) ? 'trouble' : 'fine'
}
