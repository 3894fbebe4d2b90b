import { sourceSide } from '../binding/binding.ts'
import type { Direction, Side } from '../binding/binding.ts'
import type { BindingForRun } from '../binding/for-run.ts'
import type { RefName, Sha } from '../git/refs.ts'
import type { SyncOutcome, SyncRequest } from '../sync/sync.ts'
import type { Agreed } from './agreed.ts'
import type { Run, WorkItem, WorkRef } from './run.ts'

// From what was asked to what the sync room is to do. Pure.

type Pass =
  | { readonly kind: 'sync'; readonly request: SyncRequest }
  | { readonly kind: 'settled'; readonly outcome: SyncOutcome }
  /** The forge of this side pulls by itself, and is only asked to do so now. */
  | { readonly kind: 'mirror'; readonly side: Side }

/**
 * One pass per direction that was asked for. In a two-way binding a push only tells where to look first, so
 * pushes on both sides are one pass; a person who names refs and a direction gets just that direction.
 */
export function planPasses(
  run: Pick<Run, 'work' | 'subject'>,
  { binding, remotes, branches, mirror }: BindingForRun,
  { refs: agreed, isEmpty: isNew }: Agreed,
): readonly Pass[] {
  const isTwoWay = binding.direction === 'both'
  const wayOf = (item: WorkItem): Direction => (isTwoWay && !item.named ? 'both' : item.direction)
  return [...Map.groupBy(run.work, wayOf)].map(([direction, items]): Pass => {
    if (mirror !== undefined && direction !== 'both' && sourceSide(direction) !== mirror) {
      return { kind: 'mirror', side: mirror }
    }
    const isWhole = items.some((item) => item.scope === 'all')
    const refs = new Map<RefName, WorkRef>()
    if (isWhole && binding.granularity === 'one') {
      for (const branch of branches) refs.set(branch.internal, { ...branch, after: null })
    }
    const forced: RefName[] = []
    for (const item of items) {
      if (item.scope === 'all') continue
      for (const ref of item.scope) {
        // A head that a person asked about is looked up, whatever a delivery said of it.
        refs.set(ref.internal, item.named || item.force ? { ...ref, after: null } : ref)
        if (item.force) forced.push(ref.internal)
      }
    }
    const forcesAll = items.some((item) => item.scope === 'all' && item.force)
    // What was never synced has nothing agreed: then the whole repository is compared once.
    const isFirst = isNew && !items.some((item) => item.named)
    const takesAll = binding.granularity === 'all' && (isWhole || isFirst)
    const known = takesAll ? [] : [...refs.values()].filter((ref) => isKnown(ref, agreed))
    if (!takesAll && known.length === refs.size) {
      return { kind: 'settled', outcome: alreadyEqual(known, direction, agreed) }
    }
    const scope = takesAll
      ? ('all' as const)
      : [...refs.values()].map(({ internal, external }) => ({ internal, external }))
    const hints = new Map(
      [...refs.values()].flatMap(({ internal, after }) => (after === null ? [] : [[internal, after]])),
    )
    return {
      kind: 'sync',
      request: {
        subject: run.subject,
        remotes,
        direction,
        scope,
        ...(direction === 'both' ? pushedOn(items) : {}),
        force: forcesAll ? 'all' : forced.length > 0 ? forced : 'none',
        agreed,
        ...(takesAll ? {} : { hints }),
      },
    }
  })
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
    backups: [],
    agreed: new Map(),
    failure: undefined,
  }
}
