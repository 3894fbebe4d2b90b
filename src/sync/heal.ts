import { HOUR } from '../clock.ts'
import type { GitErrorKind } from '../git/git-error.ts'
import type { SyncContext } from './context.ts'
import { isMirrorSuspect } from './fetch.ts'
import { removeLeftovers } from './fence.ts'
import { toFileFailure } from './file-failure.ts'
import { isDamaged, openMirror, rebuildMirror } from './mirror.ts'
import { joinSettled, NOTHING_SETTLED } from './outcome.ts'
import type { Settled } from './outcome.ts'

type Work = (context: SyncContext) => Promise<Settled>

const REBUILD_PAUSE = 1 * HOUR

/**
 * Makes the function that does a work on the mirror of its context and repeats it where the state of the mirror
 * has spoiled it: once without leftovers, once with a new mirror. Refusals of the file system are outcomes.
 */
export function createHealing(): (context: SyncContext, work: Work) => Promise<Settled> {
  const memory: Memory = { leftClean: new Set(), rebuiltAt: new Map() }
  return async (context, work) => {
    const settled = await repeat(context, memory, work).catch(toUnsettled)
    if (settled.failure === undefined) memory.leftClean.add(context.mirror)
    return settled
  }
}

/** What this process remembers of mirrors. */
type Memory = {
  /** Their last use ended well; any other may hold what a dead git left in it. */
  readonly leftClean: Set<string>
  readonly rebuiltAt: Map<string, number>
}

async function repeat(context: SyncContext, memory: Memory, work: Work): Promise<Settled> {
  await openMirror(context, memory.leftClean.delete(context.mirror))
  let settled = await work(context)
  if (suspicions(settled).length > 0 && (await removeLeftovers(context))) {
    settled = joinSettled(settled, await work(context))
  }
  const suspected = suspicions(settled)
  if (suspected.length === 0) return settled
  // A server with damaged objects can look the same; a look of our own has to confirm the second time.
  const now = context.deps.clock.now()
  const isRecent = now - (memory.rebuiltAt.get(context.mirror) ?? -Infinity) < REBUILD_PAUSE
  const isEvident = suspected.includes('mirror_damaged') && !isRecent
  if (!isEvident && !(await isDamaged(context))) return settled
  memory.rebuiltAt.set(context.mirror, now)
  await rebuildMirror(context)
  return joinSettled(settled, await work(context))
}

/** What a refusal of the file system comes to; anything else is thrown on. */
export function toUnsettled(error: unknown): Settled {
  const failure = toFileFailure(error)
  if (failure === undefined) throw error
  return { ...NOTHING_SETTLED, failure: { ...failure, side: undefined } }
}

/** What went wrong that may be the mirror's fault. */
function suspicions({ failure, refs }: Settled): readonly GitErrorKind[] {
  const kinds = refs.flatMap(({ result, kind }) => (result === 'rejected' && kind !== null ? [kind] : []))
  return [...(failure === undefined ? [] : [failure.kind]), ...kinds].filter(isMirrorSuspect)
}
