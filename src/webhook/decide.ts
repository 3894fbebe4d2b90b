import type { Binding, BranchBinding, Side } from '../binding/binding.ts'
import { allowsFrom, bindingSubject, directionFrom } from '../binding/binding.ts'
import { placeRef } from '../binding/rules.ts'
import type { Change, Changes } from '../forge/forge.ts'
import { branchRef, isBranchRef } from '../git/refs.ts'
import type { RefName, Sha } from '../git/refs.ts'
import type { Work, WorkItem, WorkRef } from '../run/run.ts'

/** Why an authentic delivery leads to no run; one word each, and a sentence for people. */
export type IgnoreReason =
  | 'ping'
  | 'test'
  | 'event'
  | 'unbound'
  | 'own_hook'
  | 'disabled'
  | 'direction'
  | 'branch'
  | 'rule'
  | 'deletion'
  | 'echo'
  | 'in_sync'

export const IGNORE_DETAILS: Readonly<Record<IgnoreReason, string>> = {
  ping: 'a ping: the webhook works',
  test: 'a test delivery: the webhook works, and no ref has moved',
  event: 'this event moves no branch or tag',
  unbound: 'no binding has this repository as one of its sides',
  own_hook: 'this side of the binding has a hook of its own, which alone may ask for its runs',
  disabled: 'the binding or the branch binding is disabled',
  direction: 'the binding does not carry changes from this side',
  branch: 'no branch binding names this branch',
  rule: 'the rules of the binding leave this branch or tag out',
  deletion: 'deletions are not carried over',
  echo: 'this is the result of our own push',
  in_sync: 'both sides already hold this commit',
}

/** A binding that a delivery's repository is one side of. */
export type Match = { readonly binding: Binding; readonly side: Side }

/** What is known in the transaction that stores the delivery. */
export type Knowledge = {
  readonly branches: readonly BranchBinding[]
  /** Per subject, the sha both sides last agreed on, by internal ref. */
  readonly agreed: (subject: string, ref: RefName) => Sha | undefined
  /** Whether a run of the subject is waiting or running: then nothing may be skipped. */
  readonly isBusy: (subject: string) => boolean
}

export type Decision = {
  /** Names of the bindings that the repository is a side of. */
  readonly bindings: readonly string[]
  readonly requests: readonly { readonly binding: Binding; readonly work: Work }[]
  /** Set when there are no requests. */
  readonly reason: IgnoreReason | undefined
}

/** Decides what an authentic delivery asks for. Pure; the hint may be wrong, so the run looks for itself. */
export function decide(changes: Changes, matches: readonly Match[], knowledge: Knowledge): Decision {
  if (changes.length === 0) return { bindings: [], requests: [], reason: 'event' }
  if (matches.length === 0) return { bindings: [], requests: [], reason: 'unbound' }
  const requests: { binding: Binding; work: Work }[] = []
  const reasons: IgnoreReason[] = []
  for (const { binding, side } of matches) {
    const considered =
      changes === 'all' ? considerAll(binding, side) : considerChanges(changes, binding, side, knowledge)
    reasons.push(...considered.reasons)
    const { scope } = considered
    if (scope === undefined) continue
    const item: WorkItem = { direction: directionFrom(side), scope, force: false, named: false }
    requests.push({ binding, work: [item] })
  }
  const bindings = [...new Set(matches.map(({ binding }) => binding.name))]
  return { bindings, requests, reason: requests.length === 0 ? reasons[0] : undefined }
}

type Considered = {
  /** Undefined when there is nothing to do. */
  readonly scope: WorkItem['scope'] | undefined
  readonly reasons: readonly IgnoreReason[]
}

function considerAll(binding: Binding, side: Side): Considered {
  if (!binding.enabled) return { scope: undefined, reasons: ['disabled'] }
  if (!allowsFrom(binding.direction, side)) return { scope: undefined, reasons: ['direction'] }
  return { scope: 'all', reasons: [] }
}

function considerChanges(
  changes: readonly Change[],
  binding: Binding,
  side: Side,
  knowledge: Knowledge,
): Considered {
  const refs: WorkRef[] = []
  const reasons: IgnoreReason[] = []
  for (const change of changes) {
    const wanted = considerChange(change, binding, side, knowledge)
    if (typeof wanted === 'string') reasons.push(wanted)
    else refs.push(wanted)
  }
  return { scope: refs.length === 0 ? undefined : refs, reasons }
}

function considerChange(
  change: Change,
  binding: Binding,
  side: Side,
  knowledge: Knowledge,
): WorkRef | IgnoreReason {
  if (!binding.enabled) return 'disabled'
  const ref = pairOf(change.ref, binding, side, knowledge.branches)
  if (typeof ref === 'string') return ref
  const subject = bindingSubject(binding.id)
  const isEqual =
    change.after !== null &&
    !knowledge.isBusy(subject) &&
    knowledge.agreed(subject, ref.internal) === change.after
  if (isEqual) return binding.direction === directionFrom(side) ? 'in_sync' : 'echo'
  if (!allowsFrom(binding.direction, side)) return 'direction'
  if (!change.deleted) return { ...ref, after: change.after }
  const { deletePolicy } = binding.rules
  if (deletePolicy === 'never') return 'deletion'
  // What both sides agree is gone, or never had in common, is not missed by anybody.
  const isGone = deletePolicy === 'tracked' && knowledge.agreed(subject, ref.internal) === undefined
  if (isGone && !knowledge.isBusy(subject)) return binding.direction === 'both' ? 'echo' : 'deletion'
  return { ...ref, after: null, deleted: true }
}

function pairOf(
  ref: RefName,
  binding: Binding,
  side: Side,
  branches: readonly BranchBinding[],
): Omit<WorkRef, 'after'> | IgnoreReason {
  if (binding.granularity === 'all') {
    const placed = placeRef(binding.rules, side, ref)
    return typeof placed === 'string' ? 'rule' : { ...placed, branchId: null }
  }
  if (!isBranchRef(ref)) return 'branch'
  const branch = branches.find(
    (known) =>
      known.bindingId === binding.id &&
      branchRef(side === 'internal' ? known.internalBranch : known.externalBranch) === ref,
  )
  if (branch === undefined) return 'branch'
  if (!branch.enabled) return 'disabled'
  return {
    internal: branchRef(branch.internalBranch),
    external: branchRef(branch.externalBranch),
    branchId: branch.id,
  }
}
