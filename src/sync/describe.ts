import type { Side } from '../binding/binding.ts'
import type { Sha } from '../git/refs.ts'
import type { SyncContext } from './context.ts'
import { measureDivergence } from './divergence.ts'
import { removeLeftovers } from './fence.ts'
import { fetchHeads } from './fetch.ts'
import type { Settled } from './outcome.ts'
import { sourceOf } from './sides.ts'
import type { RefOutcome, SeenHeads } from './sync.ts'

// A person who is to decide about a conflict wants to see what is at stake.

// Each costs two git processes; the others are described when these are out of the way.
const MOST_DESCRIBED = 20

/** Adds to new conflicts how far the sides are apart. What cannot be found out is left out. */
export async function describeConflicts(context: SyncContext, settled: Settled): Promise<Settled> {
  if (settled.failure !== undefined) return settled
  const fresh = settled.refs.filter((outcome) => isNew(context, outcome)).slice(0, MOST_DESCRIBED)
  if (fresh.length === 0) return settled
  for (const side of ['internal', 'external'] as const) {
    const fetched = await fetchHeads(
      context,
      side,
      fresh.map(({ pair }) => pair[side]),
    )
    if (!fetched.ok) {
      // The sync has gone well all the same, so nobody else will tidy up behind it.
      await removeLeftovers(context)
      return settled
    }
  }
  const described = new Map<RefOutcome, RefOutcome>()
  await context.timed('compare', async () => {
    for (const outcome of fresh) {
      const heads = bothHeads(outcome)
      const divergence = heads && (await measureDivergence(context, heads))
      if (divergence !== undefined) described.set(outcome, { ...outcome, divergence })
    }
  })
  return { ...settled, refs: settled.refs.map((outcome) => described.get(outcome) ?? outcome) }
}

/** What each side holds, as an outcome saw it. */
function headsOf({
  direction,
  before,
  after,
}: Pick<RefOutcome, 'direction' | 'before' | 'after'>): SeenHeads {
  const source = sourceOf(direction)
  return source === 'internal' ? { internal: after, external: before } : { internal: before, external: after }
}

function isNew({ request }: SyncContext, outcome: RefOutcome): boolean {
  if (outcome.result !== 'conflict' || bothHeads(outcome) === undefined) return false
  const known = request.knownConflicts.get(outcome.pair.internal)
  const heads = headsOf(outcome)
  return known?.internal !== heads.internal || known.external !== heads.external
}

function bothHeads(outcome: RefOutcome): Readonly<Record<Side, Sha>> | undefined {
  const { internal, external } = headsOf(outcome)
  return internal === null || external === null ? undefined : { internal, external }
}
