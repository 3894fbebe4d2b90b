import type { SyncContext } from './context.ts'
import { hotPathOf, syncHot } from './hot-path.ts'
import { joinSettled } from './outcome.ts'
import type { Settled } from './outcome.ts'
import { restoreHead } from './restore.ts'
import { syncWhole } from './whole-path.ts'

/** Does what a request asks for, on the path that costs least; whatever that leaves in doubt goes the long way. */
export async function carryOut(context: SyncContext): Promise<Settled> {
  const { request } = context
  if (request.restore !== undefined) return restoreHead(context, request.restore)
  const hotPath = hotPathOf(request)
  if (hotPath === undefined) return syncWhole(context, request.scope)
  const { settled, doubtful } = await syncHot(context, hotPath)
  if (doubtful.length === 0) return settled
  return joinSettled(settled, await syncWhole(context, doubtful))
}
