import { SIDES } from '../../src/binding/binding.ts'
import type { Side } from '../../src/binding/binding.ts'
import type { Sha } from '../../src/git/refs.ts'
import { otherSide } from '../../src/sync/sides.ts'
import type { Hands } from '../rig/hands.ts'
import type { Move } from './ledger.ts'
import type { ConflictOnWire } from './rest.ts'
import type { Schedule } from './schedule.ts'

// What must hold of a binding at rest, told from what people did and from its rules alone.

type Heads = ReadonlyMap<string, Sha>

/** Whether the sides may differ in a ref without that being a conflict: only where a side lacks it, and is to. */
export function mayDiffer(
  { options, deeds }: Schedule,
  moves: readonly Move[],
  heads: Readonly<Record<Side, Heads>>,
): (ref: string) => boolean {
  const { direction, delete_policy: policy } = options
  return (ref) => {
    const lacking = SIDES.find((side) => !heads[side].has(ref))
    if (lacking === undefined) return false
    if (direction === 'both') return policy === 'never' && hasDeleted(moves, lacking, ref)
    const source = direction === 'to_outer' ? 'internal' : 'external'
    // What the source has is made at the target, always.
    if (lacking !== source || policy === 'mirror') return false
    if (policy === 'never') return true
    // Tracked: what nobody saw equal is not ours. Where nothing went wrong, that is what people made there.
    const isUndisturbed = deeds.every(({ kind }) => kind !== 'fault' && kind !== 'kill')
    return !isUndisturbed || isMadeByPeople(moves, otherSide(source), ref)
  }
}

/** Conflicts that nobody gave a reason for, with what is odd about them. */
export function oddConflicts(
  { options }: Schedule,
  conflicts: readonly ConflictOnWire[],
  moves: readonly Move[],
  hands: Hands,
): readonly string[] {
  return conflicts.flatMap(({ ref, kind, internal, external }) => {
    const [inside, outside] = [internal.sha, external.sha]
    if (kind !== 'non_fast_forward' || inside === null || outside === null) return []
    const isIn = hands.isAncestor
    const behind = isIn(inside, outside) ? 'internal' : isIn(outside, inside) ? 'external' : undefined
    if (behind === undefined) return []
    const target = options.direction === 'to_outer' ? 'external' : 'internal'
    // The target only lags behind; nothing would be lost.
    if (options.direction !== 'both') return behind === target ? [`${ref} could go forward`] : []
    const isTakenBack = moves.some(
      ({ ref: moved, before, after }) =>
        moved === ref && before !== null && after !== null && !hands.isAncestor(before, after),
    )
    return isTakenBack ? [] : [`${ref} could go forward on ${behind}`]
  })
}

function hasDeleted(moves: readonly Move[], side: Side, ref: string): boolean {
  return moves.some(
    (move) => move.by === 'people' && move.side === side && move.ref === ref && move.after === null,
  )
}

function isMadeByPeople(moves: readonly Move[], side: Side, ref: string): boolean {
  return moves.some(
    (move) => move.by === 'people' && move.side === side && move.ref === ref && move.after !== null,
  )
}
