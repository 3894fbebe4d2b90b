import type { Side } from '../binding/binding.ts'
import type { RefPair } from '../binding/rules.ts'
import type { SyncContext } from './context.ts'
import { fetchHeads } from './fetch.ts'
import { NOTHING_SETTLED } from './outcome.ts'
import type { Settled } from './outcome.ts'
import { isForced } from './plan.ts'
import { pushOffers, wouldLose } from './push.ts'
import { sourceOf } from './sides.ts'
import type { SyncRequest } from './sync.ts'

// A few refs that somebody just pushed: one fetch, one push, nothing looked up. The server itself
// refuses whatever would lose a commit, so not knowing what it holds costs nothing. Every answer but a
// plain yes is a doubt, and doubts go to the whole path, which asks both sides.

const MOST_REFS = 20

type HotPath = { readonly from: Side; readonly pairs: readonly RefPair[] }

/** The refs and their source when this request can take the hot path. */
export function hotPathOf(request: SyncRequest): HotPath | undefined {
  if (request.scope === 'all' || request.scope.length > MOST_REFS) return undefined
  if (request.scope.some((pair) => isForced(request, pair) || isSpecial(request, pair))) return undefined
  const from = request.direction === 'both' ? request.pushedOn : sourceOf(request.direction)
  return from === undefined ? undefined : { from, pairs: request.scope }
}

function isSpecial({ decided, evidence }: SyncRequest, { internal }: RefPair): boolean {
  return decided.has(internal) || evidence.deleted.has(internal)
}

export async function syncHot(
  context: SyncContext,
  { from, pairs }: HotPath,
): Promise<{ readonly settled: Settled; readonly doubtful: readonly RefPair[] }> {
  const fetched = await fetchHeads(
    context,
    from,
    pairs.map((pair) => pair[from]),
  )
  if (!fetched.ok) {
    // Git names one missing ref and fetches none; which of them exist is a question to the server.
    if (fetched.failure.kind === 'ref_missing') return { settled: NOTHING_SETTLED, doubtful: pairs }
    return { settled: { ...NOTHING_SETTLED, failure: fetched.failure }, doubtful: [] }
  }
  const offers = pairs.flatMap((pair) => {
    const sha = fetched.heads.get(pair[from])
    return sha === undefined ? [] : [{ pair, sha, before: context.request.agreed.get(pair.internal) ?? null }]
  })
  const pushed = await pushOffers(context, from, offers)
  if (!pushed.ok) return { settled: { ...NOTHING_SETTLED, failure: pushed.failure }, doubtful: [] }
  return {
    settled: { ...NOTHING_SETTLED, refs: pushed.outcomes.filter((outcome) => !wouldLose(outcome)) },
    doubtful: pushed.outcomes.filter(wouldLose).map(({ pair }) => pair),
  }
}
