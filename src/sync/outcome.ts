import type { Direction, Side } from '../binding/binding.ts'
import type { GitErrorKind, GitFailure } from '../git/git-error.ts'
import type { RefName, Sha } from '../git/refs.ts'
import { otherSide, sourceOf, wayFrom } from './sides.ts'
import type { PlannedRef } from './plan.ts'
import type { Backup, RefOutcome, SyncFailure } from './sync.ts'

/** What a part of a sync has settled; parts are joined into the outcome of the whole. */
export type Settled = {
  readonly refs: readonly RefOutcome[]
  readonly backups: readonly Backup[]
  readonly failure: SyncFailure | undefined
}

export type Failed = { readonly ok: false; readonly failure: SyncFailure }

export const NOTHING_SETTLED: Settled = { refs: [], backups: [], failure: undefined }

export function failedOn(side: Side | undefined, failure: GitFailure): Failed {
  return { ok: false, failure: { kind: failure.kind, side, detail: failure.detail } }
}

/** Joins what was settled earlier with what followed; a change stays a change when a repetition finds it made. */
export function joinSettled(earlier: Settled, later: Settled): Settled {
  const refs = new Map(earlier.refs.map((outcome) => [pairKey(outcome), outcome]))
  for (const outcome of later.refs) {
    const known = refs.get(pairKey(outcome))
    const isRepetition = known !== undefined && hasChanged(known) && outcome.result === 'up_to_date'
    if (!isRepetition) refs.set(pairKey(outcome), outcome)
  }
  return {
    refs: [...refs.values()],
    backups: [...earlier.backups, ...later.backups],
    failure: later.failure,
  }
}

/** What both sides now hold, as far as a server confirmed it. */
export function agreedFrom(refs: readonly RefOutcome[]): ReadonlyMap<RefName, Sha> {
  const agreed = new Map<RefName, Sha>()
  for (const { pair, result, after, kind } of refs) {
    const isEqual = result === 'created' || result === 'updated' || (result === 'up_to_date' && kind === null)
    if (isEqual && after !== null) agreed.set(pair.internal, after)
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
      return [tagMovedOutcome(planned)]
    case 'send':
    case 'diverged':
      return []
  }
}

/** Says in one line why two heads cannot be made equal. */
export function conflictReason(
  kind: GitErrorKind,
  way: RefOutcome['direction'],
  before: Sha | null,
  after: Sha,
): string {
  const source = sourceOf(way)
  const target = otherSide(source)
  const heads =
    before === null ? `${source} ${short(after)}` : `${source} ${short(after)}, ${target} ${short(before)}`
  return kind === 'tag_moved'
    ? `the tag points at another object on each side (${heads})`
    : `${target} holds commits that ${source} does not have (${heads})`
}

export function short(sha: Sha): string {
  return sha.slice(0, 7)
}

function tagMovedOutcome(planned: Extract<PlannedRef, { readonly kind: 'tag_moved' }>): RefOutcome {
  const { pair, from, before, after } = planned
  const direction = wayFrom(from)
  const reason = conflictReason('tag_moved', direction, before, after)
  return { pair, direction, before, after, result: 'conflict', kind: 'tag_moved', reason }
}

function missingOutcome(planned: Extract<PlannedRef, { readonly kind: 'missing' }>): RefOutcome {
  const { pair, on, held, wasAgreed } = planned
  const common = { pair, direction: wayFrom(on), before: held, after: held, kind: 'ref_missing' as const }
  if (!wasAgreed) return { ...common, result: 'rejected', reason: `${pair[on]} does not exist on ${on}` }
  const reason =
    held === null
      ? 'deleted on both sides'
      : `deleted on ${on}, kept on ${otherSide(on)}: deletions do not travel`
  return { ...common, result: 'up_to_date', reason }
}

function hasChanged(outcome: RefOutcome): boolean {
  return outcome.result === 'created' || outcome.result === 'updated'
}

function pairKey({ pair }: RefOutcome): string {
  return `${pair.internal} ${pair.external}`
}
