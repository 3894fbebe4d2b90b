import type { Side } from '../binding/binding.ts'
import type { RefName } from '../git/refs.ts'
import { listRefs } from '../git/remote.ts'
import type { SyncContext } from './context.ts'
import { narrateLeftOut } from './narrate.ts'
import { failedOn } from './outcome.ts'
import type { Failed } from './outcome.ts'
import type { Listing } from './plan.ts'

// What the sides hold now, asked of both at once.

export type Listed = {
  readonly ok: true
  readonly refs: Readonly<Record<Side, Listing>>
  readonly defaultBranches: Readonly<Record<Side, RefName | null>>
}

const MOST_REFS = 50_000

export async function listBoth(
  context: Pick<SyncContext, 'deps' | 'request' | 'signal' | 'log' | 'timed'>,
): Promise<Listed | Failed> {
  const [internal, external] = await context.timed('list', () =>
    Promise.all([listSide(context, 'internal'), listSide(context, 'external')]),
  )
  if (!internal.ok) return internal
  if (!external.ok) return external
  return {
    ok: true,
    refs: { internal: internal.refs, external: external.refs },
    defaultBranches: { internal: internal.head, external: external.head },
  }
}

async function listSide(
  { deps, request, signal, log }: Pick<SyncContext, 'deps' | 'request' | 'signal' | 'log'>,
  side: Side,
): Promise<{ readonly ok: true; readonly refs: Listing; readonly head: RefName | null } | Failed> {
  const listed = await listRefs(deps.git, request.remotes[side], { signal })
  if (!listed.ok) return failedOn(side, listed.failure)
  if (listed.notUtf8 !== undefined) narrateLeftOut(log, side, listed.notUtf8)
  if (listed.refs.size <= MOST_REFS) return listed
  const detail = `${side} has ${listed.refs.size} branches and tags; at most ${MOST_REFS} are synced`
  return failedOn(side, { kind: 'too_many_refs', detail })
}
