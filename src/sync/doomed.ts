import type { Side } from '../binding/binding.ts'
import type { RefPair } from '../binding/rules.ts'
import { keepHeads } from './backup.ts'
import type { SyncContext } from './context.ts'
import { fetchHeads } from './fetch.ts'
import { NOTHING_SETTLED } from './outcome.ts'
import type { Failed, Settled } from './outcome.ts'
import type { Listing, PlannedRef } from './plan.ts'
import type { Offer } from './push.ts'
import { otherSide, wayFrom } from './sides.ts'
import type { BackupReason } from './sync.ts'

// Changes that take away exactly what was seen at the target: deletions, and what a person has decided.

type Exact = Extract<PlannedRef, { readonly kind: 'send' | 'delete' }>

export type Prepared = {
  readonly ok: true
  /** With a lease on what was kept. */
  readonly offers: Readonly<Record<Side, readonly Offer[]>>
  /** What the target no longer holds as it was seen, so that nothing was kept and nothing may be taken. */
  readonly settled: Settled
}

/**
 * Keeps what planned changes take away from their targets; the offers then carry a lease on just that. `fetched`
 * holds the heads of the sources as the mirror now has them.
 */
export async function prepareExact(
  context: SyncContext,
  planned: readonly PlannedRef[],
  fetched: Readonly<Record<Side, Listing>>,
): Promise<Prepared | Failed> {
  const exact = planned.filter(isExact)
  const internal = await prepareFrom(context, 'internal', exact, fetched.internal)
  if (!internal.ok) return internal
  const external = await prepareFrom(context, 'external', exact, fetched.external)
  if (!external.ok) return external
  const moved = [...internal.moved, ...external.moved]
  return {
    ok: true,
    offers: { internal: internal.offers, external: external.offers },
    settled: { ...NOTHING_SETTLED, refs: moved.map(toMoved) },
  }
}

/** Whether a change is meant for just the head that was seen. */
function isExact(entry: PlannedRef): entry is Exact {
  return entry.kind === 'delete' || (entry.kind === 'send' && entry.allowed === 'decided')
}

async function prepareFrom(
  context: SyncContext,
  from: Side,
  exact: readonly Exact[],
  sources: Listing,
): Promise<
  { readonly ok: true; readonly offers: readonly Offer[]; readonly moved: readonly Exact[] } | Failed
> {
  const target = otherSide(from)
  const own = exact.filter((entry) => entry.from === from)
  const losing = own.filter(({ before }) => before !== null)
  const held = await fetchHeads(
    context,
    target,
    losing.map(({ pair }) => pair[target]),
  )
  if (!held.ok) return held
  const moved = new Set<RefPair>()
  for (const entry of own) {
    if (entry.kind === 'send' && sources.get(entry.pair[from]) !== entry.after) moved.add(entry.pair)
  }
  const doomed = losing.flatMap(({ pair, before, kind }) => {
    const sha = held.heads.get(pair[target])
    const reason: BackupReason = kind === 'delete' ? 'deletion' : 'resolve'
    if (sha !== undefined && sha === before) return [{ ref: pair[target], sha, reason }]
    moved.add(pair)
    return []
  })
  const kept = await keepHeads(context, target, doomed)
  if (!kept.ok) return kept
  const offers = own
    .filter(({ pair }) => !moved.has(pair))
    .map((entry): Offer => {
      const sha = entry.kind === 'delete' ? null : entry.after
      return { pair: entry.pair, sha, before: entry.before, lease: entry.before }
    })
  return { ok: true, offers, moved: own.filter(({ pair }) => moved.has(pair)) }
}

function toMoved(entry: Exact): Settled['refs'][number] {
  const { pair, from, before } = entry
  return {
    pair,
    direction: wayFrom(from),
    before,
    after: entry.kind === 'delete' ? null : entry.after,
    result: 'rejected',
    kind: 'moved_meanwhile',
    reason: 'a side moved while this was being prepared',
  }
}
