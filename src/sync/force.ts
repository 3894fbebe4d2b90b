import type { Side } from '../binding/binding.ts'
import type { RefName } from '../git/refs.ts'
import { listRefs } from '../git/remote.ts'
import { keepHeads } from './backup.ts'
import type { Doomed } from './backup.ts'
import type { SyncContext } from './context.ts'
import { fetchHeads } from './fetch.ts'
import { failedOn, joinSettled, NOTHING_SETTLED } from './outcome.ts'
import type { Failed, Settled } from './outcome.ts'
import type { Listing } from './plan.ts'
import { pushOffers } from './push.ts'
import type { Offer } from './push.ts'
import { otherSide } from './sides.ts'
import type { BackupReason } from './sync.ts'

const MOST_LOOKS = 3

/**
 * Overwrites what the target holds, where a person or a rule allowed it: look what is there, keep it, then replace
 * exactly that. Somebody who pushes in between makes the server refuse, and the look is repeated. Without a
 * backup nothing is overwritten.
 */
export async function forceOffers(
  context: SyncContext,
  from: Side,
  offers: readonly Offer[],
  reason: BackupReason,
): Promise<Settled> {
  const target = otherSide(from)
  let settled: Settled = NOTHING_SETTLED
  let open = offers
  for (let look = 1; look <= MOST_LOOKS && open.length > 0; look += 1) {
    const held = await fetchHeld(
      context,
      target,
      open.map(({ pair }) => pair[target]),
    )
    if (!held.ok && held.failure.kind === 'ref_missing' && look < MOST_LOOKS) continue
    if (!held.ok) return joinSettled(settled, { ...NOTHING_SETTLED, failure: held.failure })
    const kept = await keepHeads(context, target, headsToLose(open, target, held.heads, reason))
    if (!kept.ok) return joinSettled(settled, { ...NOTHING_SETTLED, failure: kept.failure })

    const leased = open.map((offer) => {
      const seen = held.heads.get(offer.pair[target]) ?? null
      return { ...offer, before: seen, lease: seen }
    })
    const pushed = await pushOffers(context, from, leased, held.remoteRefs)
    if (!pushed.ok) return joinSettled(settled, { ...NOTHING_SETTLED, failure: pushed.failure })
    settled = joinSettled(settled, { ...NOTHING_SETTLED, refs: pushed.outcomes })
    const moved = new Set(
      pushed.outcomes.filter(({ kind }) => kind === 'moved_meanwhile').map(({ pair }) => pair),
    )
    open = open.filter(({ pair }) => moved.has(pair))
  }
  return settled
}

/** The heads that the target holds now, fetched so that they can be kept. */
async function fetchHeld(
  context: SyncContext,
  target: Side,
  refs: readonly RefName[],
): Promise<{ readonly ok: true; readonly heads: Listing; readonly remoteRefs: number } | Failed> {
  const { deps, request, signal } = context
  const listed = await context.timed('list', () => listRefs(deps.git, request.remotes[target], { signal }))
  if (!listed.ok) return failedOn(target, listed.failure)
  const present = refs.filter((ref) => listed.refs.has(ref))
  const fetched = await fetchHeads(context, target, present)
  return fetched.ok ? { ...fetched, remoteRefs: listed.refs.size } : fetched
}

function headsToLose(
  offers: readonly Offer[],
  target: Side,
  held: Listing,
  reason: BackupReason,
): readonly Doomed[] {
  const newHeads = new Map(offers.map(({ pair, sha }) => [pair[target], sha]))
  return Array.from(held, ([ref, sha]) => ({ ref, sha, reason })).filter(
    ({ ref, sha }) => newHeads.get(ref) !== sha,
  )
}
