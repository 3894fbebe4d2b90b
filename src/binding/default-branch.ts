import type { RefName } from '../git/refs.ts'
import { directionFrom, otherSide, SIDES } from './binding.ts'
import type { Binding, Side } from './binding.ts'
import { placeRef } from './rules.ts'
import type { RefPair } from './rules.ts'

// What both sides show as their default branches, and which of them is to follow. Pure.

/** Null: the side is empty, or shows none. */
export type DefaultBranches = Readonly<Record<Side, RefName | null>>

/** Default branches that were each other's partners. */
export type EqualDefaults = Readonly<Record<Side, RefName>>

export type DefaultBranchLook =
  | { readonly kind: 'unknown' | 'equal' }
  /** The side `target` is to follow the other one, whose default branch it knows as `wanted`. */
  | { readonly kind: 'differs'; readonly target: Side; readonly wanted: RefName }
  /** The side `target` is to follow, but the default branch of the other one does not travel. */
  | { readonly kind: 'left_out'; readonly target: Side }
  /** Both sides have changed theirs since they were equal, or they never were: nobody can say who is right. */
  | { readonly kind: 'undecided' }

/**
 * Of a one-way binding the target is to follow the source; of a two-way binding, the side that has not changed since
 * they were `agreed`. `branches` are the pairs that a binding of single branches carries.
 */
export function judgeDefaults(
  { binding, branches }: { readonly binding: Binding; readonly branches: readonly RefPair[] },
  shown: DefaultBranches,
  agreed: EqualDefaults | undefined,
): DefaultBranchLook {
  const partnerOf = (side: Side, ref: RefName): RefName | undefined => {
    if (binding.granularity === 'one') return branches.find((pair) => pair[side] === ref)?.[otherSide(side)]
    const placed = placeRef(binding.rules, side, ref)
    return typeof placed === 'string' ? undefined : placed[otherSide(side)]
  }
  const source = sourceOf(binding, shown, agreed)
  const { internal, external } = shown
  if (source !== undefined) return judgeFrom(binding, source, shown, partnerOf)
  if (internal === null || external === null) return { kind: 'unknown' }
  return partnerOf('internal', internal) === external ? { kind: 'equal' } : { kind: 'undecided' }
}

function judgeFrom(
  { rules }: Binding,
  source: Side,
  shown: DefaultBranches,
  partnerOf: (side: Side, ref: RefName) => RefName | undefined,
): DefaultBranchLook {
  const target = otherSide(source)
  const [leading, following] = [shown[source], shown[target]]
  const isFollowed = rules.defaultBranch === 'follow'
  // A target that shows none may have branches that nobody sees at first sight.
  if (leading === null || (following === null && !isFollowed)) return { kind: 'unknown' }
  const wanted = partnerOf(source, leading)
  if (wanted === undefined) return isFollowed ? { kind: 'left_out', target } : { kind: 'unknown' }
  return wanted === following ? { kind: 'equal' } : { kind: 'differs', target, wanted }
}

/** The side that the other one is to follow, when there is just one. */
function sourceOf(
  { direction }: Binding,
  shown: DefaultBranches,
  agreed: EqualDefaults | undefined,
): Side | undefined {
  if (direction !== 'both') return SIDES.find((side) => directionFrom(side) === direction)
  if (agreed === undefined || SIDES.some((side) => shown[side] === null)) return undefined
  const [moved, ...others] = SIDES.filter((side) => shown[side] !== agreed[side])
  return others.length === 0 ? moved : undefined
}
