import type { Side } from '../binding/binding.ts'
import { findPointers } from '../git/lfs-pointers.ts'
import type { LfsPointer, PointersByBlob } from '../git/lfs-pointers.ts'
import type { RefName, Sha } from '../git/refs.ts'
import type { SyncContext } from './context.ts'
import { findRefused } from './lfs-blame.ts'
import type { Unbrought } from './lfs-blame.ts'
import { carryObjects, isFailure } from './lfs-carry.ts'
import type { ObjectResult } from './lfs-carry.ts'
import { forgetKnown, NOTHING_KNOWN, readKnown, writeKnown } from './lfs-known.ts'
import type { Known } from './lfs-known.ts'
import { failedOn } from './outcome.ts'
import type { Failed } from './outcome.ts'
import type { Offer, Pushed } from './push.ts'
import { otherSide, wayFrom } from './sides.ts'
import type { RefOutcome, SyncFailure } from './sync.ts'

// LFS: a commit only names its large files, so they have to be at the target before the commit is.
//
// In:  the heads that are about to be pushed. Out: the outcome of pushing those whose objects the target has.
// Which objects a head needs is read from the mirror, between it and what the target is known to have; the
// servers are asked for those only. A head of which one object cannot be brought stays behind, typed.

/** An offer that is no deletion. */
export type HeadOffer = Offer & { readonly sha: Sha }

type Push = (offers: readonly Offer[]) => Promise<Pushed>

/** Brings the objects, then pushes. A head that may not be pushed has an outcome as if the server had refused it. */
export async function pushWithObjects(
  context: SyncContext,
  from: Side,
  offers: readonly Offer[],
  push: Push,
): Promise<Pushed> {
  if (offers.length === 0) return { ok: true, outcomes: [] }
  const to = otherSide(from)
  const known = await readKnown(context.mirror, to, context.request.remotes[to].url)
  const first = await pushOnce(context, from, offers, known, push)
  if (!first.ok || known.heads.size === 0) return first
  const again = offers.filter(({ pair }) =>
    first.pushed.some((outcome) => outcome.pair === pair && outcome.kind === 'lfs_missing'),
  )
  if (again.length === 0) return first
  // The target has lost what it had, or is another repository by now.
  await forgetKnown(context.mirror, to)
  const second = await pushOnce(context, from, again, NOTHING_KNOWN, push)
  if (!second.ok) return second
  const repeated = new Set(again.map(({ pair }) => pair))
  const rest = first.outcomes.filter(({ pair }) => !repeated.has(pair))
  return { ok: true, outcomes: [...rest, ...second.outcomes] }
}

type PushedOnce =
  | {
      readonly ok: true
      readonly outcomes: readonly RefOutcome[]
      /** Those of the outcomes that are the server's. */
      readonly pushed: readonly RefOutcome[]
    }
  | Failed

async function pushOnce(
  context: SyncContext,
  from: Side,
  offers: readonly Offer[],
  known: Known,
  push: Push,
): Promise<PushedOnce> {
  const brought = await bringObjects(context, from, offers.filter(isHead), known)
  if (!brought.ok) return brought
  const pushed = await push(offers.filter((offer) => !(isHead(offer) && brought.refused.has(offer))))
  if (!pushed.ok) return pushed
  const to = otherSide(from)
  const heads = pushed.outcomes.flatMap(({ pair, after, result, kind }) => {
    const isThere = kind === null && result !== 'rejected' && result !== 'conflict'
    return isThere ? [[pair[to], after] as const] : []
  })
  await rememberHeads(context, to, heads, brought.known)
  const refused = Array.from(brought.refused, ([offer, failure]) => refusedOutcome(offer, from, failure))
  return { ok: true, pushed: pushed.outcomes, outcomes: [...pushed.outcomes, ...refused] }
}

type Brought =
  | {
      readonly ok: true
      readonly refused: ReadonlyMap<HeadOffer, SyncFailure>
      /** What holds of the target once the heads are there. */
      readonly known: Known
    }
  | Failed

/** Sees to it that the target has the objects of the heads; tells which heads need one that could not be brought. */
export function bringObjects(
  context: SyncContext,
  from: Side,
  offers: readonly HeadOffer[],
  known: Known,
): Promise<Brought> {
  return context.timed('lfs', () => bring(context, from, offers, known))
}

/** Notes that the target has all that these heads need; null: it has the ref no more. */
export async function rememberHeads(
  { mirror, request }: SyncContext,
  to: Side,
  heads: readonly (readonly [RefName, Sha | null])[],
  { heads: before, witness }: Known,
): Promise<void> {
  const after = new Map(before)
  for (const [ref, sha] of heads) {
    if (sha === null) after.delete(ref)
    else after.set(ref, sha)
  }
  await writeKnown(mirror, to, request.remotes[to].url, { heads: after, witness })
}

async function bring(
  context: SyncContext,
  from: Side,
  offers: readonly HeadOffer[],
  known: Known,
): Promise<Brought> {
  const { deps, mirror, signal } = context
  if (offers.length === 0) return { ok: true, refused: new Map(), known }
  const range = { heads: offers.map(({ sha }) => sha), known: [...new Set(known.heads.values())] }
  const found = await findPointers(deps.git, mirror, range, signal)
  if (!found.ok) return failedOn(undefined, found.failure)
  if (found.pointers.size === 0) return { ok: true, refused: new Map(), known }
  const { witness } = known
  const asked = [...(witness === undefined ? [] : [witness]), ...found.pointers.values()]
  const objects = new Map(asked.map((pointer) => [pointer.oid, pointer]))
  const results = await carryObjects(context, from, [...objects.values()])
  if (signal.aborted) return failedOn(undefined, { kind: 'canceled', detail: 'canceled' })
  // What the target once had is gone, so the heads it had say nothing any more.
  if (witness !== undefined && isLost(results.get(witness.oid)))
    return bring(context, from, offers, NOTHING_KNOWN)
  const refused = await findRefused(context, offers, range.known, unbrought(found.pointers, results))
  if (!refused.ok) return refused
  const kept = objects
    .values()
    .find(({ oid }) => results.get(oid) === 'held' || results.get(oid) === 'brought')
  return { ok: true, refused: refused.refused, known: { heads: known.heads, witness: kept ?? witness } }
}

function isLost(result: ObjectResult | undefined): boolean {
  return result === 'brought' || (typeof result === 'object' && result.kind === 'lfs_missing')
}

function unbrought(
  pointers: PointersByBlob,
  results: ReadonlyMap<LfsPointer['oid'], ObjectResult>,
): ReadonlyMap<Sha, Unbrought> {
  const missing = new Map<Sha, Unbrought>()
  for (const [blob, pointer] of pointers) {
    const result = results.get(pointer.oid)
    if (result !== undefined && isFailure(result)) missing.set(blob, { pointer, failure: result })
  }
  return missing
}

function isHead(offer: Offer): offer is HeadOffer {
  return offer.sha !== null
}

function refusedOutcome(offer: HeadOffer, from: Side, { kind, detail }: SyncFailure): RefOutcome {
  const { pair, before, sha } = offer
  return { pair, direction: wayFrom(from), before, after: sha, result: 'rejected', kind, reason: detail }
}
