import type { Direction, Side } from '../binding/binding.ts'
import type { RefPair } from '../binding/rules.ts'
import type { Sha } from '../git/refs.ts'
import type { Allowance, PlanInput, PlannedRef } from './plan.ts'
import { otherSide, sourceOf, wayFrom } from './sides.ts'

// A ref that one side lacks. It may be new on the other side, or deleted here, or this side may for a moment
// not show what it has. Only a deletion that the rules let travel, that is certain, and that hits exactly what
// was seen becomes one on the other side.

/** `unknown`: nobody ever had it; `gone`: both sides lack it; `awaiting`: a later look has to confirm it. */
export type MissingBecause = 'unknown' | 'gone' | 'never' | 'awaiting' | 'source_hidden' | 'default_branch'

type Heads = Readonly<Record<Side, Sha | undefined>>

/** `allowed`: who allowed to overwrite what may be in the way of a ref that is sent. */
export function planMissing(
  input: PlanInput,
  pair: RefPair,
  heads: Heads,
  allowed: Allowance | undefined,
): PlannedRef | undefined {
  const agreed = input.agreed.get(pair.internal)
  const on = missingSide(input.direction, heads)
  const held = heads[otherSide(on)]
  const missing = (because: MissingBecause): PlannedRef => ({
    kind: 'missing',
    pair,
    on,
    held: held ?? null,
    because,
  })
  if (held === undefined) {
    if (agreed !== undefined) return missing('gone')
    return input.scope === 'all' ? undefined : missing('unknown')
  }
  const mayCreate =
    input.direction === 'both' ? agreed === undefined : wayFrom(otherSide(on)) === input.direction
  if (mayCreate) {
    return { kind: 'send', pair, from: otherSide(on), before: null, after: held, allowed }
  }
  const { deletePolicy } = input.rules
  if (deletePolicy === 'never' || (deletePolicy === 'tracked' && agreed === undefined)) {
    if (agreed !== undefined) return missing('never')
    // What only the target has is none of a one-way sync's business, unless it came from here or was named.
    return input.scope === 'all' ? undefined : missing('unknown')
  }
  return planDeletion(input, pair, { on, held, agreed }, missing)
}

function planDeletion(
  input: PlanInput,
  pair: RefPair,
  { on, held, agreed }: { readonly on: Side; readonly held: Sha; readonly agreed: Sha | undefined },
  missing: (because: MissingBecause) => PlannedRef,
): PlannedRef {
  const target = otherSide(on)
  if (!isListingWhole(input, on)) return missing('source_hidden')
  if (pair[target] === input.defaultBranches[target]) return missing('default_branch')
  if (!isCertain(input, pair, on)) return missing('awaiting')
  // Deleted here while somebody worked on it there: neither may win by itself.
  if (input.rules.deletePolicy === 'tracked' && held !== agreed) {
    return { kind: 'undecided', pair, from: on, before: held, after: null, why: 'deletion_conflict' }
  }
  return { kind: 'delete', pair, from: on, before: held, allowed: 'policy' }
}

/** An empty answer, or one without its own default branch, says more about the server than about its branches. */
export function isListingWhole(
  { refs, defaultBranches }: Pick<PlanInput, 'refs' | 'defaultBranches'>,
  side: Side,
): boolean {
  const head = defaultBranches[side]
  return head !== null && refs[side].has(head)
}

function isCertain({ evidence, now }: PlanInput, pair: RefPair, on: Side): boolean {
  if (evidence.deleted.get(pair.internal) === on) return true
  const earlier = evidence.missing.get(pair.internal)
  return earlier?.side === on && now - earlier.since >= evidence.secondLookAfterMs
}

function missingSide(direction: Direction, heads: Heads): Side {
  if (direction !== 'both' && heads[sourceOf(direction)] === undefined) return sourceOf(direction)
  if (heads.internal !== undefined) return 'external'
  if (heads.external !== undefined) return 'internal'
  return 'internal'
}
