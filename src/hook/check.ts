import { DAY, MINUTE } from '../clock.ts'
import type { ForgeApi, ForgeApiFailure, MissedDelivery } from '../forge/forge-api.ts'
import { apiOf, inspectHook, removeAtForge } from './at-forge.ts'
import type { HookDeps } from './at-forge.ts'
import type { Hook } from './hook.ts'
import { deleteHook, updateHook } from './hooks.ts'

// What is done for hooks without being asked: see whether the forge still delivers, have it deliver what
// it could not while this service was away, and remove what deleted bindings have left behind.

export type CheckDeps = HookDeps & {
  /** Takes in a delivery of which the forge's history has kept the content. */
  readonly takeInMissed: (hook: Hook, missed: MissedDelivery) => Promise<void>
  /** Told of each hook of a deleted binding that is over with, and whether the forge has let it go. */
  readonly recordRemoval: (hook: Hook, isRemovedAtForge: boolean) => Promise<void>
}

// Two clocks are never the same; what is asked for twice is recognised by its id.
const OVERLAP_MS = 1 * MINUTE
// A delivery is a hint, and comparing both sides finds the rest.
const MOST_DELIVERIES = 100
const GIVE_UP_AFTER_MS = 1 * DAY

/** Undefined when all went well; else why the forge had better not be asked for more now. */
export async function checkHook(
  deps: CheckDeps,
  hook: Hook,
  { isEnabled }: { readonly isEnabled: boolean },
): Promise<ForgeApiFailure | undefined> {
  const { hook: inspected, remote, failure } = await inspectHook(deps, hook)
  if (inspected.problem !== null && inspected.problem !== hook.problem) {
    deps.logger.warn({ hook: hook.id, forge: hook.forge, problem: inspected.problem }, 'a hook has a problem')
  }
  if (failure !== undefined) return failure
  // What we refuse we would refuse again.
  if (remote === undefined || !isEnabled || inspected.lastStatus === 'rejected') return undefined
  return recoverMissed(deps, inspected, remote.id)
}

async function recoverMissed(
  deps: CheckDeps,
  hook: Hook,
  forgeHookId: string,
): Promise<ForgeApiFailure | undefined> {
  const api = await apiOf(deps, hook)
  if (api.missedDeliveries === undefined) return undefined
  const historyAt = deps.clock.now()
  const listed = await api.missedDeliveries(forgeHookId, hook.historyAt - OVERLAP_MS)
  if (!listed.ok) return listed.failure
  const missed = listed.value.slice(-MOST_DELIVERIES)
  for (const delivery of missed) {
    const failure = await deliverAgain(deps, api, { hook, forgeHookId, delivery })
    if (failure === undefined) continue
    if (isOfTheForge(failure)) return failure
    deps.logger.warn({ hook: hook.id, detail: failure.detail }, 'a missed delivery is not sent again')
  }
  await updateHook(deps, hook, { historyAt })
  if (missed.length > 0) {
    deps.logger.info(
      { hook: hook.id, forge: hook.forge, deliveries: missed.length },
      'missed deliveries found',
    )
  }
  return undefined
}

async function deliverAgain(
  deps: CheckDeps,
  api: ForgeApi,
  missed: { readonly hook: Hook; readonly forgeHookId: string; readonly delivery: MissedDelivery },
): Promise<ForgeApiFailure | undefined> {
  if (missed.delivery.payload !== null) {
    await deps.takeInMissed(missed.hook, missed.delivery)
    return undefined
  }
  const sent = await api.redeliver?.(missed.forgeHookId, missed.delivery.id)
  return sent === undefined || sent.ok ? undefined : sent.failure
}

/** Removes at its forge what no binding has any more; gives up after a day, or when the forge says no. */
export async function removeAbandoned(deps: CheckDeps, hook: Hook): Promise<ForgeApiFailure | undefined> {
  const failure = await removeAtForge(deps, hook)
  if (failure === undefined) {
    await deleteHook(deps, hook)
    await deps.recordRemoval(hook, hook.isManaged)
    return undefined
  }
  const now = deps.clock.now()
  const since = hook.abandonedAt ?? now
  if (isOfTheForge(failure) && now - since < GIVE_UP_AFTER_MS) {
    await updateHook(deps, hook, { abandonedAt: since })
    return failure
  }
  deps.logger.warn(
    { forge: hook.forge, repository: hook.address, forgeHookId: hook.forgeHookId, detail: failure.detail },
    'a hook of a deleted binding stays at its forge; remove it there by hand',
  )
  await deleteHook(deps, hook)
  await deps.recordRemoval(hook, false)
  return isOfTheForge(failure) ? failure : undefined
}

const OF_THE_FORGE: ReadonlySet<ForgeApiFailure['kind']> = new Set([
  'rate_limited',
  'unreachable',
  'tls',
  'proxy',
  'server_error',
])

/** Whether the next call would fail for the same reason. */
function isOfTheForge({ kind }: ForgeApiFailure): boolean {
  return OF_THE_FORGE.has(kind)
}
