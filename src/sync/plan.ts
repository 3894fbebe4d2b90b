import type { Direction, Side } from '../binding/binding.ts'
import { isTagRef } from '../git/refs.ts'
import type { RefName, Sha } from '../git/refs.ts'
import { otherSide, sourceOf, wayFrom } from './sides.ts'
import type { RefPair, SyncRequest } from './sync.ts'

// What both sides hold, compared in memory. Nothing here knows history: a planned change is only ever
// offered to the target as a plain push, which a server accepts when nothing gets lost. A plan never
// contains a deletion: a ref that is missing on one side is kept on the other.

export type Listing = ReadonlyMap<RefName, Sha>

export type PlannedRef = { readonly pair: RefPair } & (
  | { readonly kind: 'equal'; readonly sha: Sha }
  /** The side `from` has what the other side lacks. */
  | { readonly kind: 'send'; readonly from: Side; readonly before: Sha | null; readonly mayForce: boolean }
  /** Both sides moved; whichever contains the other wins, or nobody does. */
  | { readonly kind: 'diverged'; readonly internal: Sha; readonly external: Sha }
  | {
      readonly kind: 'tag_moved'
      readonly from: Side
      readonly before: Sha
      readonly after: Sha
      readonly mayForce: boolean
    }
  /** A side lacks the ref and nobody may decide that it should get it; `wasAgreed` tells a deletion from a name that never was. */
  | {
      readonly kind: 'missing'
      readonly on: Side
      readonly held: Sha | null
      readonly wasAgreed: boolean
    }
)

export type PlanInput = Pick<SyncRequest, 'direction' | 'scope' | 'force' | 'agreed'> & {
  readonly refs: Readonly<Record<Side, Listing>>
}

/** One entry per ref pair that the request covers and that concerns it. */
export function planSync(input: PlanInput): readonly PlannedRef[] {
  const planned: PlannedRef[] = []
  for (const pair of coveredPairs(input)) {
    const entry = planPair(input, pair)
    if (entry !== undefined) planned.push(entry)
  }
  return planned
}

/**
 * Whether this looks like two repositories that have nothing to do with each other: never equal before,
 * no head in common now. Only their history can tell, so the caller has to look there.
 */
export function mayBeUnrelated(input: PlanInput): boolean {
  const { internal, external } = input.refs
  if (input.scope !== 'all' || input.force !== 'none' || input.agreed.size > 0) return false
  if (internal.size === 0 || external.size === 0) return false
  const heads = new Set(internal.values())
  return !external.values().some((sha) => heads.has(sha))
}

/** Whether a person allowed to overwrite the target of this pair. Two ways at once have no target, so nobody can. */
export function isForced(request: Pick<SyncRequest, 'direction' | 'force'>, pair: RefPair): boolean {
  if (request.direction === 'both' || request.force === 'none') return false
  return request.force === 'all' || request.force.includes(pair.internal)
}

function coveredPairs(input: PlanInput): readonly RefPair[] {
  if (input.scope !== 'all') return input.scope
  const names = new Set([...input.refs.internal.keys(), ...input.refs.external.keys()])
  return Array.from(names, (ref) => ({ internal: ref, external: ref }))
}

function planPair(input: PlanInput, pair: RefPair): PlannedRef | undefined {
  const internal = input.refs.internal.get(pair.internal)
  const external = input.refs.external.get(pair.external)
  if (internal !== undefined && internal === external) return { kind: 'equal', pair, sha: internal }
  if (internal !== undefined && external !== undefined)
    return planDifferent(input, pair, { internal, external })
  return planMissing(input, pair, { internal, external })
}

function planDifferent(input: PlanInput, pair: RefPair, heads: Readonly<Record<Side, Sha>>): PlannedRef {
  const from = movedSide(input.direction, heads, input.agreed.get(pair.internal))
  const mayForce = isForced(input, pair)
  if (isTagRef(pair.internal)) {
    const source = from ?? 'internal'
    return {
      kind: 'tag_moved',
      pair,
      from: source,
      before: heads[otherSide(source)],
      after: heads[source],
      mayForce,
    }
  }
  if (from === undefined) return { kind: 'diverged', pair, ...heads }
  return { kind: 'send', pair, from, before: heads[otherSide(from)], mayForce }
}

function movedSide(
  direction: Direction,
  heads: Readonly<Record<Side, Sha>>,
  agreed: Sha | undefined,
): Side | undefined {
  if (direction !== 'both') return sourceOf(direction)
  if (heads.internal === agreed) return 'external'
  if (heads.external === agreed) return 'internal'
  return undefined
}

function planMissing(
  input: PlanInput,
  pair: RefPair,
  heads: Readonly<Record<Side, Sha | undefined>>,
): PlannedRef | undefined {
  const wasAgreed = input.agreed.has(pair.internal)
  const on: Side = missingSide(input.direction, heads)
  const held = heads[otherSide(on)]
  const mayCreate = input.direction === 'both' ? !wasAgreed : wayFrom(otherSide(on)) === input.direction
  if (held !== undefined && mayCreate) {
    return { kind: 'send', pair, from: otherSide(on), before: null, mayForce: isForced(input, pair) }
  }
  // What only the target has is none of a one-way sync's business, unless it came from here or was named.
  if (input.scope === 'all' && !wasAgreed) return undefined
  return { kind: 'missing', pair, on, held: held ?? null, wasAgreed }
}

function missingSide(direction: Direction, heads: Readonly<Record<Side, Sha | undefined>>): Side {
  if (heads.internal !== undefined) return 'external'
  if (heads.external !== undefined) return 'internal'
  return direction === 'both' ? 'internal' : sourceOf(direction)
}
