import type { Side } from '../../src/binding/binding.ts'
import type { ForgeFault } from '../rig/forge-faults.ts'
import type { Step } from '../rig/fault-forge.ts'

// What two sides, their forges and a machine do to one binding, drawn from a number: the same number, the same deeds.

export type Schedule = {
  readonly seed: number
  readonly options: {
    readonly direction: 'to_outer' | 'to_inter' | 'both'
    readonly delete_policy: 'never' | 'tracked' | 'mirror'
    readonly tag_policy: 'new-only' | 'follow'
  }
  readonly deeds: readonly Deed[]
}

/** How often the forge tells of it. */
type Telling = 0 | 1 | 2

export type Deed =
  /** `push` goes forward, `force` puts another commit in the place of the newest, `rewind` takes the newest back. */
  | {
      readonly kind: 'push' | 'force' | 'rewind' | 'delete'
      readonly side: Side
      readonly ref: string
      readonly tellings: Telling
    }
  | {
      readonly kind: 'fault'
      readonly side: Side
      readonly at: Step
      readonly fault: ForgeFault
      readonly times: number
    }
  /** The forge tells once more of something that was long ago. */
  | { readonly kind: 'late' }
  /** A person lets a side win in one of the conflicts. */
  | { readonly kind: 'resolve'; readonly take: Side }
  | { readonly kind: 'restore' }
  | { readonly kind: 'sync'; readonly force: boolean }
  | { readonly kind: 'kill'; readonly afterMs: number }

const MAIN = 'refs/heads/main'
const BRANCHES = [MAIN, MAIN, 'refs/heads/a', 'refs/heads/a', 'refs/heads/deep/b'] as const
const TAG = 'refs/tags/v1'
const SIDES = ['internal', 'external'] as const
const STEPS = ['info', 'list', 'fetch', 'push-info', 'push', 'push'] as const
const FAULTS: readonly ForgeFault[] = [
  ...[401, 403, 404, 429, 500, 503].map((status) => ({ kind: 'status' as const, status })),
  { kind: 'page' },
  { kind: 'noise' },
  { kind: 'hang' },
  { kind: 'lose' },
  { kind: 'lose' },
  { kind: 'cut', in: 'answer', afterBytes: 0 },
  { kind: 'cut', in: 'answer', afterBytes: 40 },
  { kind: 'reset', in: 'request', afterBytes: 40 },
]

export function drawSchedule(seed: number, deeds: number): Schedule {
  const random = numbersFrom(seed)
  const direction = pick(random, ['to_outer', 'to_inter', 'both', 'both'] as const)
  const policies = ['never', 'tracked', ...(direction === 'both' ? [] : (['mirror'] as const))] as const
  return {
    seed,
    options: {
      direction,
      delete_policy: pick(random, policies),
      tag_policy: pick(random, ['new-only', 'follow'] as const),
    },
    deeds: Array.from({ length: deeds }, () => drawDeed(random, direction)),
  }
}

function drawDeed(random: Random, direction: Schedule['options']['direction']): Deed {
  const kind = pick(random, KINDS)
  const source = direction === 'to_inter' ? 'external' : 'internal'
  switch (kind) {
    case 'push':
    case 'force':
    case 'rewind':
    case 'delete': {
      // Of a one-way binding the source is where most people work.
      const side = direction === 'both' || random() < 0.25 ? pick(random, SIDES) : source
      const ref = random() < 0.12 ? TAG : pick(random, BRANCHES)
      const tellings = pick(random, [0, 1, 1, 1, 2] as const)
      // No forge lets its default branch be deleted.
      return { kind: kind === 'delete' && ref === MAIN ? 'force' : kind, side, ref, tellings }
    }
    case 'fault': {
      const times = 1 + Math.floor(random() * 3)
      return { kind, side: pick(random, SIDES), at: pick(random, STEPS), fault: pick(random, FAULTS), times }
    }
    case 'resolve':
      // The other side of a one-way binding may win too, but then it is no longer one way.
      return { kind, take: direction === 'both' ? pick(random, SIDES) : source }
    case 'sync':
      return { kind, force: direction !== 'both' && random() < 0.5 }
    case 'kill':
      return { kind, afterMs: Math.floor(random() * 300) }
    case 'late':
    case 'restore':
      return { kind }
  }
}

const WEIGHTS = {
  push: 40,
  force: 12,
  rewind: 4,
  delete: 10,
  fault: 14,
  resolve: 7,
  restore: 3,
  late: 4,
  sync: 4,
  kill: 2,
} as const satisfies Readonly<Record<Deed['kind'], number>>

const KINDS = kindsByWeight()

function kindsByWeight(): readonly Deed['kind'][] {
  const kinds: Deed['kind'][] = []
  for (const kind of typedKeys(WEIGHTS))
    for (let count = 0; count < WEIGHTS[kind]; count += 1) kinds.push(kind)
  return kinds
}

function typedKeys(weights: typeof WEIGHTS): readonly Deed['kind'][] {
  const isKind = (key: string): key is Deed['kind'] => key in weights
  return Object.keys(weights).filter(isKind)
}

export type Random = () => number

/** Numbers from 0 to 1 that follow from one (mulberry32). */
export function numbersFrom(seed: number): Random {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

export function pick<T>(random: Random, from: readonly T[]): T {
  const one = from[Math.floor(random() * from.length)]
  if (one === undefined) throw new Error('there is nothing to pick from')
  return one
}
