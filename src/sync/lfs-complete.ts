import type { Side } from '../binding/binding.ts'
import type { RefPair } from '../binding/rules.ts'
import type { SyncContext } from './context.ts'
import { fetchHeads } from './fetch.ts'
import { bringObjects, rememberHeads } from './lfs.ts'
import { readKnown } from './lfs-known.ts'
import type { PlannedRef } from './plan.ts'
import { otherSide, sourceOf } from './sides.ts'
import type { SyncFailure } from './sync.ts'

/**
 * Brings the objects of heads that are equal on both sides already, where it is not known that the target has
 * them: the binding may not have asked for LFS when the commits travelled. No push depends on it, so what
 * cannot be brought is told in the log and nowhere else.
 */
export async function completeObjects(context: SyncContext, planned: readonly PlannedRef[]): Promise<void> {
  const { request, deps } = context
  // Without a mirror that stays, everything would be fetched and looked through each time.
  if (request.lfs !== true || deps.deleteMirrorAfter) return
  const equal = planned.flatMap((entry) => (entry.kind === 'equal' ? [entry] : []))
  const sources: readonly Side[] =
    request.direction === 'both' ? ['internal', 'external'] : [sourceOf(request.direction)]
  for (const from of sources) await complete(context, from, equal)
}

async function complete(
  context: SyncContext,
  from: Side,
  equal: readonly Extract<PlannedRef, { readonly kind: 'equal' }>[],
): Promise<void> {
  const to = otherSide(from)
  const known = await readKnown(context.mirror, to, context.request.remotes[to].url)
  const unproven = equal.filter(({ pair, sha }) => known.heads.get(pair[to]) !== sha)
  if (unproven.length === 0) return
  const pairs = unproven.map(({ pair }) => pair)
  const fetched = await fetchHeads(
    context,
    from,
    pairs.map((pair) => pair[from]),
  )
  if (!fetched.ok) return tell(context, fetched.failure)
  const offers = pairs.flatMap((pair) => {
    const sha = fetched.heads.get(pair[from])
    return sha === undefined ? [] : [{ pair, sha, before: sha }]
  })
  const brought = await bringObjects(context, from, offers, known)
  if (!brought.ok) return tell(context, brought.failure)
  const failures = new Map(brought.refused.values().map((failure) => [failure.detail, failure]))
  for (const failure of failures.values()) tell(context, failure)
  // An object that is nowhere would be looked for each time; one that may come later is.
  const isSettled = (pair: RefPair): boolean => {
    const failure = brought.refused.entries().find(([offer]) => offer.pair === pair)?.[1]
    return failure === undefined || failure.kind === 'lfs_missing'
  }
  const heads = offers.flatMap(({ pair, sha }) => (isSettled(pair) ? [[pair[to], sha] as const] : []))
  await rememberHeads(context, to, heads, brought.known)
}

function tell({ log }: SyncContext, { kind, detail }: SyncFailure): void {
  log('ERROR', detail, `LFS: ${kind}`)
}
