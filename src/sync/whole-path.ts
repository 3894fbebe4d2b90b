import type { Side } from '../binding/binding.ts'
import { listRefs } from '../git/remote.ts'
import type { SyncContext } from './context.ts'
import { fetchHeads } from './fetch.ts'
import { forceOffers } from './force.ts'
import { failedOn, joinSettled, NOTHING_SETTLED, outcomesAtRest } from './outcome.ts'
import type { Failed, Settled } from './outcome.ts'
import { mayBeUnrelated, planSync } from './plan.ts'
import type { Listing, PlanInput, PlannedRef } from './plan.ts'
import { pushOffers, wouldLose } from './push.ts'
import type { Offer } from './push.ts'
import { checkRelated } from './related.ts'
import { otherSide } from './sides.ts'
import type { RefPair, SyncRequest } from './sync.ts'

// Both sides are asked what they hold, the difference is found in memory, what differs is fetched once and
// pushed once. The number of git processes does not depend on the number of refs.

type Heads = Readonly<Record<Side, Listing>>

const MOST_LOOKS = 3
const MOST_REFS = 50_000

export async function syncWhole(context: SyncContext, scope: SyncRequest['scope']): Promise<Settled> {
  context.log('INFO', '获取仓库分支信息')
  for (let look = 1; ; look += 1) {
    const listed = await listBoth(context)
    if (!listed.ok) return { ...NOTHING_SETTLED, failure: listed.failure }
    const settled = await carryOut(context, { ...context.request, scope, refs: listed.heads })
    // A ref went away between the look and the fetch; nothing was pushed yet.
    const isOutdated = settled.failure?.kind === 'ref_missing' && look < MOST_LOOKS
    if (!isOutdated) return settled
  }
}

async function listBoth(
  context: SyncContext,
): Promise<{ readonly ok: true; readonly heads: Heads } | Failed> {
  const [internal, external] = await context.timed('list', () =>
    Promise.all([list(context, 'internal'), list(context, 'external')]),
  )
  if (!internal.ok) return internal
  if (!external.ok) return external
  return { ok: true, heads: { internal: internal.refs, external: external.refs } }
}

async function list(
  { deps, request, signal }: SyncContext,
  side: Side,
): Promise<{ readonly ok: true; readonly refs: Listing } | Failed> {
  const listed = await listRefs(deps.git, request.remotes[side], { signal })
  if (!listed.ok) return failedOn(side, listed.failure)
  if (listed.refs.size <= MOST_REFS) return { ok: true, refs: listed.refs }
  const detail = `${side} has ${listed.refs.size} branches and tags; at most ${MOST_REFS} are synced`
  return failedOn(side, { kind: 'too_large', detail })
}

async function carryOut(context: SyncContext, input: PlanInput): Promise<Settled> {
  const planned = planSync(input)
  if (mayBeUnrelated(input)) {
    const failure = await checkRelated(context, input.refs)
    if (failure !== undefined) return { ...NOTHING_SETTLED, failure }
  }
  const fetched = await fetchWanted(context, planned)
  if (!fetched.ok) return { ...NOTHING_SETTLED, failure: fetched.failure }
  const atRest = {
    ...NOTHING_SETTLED,
    refs: planned.flatMap((entry) => outcomesAtRest(entry, input.direction)),
  }
  const outward = await push(context, 'internal', planned, fetched.heads, input.refs)
  const soFar = joinSettled(atRest, outward)
  if (soFar.failure !== undefined) return soFar
  // Where both sides moved, the external one was asked first; what it refused is offered the other way.
  const refused = new Set(outward.refs.filter(wouldLose).map(({ pair }) => pair))
  const rest = planned.filter((entry) => entry.kind !== 'diverged' || refused.has(entry.pair))
  const settled = joinSettled(soFar, await push(context, 'external', rest, fetched.heads, input.refs))
  if (settled.failure !== undefined) return settled
  return forceRefused(context, planned, fetched.heads, settled)
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

function wantedFrom(planned: readonly PlannedRef[], side: Side): readonly RefPair[Side][] {
  const wanted = planned.filter((entry) => {
    if (entry.kind === 'diverged') return true
    if (entry.kind === 'send') return entry.from === side
    return entry.kind === 'tag_moved' && entry.mayForce && entry.from === side
  })
  return wanted.map(({ pair }) => pair[side])
}

async function push(
  context: SyncContext,
  from: Side,
  planned: readonly PlannedRef[],
  heads: Heads,
  listed: Heads,
): Promise<Settled> {
  const offers = planned.flatMap((entry) => {
    if (entry.kind === 'diverged') return offer(entry.pair, from, heads, entry[otherSide(from)])
    return entry.kind === 'send' && entry.from === from ? offer(entry.pair, from, heads, entry.before) : []
  })
  const pushed = await pushOffers(context, from, offers, listed[otherSide(from)].size)
  return pushed.ok
    ? { ...NOTHING_SETTLED, refs: pushed.outcomes }
    : { ...NOTHING_SETTLED, failure: pushed.failure }
}

/** Overwrites what refused to be fast-forwarded, where a person allowed that. */
async function forceRefused(
  context: SyncContext,
  planned: readonly PlannedRef[],
  heads: Heads,
  settled: Settled,
): Promise<Settled> {
  const refused = new Set(settled.refs.filter(wouldLose).map(({ pair }) => pair))
  const forced = planned.flatMap((entry) => {
    if (entry.kind !== 'send' && entry.kind !== 'tag_moved') return []
    return entry.mayForce && refused.has(entry.pair) ? [entry] : []
  })
  const [first] = forced
  if (first === undefined) return settled
  const offers = forced.flatMap(({ pair, from, before }) => offer(pair, from, heads, before))
  return joinSettled(settled, await forceOffers(context, first.from, offers))
}

function offer(pair: RefPair, from: Side, heads: Heads, before: Offer['before']): readonly Offer[] {
  const sha = heads[from].get(pair[from])
  return sha === undefined ? [] : [{ pair, sha, before }]
}
