import type { Direction, Side } from '../binding/binding.ts'
import type { GitErrorKind, GitFailure } from '../git/git-error.ts'
import type { RefName, Sha } from '../git/refs.ts'
import { otherSide, sourceOf, wayFrom } from './sides.ts'
import type { PlannedRef } from './plan.ts'
import type { RefOutcome, SyncFailure, SyncOutcome } from './sync.ts'

/** What a part of a sync has settled; parts are joined into the outcome of the whole. */
export type Settled = Pick<SyncOutcome, 'refs' | 'missing' | 'defaultBranches' | 'failure'>

export type Failed = { readonly ok: false; readonly failure: SyncFailure }

export const NOTHING_SETTLED: Settled = {
  refs: [],
  missing: new Map(),
  defaultBranches: undefined,
  failure: undefined,
}

export function failedOn(side: Side | undefined, failure: GitFailure): Failed {
  return { ok: false, failure: { kind: failure.kind, side, detail: failure.detail } }
}

/** Joins what was settled earlier with what followed; a change stays a change when a repetition finds it made. */
export function joinSettled(earlier: Settled, later: Settled): Settled {
  const refs = new Map(earlier.refs.map((outcome) => [pairKey(outcome), outcome]))
  for (const outcome of later.refs) {
    const known = refs.get(pairKey(outcome))
    const isRepetition = known !== undefined && hasChanged(known) && isAtRest(outcome)
    if (!isRepetition) refs.set(pairKey(outcome), outcome)
  }
  return {
    refs: [...refs.values()],
    missing: new Map([...earlier.missing, ...later.missing]),
    defaultBranches: later.defaultBranches ?? earlier.defaultBranches,
    failure: later.failure,
  }
}

/** What both sides now hold, as far as a server confirmed it; null: that they hold nothing. */
export function agreedFrom(refs: readonly RefOutcome[]): ReadonlyMap<RefName, Sha | null> {
  const agreed = new Map<RefName, Sha | null>()
  for (const { pair, result, before, after, kind } of refs) {
    const isEqual = result === 'created' || result === 'updated' || (result === 'up_to_date' && kind === null)
    if (isEqual && after !== null) agreed.set(pair.internal, after)
    const isGone =
      result === 'deleted' || (result === 'up_to_date' && kind === 'ref_missing' && before === null)
    if (isGone) agreed.set(pair.internal, null)
  }
  return agreed
}

/** The outcome of a planned ref when nothing is sent for it, or as long as nothing was. */
export function outcomesAtRest(planned: PlannedRef, direction: Direction): readonly RefOutcome[] {
  switch (planned.kind) {
    case 'equal': {
      const { pair, sha } = planned
      const way = direction === 'both' ? 'to_outer' : direction
      return [
        { pair, direction: way, before: sha, after: sha, result: 'up_to_date', kind: null, reason: null },
      ]
    }
    case 'missing':
      return [missingOutcome(planned)]
    case 'tag_moved':
      return [conflictOutcome(planned, 'tag_moved')]
    case 'undecided':
      return [conflictOutcome(planned, planned.why)]
    case 'send':
    case 'diverged':
    case 'delete':
      return []
  }
}

/** Says in one line why two heads cannot be made equal. */
export function conflictReason(
  kind: GitErrorKind,
  way: RefOutcome['direction'],
  before: Sha | null,
  after: Sha | null,
): string {
  const source = sourceOf(way)
  const target = otherSide(source)
  const heads = [
    `${source} ${after === null ? 'nothing' : short(after)}`,
    ...(before === null ? [] : [`${target} ${short(before)}`]),
  ].join(', ')
  switch (kind) {
    case 'tag_moved':
      return `the tag points at another object on each side (${heads})`
    case 'deletion_conflict':
      return `deleted on ${source} while ${target} got other commits (${heads})`
    case 'moved_meanwhile':
      return `a side has moved since that was decided (${heads}): look again`
    case 'held':
      return after === null
        ? `would be deleted on ${target} together with many others, which waits for a confirmation (${heads})`
        : `would be overwritten on ${target} together with many others, which waits for a confirmation (${heads})`
    default:
      return `${target} holds commits that ${source} does not have (${heads})`
  }
}

export function short(sha: Sha): string {
  return sha.slice(0, 7)
}

function conflictOutcome(
  planned: Extract<PlannedRef, { readonly kind: 'tag_moved' | 'undecided' }>,
  kind: GitErrorKind,
): RefOutcome {
  const { pair, from, before, after } = planned
  const direction = wayFrom(from)
  const reason = conflictReason(kind, direction, before, after)
  return { pair, direction, before, after, result: 'conflict', kind, reason }
}

function missingOutcome(planned: Extract<PlannedRef, { readonly kind: 'missing' }>): RefOutcome {
  const { pair, on, held, because } = planned
  const common = { pair, direction: wayFrom(on), before: held, after: held, kind: 'ref_missing' as const }
  const kept = `deleted on ${on}, kept on ${otherSide(on)}`
  switch (because) {
    case 'unknown':
      return { ...common, result: 'rejected', reason: `${pair[on]} does not exist on ${on}` }
    case 'gone':
      return { ...common, result: 'up_to_date', reason: 'deleted on both sides' }
    case 'never':
      return { ...common, result: 'up_to_date', reason: `${kept}: deletions do not travel` }
    case 'awaiting':
      return {
        ...common,
        result: 'up_to_date',
        reason: `not found on ${on}, kept on ${otherSide(on)} until a second look confirms the deletion`,
      }
    case 'source_hidden':
      return {
        ...common,
        result: 'up_to_date',
        reason: `${kept}: ${on} shows no default branch, so its listing proves no deletion`,
      }
    case 'default_branch':
      return {
        ...common,
        result: 'up_to_date',
        reason: `${kept}, where it is the default branch, which is never deleted`,
      }
  }
}

function hasChanged({ result }: RefOutcome): boolean {
  return result === 'created' || result === 'updated' || result === 'deleted'
}

function isAtRest({ result, before, kind }: RefOutcome): boolean {
  return result === 'up_to_date' && (kind === null || before === null)
}

function pairKey({ pair }: RefOutcome): string {
  return `${pair.internal} ${pair.external}`
}
