import type { Side } from '../binding/binding.ts'
import { isRelated } from '../git/mirror-repository.ts'
import { isBranchRef } from '../git/refs.ts'
import type { RefName } from '../git/refs.ts'
import type { SyncContext } from './context.ts'
import { fetchHeads } from './fetch.ts'
import { failedOn } from './outcome.ts'
import type { Listing } from './plan.ts'
import type { SyncFailure } from './sync.ts'

// Enough branches to find a common past where there is one, without fetching all of both sides.
const MOST_BRANCHES = 3

/** Resolves to a failure when the two sides have no commit in common, so that nothing may be mixed. */
export async function checkRelated(
  context: SyncContext,
  refs: Readonly<Record<Side, Listing>>,
): Promise<SyncFailure | undefined> {
  const { deps, mirror, signal } = context
  const internal = await fetchHeads(context, 'internal', telling(refs.internal, refs.external))
  if (!internal.ok) return internal.failure
  const external = await fetchHeads(context, 'external', telling(refs.external, refs.internal))
  if (!external.ok) return external.failure
  for (const one of internal.heads.values()) {
    for (const other of external.heads.values()) {
      const found = await isRelated(deps.git, mirror, one, other, signal)
      if (!found.ok) return failedOn(undefined, found.failure).failure
      if (found.isRelated) return undefined
    }
  }
  const detail =
    'the two repositories have no commit in common; a forced sync replaces the heads of the target and keeps the old ones'
  return { kind: 'unrelated', side: undefined, detail }
}

/** The branches that say most: those that both sides have, and of these `main` and `master` first. */
function telling(own: Listing, other: Listing): readonly RefName[] {
  const worth = (ref: RefName): number =>
    (other.has(ref) ? 4 : 0) +
    (/^refs\/heads\/(?:main|master)$/.test(ref) ? 2 : 0) +
    (isBranchRef(ref) ? 1 : 0)
  return [...own.keys()].sort((a, b) => worth(b) - worth(a)).slice(0, MOST_BRANCHES)
}
