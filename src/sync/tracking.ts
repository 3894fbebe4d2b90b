import type { Side } from '../binding/binding.ts'
import type { LocalEnd } from '../git/local-remote.ts'
import { followRefs } from '../git/local-remote.ts'
import type { RemoteDeps } from '../git/remote.ts'
import { isBranchRef, shortName } from '../git/refs.ts'
import type { Sha } from '../git/refs.ts'
import { otherSide } from './sides.ts'
import type { Sync, SyncOutcome } from './sync.ts'

/**
 * A sync that also lets a repository on this machine remember what the other end holds now, as a fetch or a push
 * by hand would: its objects are there already, so this costs one look. Whether it succeeds changes no outcome.
 */
export function withTracking(deps: RemoteDeps, sync: Sync): Sync {
  return async (request, options) => {
    const outcome = await sync(request, options)
    for (const side of SIDES) {
      const { local } = request.remotes[side]
      if (local !== undefined) await follow(deps, { local, side }, outcome, options.signal)
    }
    return outcome
  }
}

const SIDES: readonly Side[] = ['internal', 'external']

async function follow(
  deps: RemoteDeps,
  { local, side }: { readonly local: LocalEnd; readonly side: Side },
  { agreed, refs }: SyncOutcome,
  signal: AbortSignal,
): Promise<void> {
  if (local.tracking === undefined) return
  const heads = new Map<string, Sha>()
  for (const { pair } of refs) {
    const sha = agreed.get(pair.internal)
    const other = pair[otherSide(side)]
    if (sha !== undefined && sha !== null && isBranchRef(other))
      heads.set(`${local.tracking}${shortName(other)}`, sha)
  }
  if (heads.size > 0) await followRefs(deps, local, heads, { signal })
}
