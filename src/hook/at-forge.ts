import type { Binding } from '../binding/binding.ts'
import type { ForgeName } from '../forge/forge.ts'
import type {
  ForgeApi,
  ForgeApiFailure,
  ForgeApiOutcome,
  ForgeApiTarget,
  RemoteHook,
} from '../forge/forge-api.ts'
import type { HookId } from '../ids.ts'
import type { Logger } from '../log.ts'
import type { Hook } from './hook.ts'
import { createSecret, hookPath, hookUrl, problemOf } from './hook.ts'
import { forgeFailed, hookUnregistered, noHookApi, noHookTest, publicUrlMissing } from './hook-error.ts'
import type { HookStore } from './hooks.ts'
import { deleteHook, getHook, listHooks, openHook, setSecrets, updateHook } from './hooks.ts'
import { DAY } from '../clock.ts'
import type { Turns } from './turns.ts'

// What can be done with a registered hook at its forge: look, test, rotate its secret, remove it.

export type HookDeps = HookStore & {
  readonly logger: Logger
  /** How forges reach this service; without it no hook can be made. */
  readonly publicUrl: string | undefined
  /** Undefined when the forge has no API for hooks, or the address does not tell where it is. */
  readonly forgeApi: (target: ForgeApiTarget) => ForgeApi | undefined
  /** Undefined for a host that could be any forge. */
  readonly forgeOfAddress: (address: string) => ForgeName | undefined
  /** Two calls for one side of a binding would both find no hook at the forge, and make two. */
  readonly turns: Turns
  /** Aborts when the daemon stops, and calls to forges with it. */
  readonly stopping: AbortSignal
}

/** How long the secret before a rotation still counts: what the forge sends again it may have signed earlier. */
const PREVIOUS_COUNTS_MS = 1 * DAY

export function turnOf({ id }: Pick<Binding, 'id'>): string {
  return `binding:${id}`
}

export async function apiOf(deps: Pick<HookDeps, 'forgeApi'> & HookStore, hook: Hook): Promise<ForgeApi> {
  const { apiToken } = await openHook(deps, hook)
  if (apiToken === undefined) throw hookUnregistered()
  const { forge, address } = hook
  const api = deps.forgeApi({ forge, address, apiUrl: hook.apiUrl ?? undefined, token: apiToken })
  if (api === undefined) throw noHookApi(forge)
  return api
}

/** A hook as it is here, and as the forge has it. */
export type HookState = {
  readonly hook: Hook
  readonly remote: RemoteHook | undefined
  /** Set when the forge could not be asked. */
  readonly failure: ForgeApiFailure | undefined
}

/** The hooks of the binding; each forge is asked for its own state, and one that fails does not hide the rest. */
export async function inspectHooks(deps: HookDeps, binding: Binding): Promise<readonly HookState[]> {
  const hooks = await listHooks(deps, binding)
  return Promise.all(
    hooks.map(async (hook) => {
      const state = await inspectHook(deps, hook)
      return hook.address === binding[hook.side].address
        ? state
        : {
            ...state,
            hook: { ...state.hook, problem: 'the binding has another address now; register again' },
          }
    }),
  )
}

export async function inspectHook(deps: HookDeps, hook: Hook): Promise<HookState> {
  if (!hook.isManaged) return { hook, remote: undefined, failure: undefined }
  const api = await apiOf(deps, hook)
  const listed = await api.listHooks()
  if (!listed.ok) {
    // Our own end says nothing about the forge.
    if (deps.stopping.aborted) return { hook, remote: undefined, failure: listed.failure }
    const problem = forgeFailed(listed.failure).detail.en
    const updated = await updateHook(deps, hook, { problem, isChecked: true })
    return { hook: updated, remote: undefined, failure: listed.failure }
  }
  const remote = listed.value.find(({ id }) => id === hook.forgeHookId)
  const url = deps.publicUrl === undefined ? (remote?.url ?? '') : hookUrl(deps.publicUrl, hook)
  const problem = problemOf(remote, url) ?? null
  return {
    hook: await updateHook(deps, hook, { problem, isChecked: true }),
    remote,
    failure: undefined,
  }
}

/** Has the forge send a test delivery. Throws `hook_test` when it cannot. */
export async function testHook(deps: HookDeps, binding: Binding, id: HookId): Promise<void> {
  const hook = await getHook(deps, binding, id)
  const forgeHookId = registeredId(hook)
  const api = await apiOf(deps, hook)
  if (api.testHook === undefined) throw noHookTest(hook.forge)
  const tested = await api.testHook(forgeHookId)
  if (!tested.ok) throw forgeFailed(tested.failure)
}

export type Rotated = {
  readonly hook: Hook
  /** Only of a hook that a person makes at the forge: the only chance to see it. */
  readonly secret: string | undefined
}

/**
 * Gives the hook a new secret, here and at the forge; the old one counts for a day longer. When the forge
 * does not take it, the old one stays, and the new one counts for a day, in case the forge has it after all.
 */
export async function rotateSecret(deps: HookDeps, binding: Binding, id: HookId): Promise<Rotated> {
  const { publicUrl } = deps
  if (publicUrl === undefined) throw publicUrlMissing()
  return deps.turns(turnOf(binding), async () => {
    const hook = await getHook(deps, binding, id)
    const { secret: old, previous } = await openHook(deps, hook)
    const fresh = createSecret()
    const previousUntil = deps.clock.now() + PREVIOUS_COUNTS_MS
    const inForce = { current: fresh, previous: old, previousUntil }
    if (!hook.isManaged) return { hook: await setSecrets(deps, hook, inForce), secret: fresh }
    const forgeHookId = registeredId(hook)
    const api = await apiOf(deps, hook)
    // Before the forge has it: it may sign with it before its answer is here.
    const rotated = await setSecrets(deps, hook, inForce)
    const changed = await api.updateHook(forgeHookId, { url: hookUrl(publicUrl, hook), secret: fresh })
    if (changed.ok) {
      const known = await updateHook(deps, rotated, { forgeHookId: changed.value.id })
      return { hook: known, secret: undefined }
    }
    // A forge that broke off may have taken the new one all the same; one that said no has not.
    const unchanged = { current: old, previous, previousUntil: hook.previousUntil }
    const eitherCounts = { current: old, previous: fresh, previousUntil }
    await setSecrets(deps, hook, isUncertain(changed.failure) ? eitherCounts : unchanged)
    throw forgeFailed(changed.failure)
  })
}

function isUncertain({ kind }: ForgeApiFailure): boolean {
  return kind === 'server_error' || kind === 'unreachable' || kind === 'unexpected'
}

/**
 * Removes the hook at the forge and here, and tells whether the forge has let it go: one that a person made
 * there is theirs to remove. When the forge cannot be asked the hook stays, unless it is to be forgotten all
 * the same.
 */
export async function removeHook(
  deps: HookDeps,
  binding: Binding,
  id: HookId,
  { force }: { readonly force: boolean },
): Promise<{ readonly isRemovedAtForge: boolean }> {
  return deps.turns(turnOf(binding), async () => {
    const hook = await getHook(deps, binding, id)
    const failure = await removeAtForge(deps, hook)
    if (failure !== undefined) {
      if (!force) throw forgeFailed(failure, FORGET)
      deps.logger.warn({ binding: binding.name, hook: id, detail: failure.detail }, 'a hook was forgotten')
    }
    await deleteHook(deps, hook)
    return { isRemovedAtForge: hook.isManaged && failure === undefined }
  })
}

const FORGET = {
  zh: '或使用 ?force=true 仅在本服务中删除',
  en: 'or forget it here only, with ?force=true',
}

/** Undefined when the forge does not have the hook any more. */
export async function removeAtForge(
  deps: Pick<HookDeps, 'forgeApi'> & HookStore,
  hook: Hook,
): Promise<ForgeApiFailure | undefined> {
  if (!hook.isManaged) return undefined
  const api = await apiOf(deps, hook)
  if (hook.forgeHookId !== null) return failureOf(await api.deleteHook(hook.forgeHookId))
  // It was being made when the service died: the forge may have it, at our address.
  const listed = await api.listHooks()
  if (!listed.ok) return failureOf(listed)
  for (const { id } of listed.value.filter(({ url }) => url.endsWith(hookPath(hook)))) {
    const failure = failureOf(await api.deleteHook(id))
    if (failure !== undefined) return failure
  }
  return undefined
}

// What is not there need not be removed.
function failureOf(outcome: ForgeApiOutcome<unknown>): ForgeApiFailure | undefined {
  return outcome.ok || outcome.failure.kind === 'not_found' ? undefined : outcome.failure
}

function registeredId({ forgeHookId }: Hook): string {
  if (forgeHookId === null) throw hookUnregistered()
  return forgeHookId
}
