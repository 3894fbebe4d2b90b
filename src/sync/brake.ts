import type { PlannedRef } from './plan.ts'

// The mass-change brake: what rules alone would delete or overwrite in one go waits for a person when it is much.
// Somebody who empties a repository by mistake does not empty the other one.

const ALWAYS_TOO_MANY = 10
const ALWAYS_FEW = 2
const TOO_LARGE_A_SHARE = 0.2

/** The same plan, with the changes that have to wait turned into ones that nobody has decided. */
export function holdMassChanges(planned: readonly PlannedRef[]): readonly PlannedRef[] {
  const destructive = planned.filter(takesAway).length
  const held = planned.filter(isAtTarget).length
  const isTooMany =
    destructive > ALWAYS_TOO_MANY || (destructive > ALWAYS_FEW && destructive > held * TOO_LARGE_A_SHARE)
  return isTooMany ? planned.map((entry) => (takesAway(entry) ? hold(entry) : entry)) : planned
}

type Destructive = Extract<PlannedRef, { readonly kind: 'delete' | 'tag_moved' }>

function takesAway(entry: PlannedRef): entry is Destructive {
  return (entry.kind === 'delete' || entry.kind === 'tag_moved') && entry.allowed === 'policy'
}

function isAtTarget(entry: PlannedRef): boolean {
  return entry.kind === 'missing' ? entry.held !== null : entry.kind !== 'send' || entry.before !== null
}

function hold(entry: Destructive): PlannedRef {
  const { pair, from, before } = entry
  const after = entry.kind === 'tag_moved' ? entry.after : null
  return { kind: 'undecided', pair, from, before, after, why: 'held' }
}
