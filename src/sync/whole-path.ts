import type { Side } from '../binding/binding.ts'
import type { RefName } from '../git/refs.ts'
import { holdMassChanges } from './brake.ts'
import type { SyncContext } from './context.ts'
import { describeConflicts } from './describe.ts'
import { prepareExact } from './doomed.ts'
import { fetchHeads } from './fetch.ts'
import { forceOffers } from './force.ts'
import { completeObjects } from './lfs-complete.ts'
import { listBoth } from './listing.ts'
import { joinSettled, NOTHING_SETTLED, outcomesAtRest } from './outcome.ts'
import type { Failed, Settled } from './outcome.ts'
import { mayBeUnrelated, planSync } from './plan.ts'
import type { Listing, PlanInput, PlannedRef } from './plan.ts'
import { pushOffers, wouldLose } from './push.ts'
import type { Offer } from './push.ts'
import { checkRelated } from './related.ts'
import { otherSide } from './sides.ts'
import type { SyncRequest } from './sync.ts'

// Both sides are asked what they hold, the difference is found in memory, what differs is fetched once and
// pushed once. The number of git processes does not depend on the number of refs.

type Heads = Readonly<Record<Side, Listing>>

const MOST_LOOKS = 3

export async function syncWhole(context: SyncContext, scope: SyncRequest['scope']): Promise<Settled> {
  context.log('INFO', '获取仓库分支信息')
  for (let look = 1; ; look += 1) {
    const listed = await listBoth(context)
    if (!listed.ok) return { ...NOTHING_SETTLED, failure: listed.failure }
    const { refs, defaultBranches } = listed
    const now = context.deps.clock.now()
    const input = { ...context.request, scope, refs, defaultBranches, now }
    const settled = await carryOut(context, input)
    // A ref went away between the look and the fetch; nothing was pushed yet.
    const isOutdated = settled.failure?.kind === 'ref_missing' && look < MOST_LOOKS
    if (!isOutdated) return describeConflicts(context, { ...settled, defaultBranches })
  }
}

async function carryOut(context: SyncContext, input: PlanInput): Promise<Settled> {
  const planned = holdMassChanges(planSync(input))
  if (mayBeUnrelated(input)) {
    const failure = await checkRelated(context, input.refs)
    if (failure !== undefined) return { ...NOTHING_SETTLED, failure }
  }
  const fetched = await fetchWanted(context, planned)
  if (!fetched.ok) return { ...NOTHING_SETTLED, failure: fetched.failure }
  const exact = await prepareExact(context, planned, fetched.heads)
  if (!exact.ok) return { ...NOTHING_SETTLED, failure: exact.failure }
  const atRest = joinSettled(exact.settled, {
    ...NOTHING_SETTLED,
    refs: planned.flatMap((entry) => outcomesAtRest(entry, input.direction)),
    missing: missingIn(planned, input),
  })
  const outward = await push(context, 'internal', planned, fetched.heads, exact.offers.internal)
  const soFar = joinSettled(atRest, outward)
  if (soFar.failure !== undefined) return soFar
  // Where both sides moved, the external one was asked first; what it refused is offered the other way.
  const refused = new Set(outward.refs.filter(wouldLose).map(({ pair }) => pair))
  const rest = planned.filter((entry) => entry.kind !== 'diverged' || refused.has(entry.pair))
  const inward = await push(context, 'external', rest, fetched.heads, exact.offers.external)
  const settled = joinSettled(soFar, inward)
  if (settled.failure !== undefined) return settled
  await completeObjects(context, planned)
  return forceRefused(context, planned, fetched.heads, settled)
}

/** What has to be looked for again, and what no longer has to. */
function missingIn(
  planned: readonly PlannedRef[],
  { evidence, scope }: PlanInput,
): ReadonlyMap<RefName, Side | null> {
  const known = scope === 'all' ? [...evidence.missing.keys()] : scope.map(({ internal }) => internal)
  const missing = new Map<RefName, Side | null>()
  // An old look must not confirm a new one: whatever is there again, or nowhere, starts anew.
  for (const ref of known) if (evidence.missing.has(ref)) missing.set(ref, null)
  for (const entry of planned) {
    const ref = entry.pair.internal
    if (entry.kind === 'missing' && entry.because === 'awaiting') missing.set(ref, entry.on)
    if (entry.kind === 'undecided') missing.delete(ref)
  }
  return missing
}

async function fetchWanted(
  context: SyncContext,
  planned: readonly PlannedRef[],
): Promise<{ readonly ok: true; readonly heads: Heads } | Failed> {
  // One after the other: a mirror takes one git at a time.
  const internal = await fetchHeads(context, 'internal', wantedFrom(planned, 'internal'))
  if (!internal.ok) return internal
  const external = await fetchHeads(context, 'external', wantedFrom(planned, 'external'))
  if (!external.ok) return external
  return { ok: true, heads: { internal: internal.heads, external: external.heads } }
}

function wantedFrom(planned: readonly PlannedRef[], side: Side): readonly RefName[] {
  const wanted = planned.filter((entry) => {
    if (entry.kind === 'diverged') return true
    if (entry.kind === 'send') return entry.from === side
    return entry.kind === 'tag_moved' && entry.allowed !== undefined && entry.from === side
  })
  return wanted.map(({ pair }) => pair[side])
}

async function push(
  context: SyncContext,
  from: Side,
  planned: readonly PlannedRef[],
  heads: Heads,
  exact: readonly Offer[],
): Promise<Settled> {
  const plain = planned.flatMap((entry) => {
    if (entry.kind === 'diverged') return offer(entry, from, heads, entry[otherSide(from)])
    if (entry.kind !== 'send' || entry.from !== from || entry.allowed === 'decided') return []
    return offer(entry, from, heads, entry.before)
  })
  const pushed = await pushOffers(context, from, [...exact, ...plain])
  return pushed.ok
    ? { ...NOTHING_SETTLED, refs: pushed.outcomes }
    : { ...NOTHING_SETTLED, failure: pushed.failure }
}

/** Overwrites what refused to be fast-forwarded, where a person or a rule allowed that. */
async function forceRefused(
  context: SyncContext,
  planned: readonly PlannedRef[],
  heads: Heads,
  settled: Settled,
): Promise<Settled> {
  const refused = new Set(settled.refs.filter(wouldLose).map(({ pair }) => pair))
  let result = settled
  for (const from of ['internal', 'external'] as const) {
    for (const allowed of ['person', 'policy'] as const) {
      const offers = planned.flatMap((entry) => {
        if (entry.kind !== 'send' && entry.kind !== 'tag_moved') return []
        if (entry.from !== from || entry.allowed !== allowed || !refused.has(entry.pair)) return []
        return offer(entry, from, heads, entry.before)
      })
      if (offers.length === 0 || result.failure !== undefined) continue
      const forced = await forceOffers(context, from, offers, allowed === 'person' ? 'force' : 'tag')
      result = joinSettled(result, forced)
    }
  }
  return result
}

function offer({ pair }: PlannedRef, from: Side, heads: Heads, before: Offer['before']): readonly Offer[] {
  const sha = heads[from].get(pair[from])
  return sha === undefined ? [] : [{ pair, sha, before }]
}
