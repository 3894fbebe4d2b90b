import type { RefName } from '../git/refs.ts'
import { otherSide, SIDES, sourceSide } from './binding.ts'
import type { Binding, Side } from './binding.ts'
import { placeRef } from './rules.ts'
import type { Rules } from './rules.ts'

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
 * they were `agreed`. A binding of single branches has nothing to say about the default one.
 */
export function judgeDefaults(
  binding: Pick<Binding, 'direction' | 'granularity' | 'rules'>,
  shown: DefaultBranches,
  agreed: EqualDefaults | undefined,
): DefaultBranchLook {
  if (binding.granularity === 'one') return { kind: 'unknown' }
  const source = sourceOf(binding, shown, agreed)
  if (source !== undefined) return judgeFrom(binding.rules, source, shown)
  const { internal, external } = shown
  if (internal === null || external === null) return { kind: 'unknown' }
  return partnerOf(binding.rules, 'internal', internal) === external
    ? { kind: 'equal' }
    : { kind: 'undecided' }
}

function judgeFrom(rules: Rules, source: Side, shown: DefaultBranches): DefaultBranchLook {
  const target = otherSide(source)
  const [leading, following] = [shown[source], shown[target]]
  const isFollowed = rules.defaultBranch === 'follow'
  // A target that shows none may have branches all the same, or will have them after the first sync.
  if (leading === null || (following === null && !isFollowed)) return { kind: 'unknown' }
  const wanted = partnerOf(rules, source, leading)
  if (wanted === undefined) return isFollowed ? { kind: 'left_out', target } : { kind: 'unknown' }
  return wanted === following ? { kind: 'equal' } : { kind: 'differs', target, wanted }
}

/** The side that the other one is to follow, when there is just one. */
function sourceOf(
  { direction }: Pick<Binding, 'direction'>,
  shown: DefaultBranches,
  agreed: EqualDefaults | undefined,
): Side | undefined {
  if (direction !== 'both') return sourceSide(direction)
  if (agreed === undefined || SIDES.some((side) => shown[side] === null)) return undefined
  const [moved, ...others] = SIDES.filter((side) => shown[side] !== agreed[side])
  return others.length === 0 ? moved : undefined
}

function partnerOf(rules: Rules, side: Side, ref: RefName): RefName | undefined {
  const placed = placeRef(rules, side, ref)
  return typeof placed === 'string' ? undefined : placed[otherSide(side)]
}
