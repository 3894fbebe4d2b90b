import { sourceSide } from '../binding/binding.ts'
import type { Direction, Side } from '../binding/binding.ts'
import type { BindingForRun } from '../binding/for-run.ts'
import { placeRef, takesEverything } from '../binding/rules.ts'
import type { Rules } from '../binding/rules.ts'
import type { RefName, Sha } from '../git/refs.ts'
import type { Evidence, Missing, SeenHeads, SyncOutcome, SyncRequest, SyncRules } from '../sync/sync.ts'
import type { Agreed } from './agreed.ts'
import { SECOND_LOOK_AFTER } from './evidence.ts'
import type { Run, WorkItem, WorkRef } from './run.ts'

// From what was asked to what the sync room is to do. Pure.

type Pass =
  | { readonly kind: 'sync'; readonly request: SyncRequest }
  | { readonly kind: 'settled'; readonly outcome: SyncOutcome }
  /** The forge of this side pulls by itself, and is only asked to do so now. */
  | { readonly kind: 'mirror'; readonly side: Side }

/** What is known of the subject from before. */
export type Known = {
  readonly agreed: Agreed
  readonly missing: ReadonlyMap<RefName, Missing>
  readonly conflicts: ReadonlyMap<RefName, SeenHeads>
}

type PlannedRun = Pick<Run, 'work' | 'subject' | 'dryRun'>

/**
 * One pass per direction that was asked for. In a two-way binding a push only tells where to look first, so
 * pushes on both sides are one pass; a person who names refs and a direction gets just that direction.
 */
export function planPasses(run: PlannedRun, subject: BindingForRun, known: Known): readonly Pass[] {
  const isTwoWay = subject.binding.direction === 'both'
  const wayOf = (item: WorkItem): Direction => (isTwoWay && !item.named ? 'both' : item.direction)
  const restores = run.work.flatMap((item) => planRestores(run, item, subject, known))
  const others = run.work.filter(({ scope }) => scope === 'all' || scope.some(({ restore }) => !restore))
  const syncs = [...Map.groupBy(others, wayOf)].map(([direction, items]) =>
    planPass(run, direction, items, subject, known),
  )
  return [...restores, ...syncs]
}

function planPass(
  run: PlannedRun,
  direction: Direction,
  items: readonly WorkItem[],
  subject: BindingForRun,
  known: Known,
): Pass {
  const { binding, mirror } = subject
  const { refs: agreed, isEmpty: isNew } = known.agreed
  if (mirror !== undefined && direction !== 'both' && sourceSide(direction) !== mirror) {
    return { kind: 'mirror', side: mirror }
  }
  const wanted = collectRefs(items, subject)
  // What was never synced has nothing agreed: then the whole repository is compared once.
  const isFirst = isNew && !items.some((item) => item.named)
  const takesAll = binding.granularity === 'all' && (wanted.isWhole || isFirst)
  const equal = takesAll ? [] : [...wanted.refs.values()].filter((ref) => isKnown(ref, agreed))
  if (!takesAll && equal.length === wanted.refs.size) {
    return { kind: 'settled', outcome: alreadyEqual(equal, direction, agreed) }
  }
  const scope = takesAll
    ? ('all' as const)
    : [...wanted.refs.values()].map(({ internal, external }) => ({ internal, external }))
  const forcesAll = items.some((item) => item.scope === 'all' && item.force)
  return {
    kind: 'sync',
    request: {
      ...baseOf(run, subject, known),
      direction,
      scope,
      ...(direction === 'both' ? pushedOn(items) : {}),
      force: forcesAll ? 'all' : wanted.forced.length > 0 ? wanted.forced : 'none',
      evidence: evidenceOf(known, wanted.deleted),
      decided: wanted.decided,
    },
  }
}

type Wanted = {
  readonly isWhole: boolean
  readonly refs: ReadonlyMap<RefName, WorkRef>
  readonly forced: readonly RefName[]
  readonly deleted: ReadonlyMap<RefName, Side>
  readonly decided: ReadonlyMap<RefName, SeenHeads>
}

function collectRefs(items: readonly WorkItem[], { binding, branches }: BindingForRun): Wanted {
  const isWhole = items.some((item) => item.scope === 'all')
  const refs = new Map<RefName, WorkRef>()
  const forced: RefName[] = []
  const deleted = new Map<RefName, Side>()
  const decided = new Map<RefName, SeenHeads>()
  if (isWhole && binding.granularity === 'one') {
    for (const branch of branches) refs.set(branch.internal, { ...branch, after: null })
  }
  for (const item of items) {
    if (item.scope === 'all') continue
    for (const ref of item.scope) {
      if (ref.restore !== undefined) continue
      // A head that a person asked about is looked up, whatever a delivery said of it.
      refs.set(ref.internal, item.named || item.force ? { ...ref, after: null } : ref)
      if (ref.seen !== undefined) decided.set(ref.internal, ref.seen)
      else if (item.force) forced.push(ref.internal)
      if (ref.deleted === true && item.direction !== 'both') {
        deleted.set(ref.internal, sourceSide(item.direction))
      }
    }
  }
  return { isWhole, refs, forced, deleted, decided }
}

function planRestores(
  run: PlannedRun,
  item: WorkItem,
  subject: BindingForRun,
  known: Known,
): readonly Pass[] {
  if (item.scope === 'all') return []
  return item.scope.flatMap(({ internal, external, restore }): readonly Pass[] => {
    if (restore === undefined) return []
    const pair = { internal, external }
    const request: SyncRequest = {
      ...baseOf(run, subject, known),
      direction: item.direction,
      scope: [pair],
      force: 'none',
      evidence: evidenceOf(known, new Map()),
      decided: new Map(),
      restore: { ...restore, pair },
    }
    return [{ kind: 'sync', request }]
  })
}

function baseOf(
  { subject: name, dryRun }: PlannedRun,
  { binding, remotes, subject }: BindingForRun,
  { agreed, conflicts }: Known,
) {
  return {
    subject: name,
    remotes,
    rules: toSyncRules(binding.rules),
    lfs: binding.rules.lfs,
    agreed: agreed.refs,
    knownConflicts: conflicts,
    ...(dryRun ? { dryRunOf: subject } : {}),
  }
}

function evidenceOf({ missing }: Known, deleted: ReadonlyMap<RefName, Side>): Evidence {
  return { deleted, missing, secondLookAfterMs: SECOND_LOOK_AFTER }
}

export function toSyncRules(rules: Rules): SyncRules {
  return {
    pairOf: (side, ref) => {
      const placed = placeRef(rules, side, ref)
      return typeof placed === 'string' ? undefined : placed
    },
    takesEverything: takesEverything(rules),
    tagPolicy: rules.tagPolicy,
    deletePolicy: rules.deletePolicy,
  }
}

/** The side that all pushes came from, when it is one. */
function pushedOn(items: readonly WorkItem[]): { readonly pushedOn?: Side } {
  const directions = new Set(items.map((item) => item.direction))
  const [only] = directions
  if (directions.size !== 1 || only === undefined || only === 'both') return {}
  return { pushedOn: sourceSide(only) }
}

/** Our own push, or one that a sync before this already carried over. */
function isKnown(ref: WorkRef, agreed: ReadonlyMap<RefName, Sha>): boolean {
  return ref.after !== null && agreed.get(ref.internal) === ref.after
}

function alreadyEqual(
  refs: readonly WorkRef[],
  direction: Direction,
  agreed: ReadonlyMap<RefName, Sha>,
): SyncOutcome {
  return {
    refs: refs.map((ref) => ({
      pair: { internal: ref.internal, external: ref.external },
      direction: direction === 'both' ? 'to_outer' : direction,
      before: agreed.get(ref.internal) ?? null,
      after: agreed.get(ref.internal) ?? null,
      result: 'up_to_date',
      kind: null,
      reason: 'both sides already hold this commit',
    })),
    steps: [],
    agreed: new Map(),
    missing: new Map(),
    defaultBranches: undefined,
    failure: undefined,
  }
}
