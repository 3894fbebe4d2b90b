import type { Direction, Side } from '../binding/binding.ts'
import type { RefPair } from '../binding/rules.ts'
import { isTagRef } from '../git/refs.ts'
import type { RefName, Sha } from '../git/refs.ts'
import { isListingWhole, planMissing } from './plan-missing.ts'
import type { MissingBecause } from './plan-missing.ts'
import { otherSide, sourceOf } from './sides.ts'
import type { SyncRequest } from './sync.ts'

// What both sides hold, compared in memory. Nothing here knows history: a planned change is only ever
// offered to the target as a plain push, which a server accepts when nothing gets lost; what may overwrite or
// delete says who has allowed it.

export type Listing = ReadonlyMap<RefName, Sha>

/** `policy`: the rules of the binding; `person`: force, for whatever the target holds; `decided`: for exactly these heads. */
export type Allowance = 'policy' | 'person' | 'decided'

export type PlannedRef = { readonly pair: RefPair } & (
  | { readonly kind: 'equal'; readonly sha: Sha }
  /** The side `from` has what the other side lacks. */
  | {
      readonly kind: 'send'
      readonly from: Side
      readonly before: Sha | null
      readonly after: Sha
      /** Who allowed to overwrite what the target holds; undefined: nobody. */
      readonly allowed: Allowance | undefined
    }
  /** Both sides moved; whichever contains the other wins, or nobody does. */
  | { readonly kind: 'diverged'; readonly internal: Sha; readonly external: Sha }
  | {
      readonly kind: 'tag_moved'
      readonly from: Side
      readonly before: Sha
      readonly after: Sha
      readonly allowed: Allowance | undefined
    }
  /** The side `from` lacks the ref, and that is to be so on the other side too, which holds `before`. */
  | {
      readonly kind: 'delete'
      readonly from: Side
      readonly before: Sha
      readonly allowed: 'policy' | 'decided'
    }
  /** A side lacks the ref and nothing is to be done about that now. */
  | {
      readonly kind: 'missing'
      readonly on: Side
      readonly held: Sha | null
      readonly because: MissingBecause
    }
  /** Only a person can say what is to happen; `after` is what the side `from` holds. */
  | {
      readonly kind: 'undecided'
      readonly from: Side
      readonly before: Sha | null
      readonly after: Sha | null
      readonly why: 'deletion_conflict' | 'moved_meanwhile' | 'held'
    }
)

export type PlanInput = Pick<
  SyncRequest,
  'direction' | 'scope' | 'force' | 'agreed' | 'rules' | 'evidence' | 'decided'
> & {
  readonly refs: Readonly<Record<Side, Listing>>
  /** Null: the side is empty, or shows no default branch. */
  readonly defaultBranches: Readonly<Record<Side, RefName | null>>
  readonly now: number
}

/** One entry per ref pair that the request covers and that concerns it. */
export function planSync(input: PlanInput): readonly PlannedRef[] {
  const planned: PlannedRef[] = []
  for (const pair of [...coveredPairs(input), ...gonePairs(input)]) {
    const entry = planPair(input, pair)
    if (entry !== undefined) planned.push(entry)
  }
  return planned
}

/** What both sides once had and neither shows any more; whoever makes it again makes something new. */
function gonePairs(input: PlanInput): readonly RefPair[] {
  const { scope, agreed, refs, rules } = input
  if (scope !== 'all' || !isListingWhole(input, 'internal') || !isListingWhole(input, 'external')) return []
  return [...agreed.keys()].flatMap((ref) => {
    const pair = refs.internal.has(ref) ? undefined : rules.pairOf('internal', ref)
    return pair === undefined || refs.external.has(pair.external) ? [] : [pair]
  })
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

/** The pairs that a request is about, given what both sides hold. */
export function coveredPairs({
  scope,
  refs,
  rules,
}: Pick<PlanInput, 'scope' | 'refs' | 'rules'>): Iterable<RefPair> {
  if (scope !== 'all') return scope
  const pairs = new Map<RefName, RefPair>()
  for (const side of ['internal', 'external'] as const) {
    for (const ref of refs[side].keys()) {
      const pair = rules.pairOf(side, ref)
      if (pair !== undefined) pairs.set(pair.internal, pair)
    }
  }
  return pairs.values()
}

function planPair(input: PlanInput, pair: RefPair): PlannedRef | undefined {
  const internal = input.refs.internal.get(pair.internal)
  const external = input.refs.external.get(pair.external)
  const seen = input.decided.get(pair.internal)
  if (internal !== undefined && internal === external) return { kind: 'equal', pair, sha: internal }
  if (seen !== undefined && input.direction !== 'both') {
    return planDecided(input.direction, pair, seen, {
      internal: internal ?? null,
      external: external ?? null,
    })
  }
  const person = isForced(input, pair) ? 'person' : undefined
  if (internal !== undefined && external !== undefined)
    return planDifferent(input, pair, { internal, external }, person)
  return planMissing(input, pair, { internal, external }, person)
}

function planDecided(
  direction: Exclude<Direction, 'both'>,
  pair: RefPair,
  seen: Readonly<Record<Side, Sha | null>>,
  heads: Readonly<Record<Side, Sha | null>>,
): PlannedRef {
  const from = sourceOf(direction)
  const [after, before] = [heads[from], heads[otherSide(from)]]
  if (heads.internal !== seen.internal || heads.external !== seen.external) {
    return { kind: 'undecided', pair, from, before, after, why: 'moved_meanwhile' }
  }
  if (after !== null) return { kind: 'send', pair, from, before, after, allowed: 'decided' }
  if (before !== null) return { kind: 'delete', pair, from, before, allowed: 'decided' }
  return { kind: 'missing', pair, on: from, held: null, because: 'gone' }
}

function planDifferent(
  input: PlanInput,
  pair: RefPair,
  heads: Readonly<Record<Side, Sha>>,
  person: Allowance | undefined,
): PlannedRef {
  const from = movedSide(input.direction, heads, input.agreed.get(pair.internal))
  if (isTagRef(pair.internal)) {
    const source = from ?? 'internal'
    const follows = input.rules.tagPolicy === 'follow' && from !== undefined
    const allowed = person ?? (follows ? 'policy' : undefined)
    const [before, after] = [heads[otherSide(source)], heads[source]]
    return { kind: 'tag_moved', pair, from: source, before, after, allowed }
  }
  if (from === undefined) return { kind: 'diverged', pair, ...heads }
  return { kind: 'send', pair, from, before: heads[otherSide(from)], after: heads[from], allowed: person }
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
