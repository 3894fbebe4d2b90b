import type { Binding, Side } from '../binding/binding.ts'
import { allowTry } from '../binding/default-branches.ts'
import { isPrivateHost } from '../binding/host.ts'
import type { ForgeName } from '../forge/forge.ts'
import type { ForgeApi, RemoteHook } from '../forge/forge-api.ts'
import type { HookDeps } from './at-forge.ts'
import { turnOf } from './at-forge.ts'
import { findAccess } from './forge-access.ts'
import type { Hook } from './hook.ts'
import { createSecret, createSlug, findOurs, hookUrl, problemOf } from './hook.ts'
import { apiTokenMissing, forgeFailed, forgeUnclear, noHookApi, publicUrlMissing } from './hook-error.ts'
import {
  abandonHook,
  deleteHook,
  findSideHook,
  insertHook,
  openHook,
  otherSlugs,
  updateHook,
} from './hooks.ts'
import { checkMirror } from './mirror-side.ts'

// Makes the forge deliver to us, once and rightly: whatever it already has of ours is mended, never doubled.

export type Registration = {
  readonly side: Side
  /** Left out: the one that was given before. */
  readonly apiToken: string | undefined
  /** Left out: as before, or as the address tells. */
  readonly forge: ForgeName | undefined
  readonly apiUrl: string | undefined
}

export type Registered = {
  readonly hook: Hook
  readonly done: 'created' | 'repaired' | 'unchanged'
  /** Of a new hook that a person makes at the forge: the only chance to see it. */
  readonly secret?: string
}

/**
 * Registers the side's hook at its forge, or mends address, events, secret and state of the one that is
 * there. A failure leaves what was registered before as it was. Throws `public_url`, `forge_unclear`,
 * `api_token`, `hook_api`, `pull_mirror` or `forge_…`.
 */
export async function registerHook(
  deps: HookDeps,
  binding: Binding,
  registration: Registration,
): Promise<Registered> {
  const { publicUrl } = deps
  if (publicUrl === undefined) throw publicUrlMissing()
  return deps.turns(turnOf(binding), async () => {
    const before = await findSideHook(deps, binding, registration.side)
    const plan = await planFor(deps, binding, registration, before)
    const kept = plan.isMoved ? undefined : before
    const slug = kept?.slug ?? createSlug()
    // Asked before anything is changed, so that a wrong token or address changes nothing.
    const listed = await plan.api.listHooks()
    if (!listed.ok) throw forgeFailed(listed.failure)
    await refusePullMirror(deps, binding, registration.side, plan.api)
    const others = await otherSlugs(deps, slug)
    const known = { forge: plan.forge, slug, forgeHookId: kept?.forgeHookId ?? null }
    const remote = findOurs(listed.value, known, publicUrl, others)
    if (before !== undefined && kept === undefined) await letGo(deps, before)
    const hook =
      kept === undefined
        ? await insertHook(deps, {
            ...plan,
            slug,
            bindingId: binding.id,
            side: registration.side,
            secret: createSecret(),
          })
        : await updateHook(deps, kept, { apiToken: plan.apiToken, apiUrl: plan.apiUrl })
    await allowTry(deps.db, binding.id, registration.side)
    warnOfOpenApi(deps, binding, hook)
    const isNew = kept === undefined
    return makeRight(deps, plan.api, hook, remote, { publicUrl, isNew })
  })
}

/**
 * Prepares an address and a secret for a person to give to the forge, for forges without an API or without
 * a token for it. A side that has a hook at that forge keeps it. Throws `public_url` or `forge_unclear`.
 */
export async function prepareHook(
  deps: HookDeps,
  binding: Binding,
  { side, forge: named }: Pick<Registration, 'side' | 'forge'>,
): Promise<Registered> {
  if (deps.publicUrl === undefined) throw publicUrlMissing()
  const { address } = binding[side]
  const forge = named ?? deps.forgeOfAddress(address)
  if (forge === undefined) throw forgeUnclear()
  return deps.turns(turnOf(binding), async () => {
    const before = await findSideHook(deps, binding, side)
    if (before?.forge === forge && before.address === address) return { hook: before, done: 'unchanged' }
    if (before !== undefined) await letGo(deps, before)
    const secret = createSecret()
    const asked = { slug: createSlug(), forge, side, address, secret, bindingId: binding.id }
    const hook = await insertHook(deps, { ...asked, apiUrl: null, apiToken: undefined })
    return { hook, done: 'created', secret }
  })
}

type Plan = {
  readonly forge: ForgeName
  readonly address: string
  readonly apiUrl: string | null
  readonly apiToken: string
  readonly api: ForgeApi
  /** The hook of before is at another place than the one that is wanted now. */
  readonly isMoved: boolean
}

async function planFor(
  deps: HookDeps,
  binding: Binding,
  { side, forge: named, apiUrl: given, apiToken }: Registration,
  before: Hook | undefined,
): Promise<Plan> {
  const { address } = binding[side]
  const forge =
    named ?? (before?.address === address ? before.forge : undefined) ?? deps.forgeOfAddress(address)
  if (forge === undefined) throw forgeUnclear()
  const apiUrl = given ?? before?.apiUrl ?? null
  const isMoved =
    before !== undefined &&
    (before.address !== address || before.forge !== forge || (before.isManaged && before.apiUrl !== apiUrl))
  // The token of before was given for another place, and must not be sent anywhere else.
  const stored = before === undefined || isMoved ? undefined : (await openHook(deps, before)).apiToken
  const token = apiToken ?? stored
  if (token === undefined) throw apiTokenMissing()
  const api = deps.forgeApi({ forge, address, apiUrl: apiUrl ?? undefined, token })
  if (api === undefined) throw noHookApi(forge)
  return { forge, address, apiUrl, apiToken: token, api, isMoved }
}

/** Pushes would fail there later, where nobody looks. A forge that does not say is no obstacle. */
async function refusePullMirror(deps: HookDeps, binding: Binding, side: Side, api: ForgeApi): Promise<void> {
  const described = await api.describeRepository?.()
  if (described?.ok !== true || described.value.mirror !== 'pull') return
  const access = await findAccess(deps, binding, side)
  checkMirror(binding, side, described.value, access?.isMirror ?? false)
}

/** A token that anybody on the way can read is worth a word, but many networks run this way. */
export function warnOfOpenApi(
  { logger }: Pick<HookDeps, 'logger'>,
  binding: Binding,
  { side, apiUrl, address }: Pick<Hook, 'side' | 'apiUrl' | 'address'>,
): void {
  const place = URL.parse(apiUrl ?? address)
  const host = place?.hostname.replace(/^\[(.*)\]$/, '$1') ?? ''
  if (place?.protocol !== 'http:' || isPrivateHost(host)) return
  logger.warn(
    { binding: binding.name, side, host },
    'the token for an API travels unencrypted to a public host; use https',
  )
}

async function letGo(deps: HookDeps, hook: Hook): Promise<void> {
  if (hook.forgeHookId === null) await deleteHook(deps, hook)
  else await abandonHook(deps, hook)
}

// Also when nothing seems wrong: no forge tells which secret it has.
async function makeRight(
  deps: HookDeps,
  api: ForgeApi,
  hook: Hook,
  remote: RemoteHook | undefined,
  { publicUrl, isNew }: { readonly publicUrl: string; readonly isNew: boolean },
): Promise<Registered> {
  const url = hookUrl(publicUrl, hook)
  const { secret } = await openHook(deps, hook)
  const outcome = await (remote === undefined
    ? api.createHook({ url, secret })
    : api.updateHook(remote.id, { url, secret }))
  if (!outcome.ok) {
    // If the forge has made it all the same, the next registration finds it by its address.
    if (isNew) await deleteHook(deps, hook)
    throw forgeFailed(outcome.failure)
  }
  const made = outcome.value
  const problem = problemOf(made, url) ?? null
  const done =
    remote === undefined ? 'created' : hasDrifted(hook, remote, made, url) ? 'repaired' : 'unchanged'
  return { hook: await updateHook(deps, hook, { forgeHookId: made.id, problem, isChecked: true }), done }
}

// A problem that stays is none that was mended, such as deliveries that failed while this service was down.
function hasDrifted(hook: Hook, remote: RemoteHook, made: RemoteHook, url: string): boolean {
  if (remote.id !== hook.forgeHookId || remote.url !== url) return true
  return !remote.isActive || !remote.hasEvents || (remote.problem !== null && made.problem === null)
}
