import type { Side } from '../binding/binding.ts'
import type { RefPair } from '../binding/rules.ts'
import type { RefName, Sha } from '../git/refs.ts'
import { pushRefs } from '../git/remote.ts'
import type { PushResult } from '../git/push.ts'
import { whenFree } from './fence.ts'
import type { SyncContext } from './context.ts'
import { pushWithObjects } from './lfs.ts'
import { pushWindow } from './mirror.ts'
import { narrateCommand, narrateWay } from './narrate.ts'
import { conflictReason, failedOn } from './outcome.ts'
import type { Failed } from './outcome.ts'
import { otherSide, wayFrom } from './sides.ts'
import type { RefOutcome } from './sync.ts'

/** A head that is offered to the other side. Without a lease the server takes it only when nothing gets lost. */
export type Offer = {
  readonly pair: RefPair
  /** Null: the ref is to be deleted, which needs a lease. */
  readonly sha: Sha | null
  /** What the target was last seen to hold; null: nothing. */
  readonly before: Sha | null
  /** Overwrite exactly this head (null: create), and nothing else. */
  readonly lease?: Sha | null
}

export type Pushed = { readonly ok: true; readonly outcomes: readonly RefOutcome[] } | Failed

/** Offers all heads in one push; a refused one does not stop the others. */
export function pushOffers(context: SyncContext, from: Side, offers: readonly Offer[]): Promise<Pushed> {
  if (context.request.lfs !== true) return pushAll(context, from, offers)
  return pushWithObjects(context, from, offers, (ready) => pushAll(context, from, ready))
}

async function pushAll(context: SyncContext, from: Side, offers: readonly Offer[]): Promise<Pushed> {
  if (offers.length === 0) return { ok: true, outcomes: [] }
  const { deps, mirror, request, signal } = context
  const to = otherSide(from)
  const refs = offers.map(({ pair }) => pair[to])
  narrateWay(context.log, wayFrom(from), refs)
  narrateCommand(context.log, 'push', to, refs)
  const updates = offers.map(({ pair, sha, lease }) => ({
    ref: pair[to],
    sha,
    ...(lease === undefined ? {} : { lease }),
  }))
  const pushed = await context.timed('push', () =>
    whenFree(context, () => pushRefs(deps.git, pushWindow(mirror), request.remotes[to], updates, { signal })),
  )
  if (!pushed.ok) return failedOn(to, pushed.failure)
  return {
    ok: true,
    outcomes: offers.map((offer) => toOutcome(offer, from, resultOf(pushed.results, offer.pair[to]))),
  }
}

/** Whether the target refused because it holds something that the offered head does not contain. */
export function wouldLose(outcome: RefOutcome): boolean {
  return outcome.result === 'conflict'
}

function resultOf(results: ReadonlyMap<RefName, PushResult>, ref: RefName): PushResult {
  return (
    results.get(ref) ?? {
      status: 'rejected',
      kind: 'unknown',
      reason: 'the server did not say what became of it',
    }
  )
}

function toOutcome({ pair, sha, before }: Offer, from: Side, answer: PushResult): RefOutcome {
  const common = { pair, direction: wayFrom(from), before, after: sha }
  if (answer.status === 'up_to_date') return { ...common, result: 'up_to_date', kind: null, reason: null }
  if (answer.status === 'ok') {
    const change = before === null ? 'created' : 'updated'
    return { ...common, result: sha === null ? 'deleted' : change, kind: null, reason: null }
  }
  const kind = answer.kind ?? 'unknown'
  if (sha === null && kind === 'protected') {
    const reason = `the forge does not let it be deleted: ${answer.reason ?? kind}`
    return { ...common, after: before, result: 'up_to_date', kind, reason }
  }
  if (kind !== 'non_fast_forward' && kind !== 'tag_moved') {
    return { ...common, result: 'rejected', kind, reason: answer.reason }
  }
  const reason = conflictReason(kind, common.direction, before, sha)
  return { ...common, result: 'conflict', kind, reason }
}
