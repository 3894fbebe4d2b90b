import { bothLanguages } from '../domain-error.ts'
import type { GitErrorKind } from '../git/git-error.ts'
import type { RefName, Sha } from '../git/refs.ts'
import type { RefOutcome, SyncOutcome } from '../sync/sync.ts'
import { outcomeCode, SUCCESS } from './codes.ts'
import type { AttemptEnd } from './run.ts'

/**
 * Turns what the syncs of one attempt reported into how the attempt is recorded. A source ref that is not
 * there is an error when somebody named it; after a push it was merely deleted again, which is no news.
 */
export function judgeAttempt(
  outcomes: readonly SyncOutcome[],
  canHeal: (kind: GitErrorKind) => boolean,
  named: ReadonlySet<RefName> = new Set(),
  known: ReadonlyMap<RefName, Sha> = new Map(),
): AttemptEnd {
  const refs = outcomes
    .flatMap((outcome) => outcome.refs)
    .map((ref): RefOutcome =>
      ref.kind === 'ref_missing'
        ? { ...ref, result: named.has(ref.pair.internal) ? 'rejected' : 'up_to_date' }
        : ref,
    )
  const facts = {
    refs,
    steps: outcomes.flatMap((outcome) => outcome.steps),
    agreed: new Map(
      outcomes.flatMap(({ agreed }) => [...agreed].filter(([ref, sha]) => (known.get(ref) ?? null) !== sha)),
    ),
    missing: new Map(outcomes.flatMap(({ missing }) => [...missing])),
    defaultBranches: undefined,
    failure: null,
  }
  const failure = outcomes.find((outcome) => outcome.failure !== undefined)?.failure
  if (failure !== undefined) {
    const status = failure.kind === 'canceled' ? 'canceled' : 'failed'
    const detail = failure.side === undefined ? failure.detail : `${failure.side}: ${failure.detail}`
    const { kind, side } = failure
    return { ...facts, ...explain(kind, detail), failure: { kind, side }, status, canHeal: canHeal(kind) }
  }
  const rejected = refs.filter((ref) => ref.result === 'rejected')
  const refused = rejected[0]
  if (refused !== undefined) {
    const kind = refused.kind ?? 'unknown'
    const healable = rejected.some((ref) => canHeal(ref.kind ?? 'unknown'))
    return { ...facts, ...explain(kind, describe(rejected)), status: 'failed', canHeal: healable }
  }
  const conflicts = refs.filter((ref) => ref.result === 'conflict')
  const conflict = conflicts[0]
  if (conflict !== undefined) {
    const kind = conflict.kind ?? 'non_fast_forward'
    return { ...facts, ...explain(kind, describe(conflicts)), status: 'conflict', canHeal: false }
  }
  return { ...facts, ...SUCCESS, hint: null, detail: null, status: 'succeeded', canHeal: false }
}

function explain(
  kind: GitErrorKind,
  detail: string,
): Pick<AttemptEnd, 'code' | 'message' | 'hint' | 'detail'> {
  const { code, message, hint } = outcomeCode(kind)
  return { code, message, hint: bothLanguages(hint), detail }
}

const DESCRIBED_REFS = 20

function describe(refs: readonly RefOutcome[]): string {
  const lines = refs.slice(0, DESCRIBED_REFS).map(({ direction, pair, reason, kind }) => {
    const target = direction === 'to_outer' ? pair.external : pair.internal
    return `${target}: ${reason ?? kind ?? 'refused'}`
  })
  if (refs.length > DESCRIBED_REFS) lines.push(`… ${refs.length - DESCRIBED_REFS} more`)
  return lines.join('; ')
}
