import type { Binding, Side } from '../binding/binding.ts'
import type { ForgeName } from '../forge/forge.ts'
import type { ForgeApi, ForgeApiFailure, RemoteRepository } from '../forge/forge-api.ts'
import { turnOf } from './at-forge.ts'
import type { HookDeps } from './at-forge.ts'
import { deleteAccess, findAccess, listAccess, storeAccess } from './forge-access.ts'
import type { ForgeAccess } from './forge-access.ts'
import { forgeUnknown, noForgeCall } from './forge-error.ts'
import { apiTokenMissing, forgeFailed, forgeUnclear } from './hook-error.ts'
import { checkMirror, requireMirrorable } from './mirror-side.ts'
import { warnOfOpenApi } from './register.ts'

// The repositories of a binding as their forges have them, and the access that it takes to ask.

export type GivenAccess = {
  /** Left out: the one that is known already, also from a hook. */
  readonly apiToken: string | undefined
  /** Left out: as before, or as the address tells. */
  readonly forge: ForgeName | undefined
  readonly apiUrl: string | undefined
}

/** What is known of one side's forge. */
export type SideForge = {
  readonly side: Side
  readonly access: ForgeAccess
  readonly repository: RemoteRepository | undefined
  /** Set when the forge could not be asked. */
  readonly failure: ForgeApiFailure | undefined
}

/**
 * Keeps access to the forge of one side, once it has proved to work. `isMirror` says that the forge fills
 * this side from the other one. Throws `forge_unclear`, `api_token`, `forge_call`, `forge_…`,
 * `pull_mirror`, `no_mirror` or `mirror_binding`.
 */
export async function giveAccess(
  deps: HookDeps,
  binding: Binding,
  side: Side,
  { isMirror, ...given }: GivenAccess & { readonly isMirror: boolean | undefined },
): Promise<SideForge> {
  if (isMirror === true) requireMirrorable(binding, side)
  return deps.turns(turnOf(binding), async () => {
    const { access, api } = await planAccess(deps, binding, side, given)
    if (api.describeRepository === undefined) throw noForgeCall(access.forge)
    const described = await api.describeRepository()
    if (!described.ok) throw forgeFailed(described.failure)
    const kept = { ...access, from: 'access' as const, isMirror: isMirror ?? access.isMirror }
    checkMirror(binding, side, described.value, kept.isMirror)
    await storeAccess(deps, binding, side, kept)
    warnOfOpenApi(deps, binding, { side, apiUrl: kept.apiUrl, address: binding[side].address })
    return { side, access: kept, repository: described.value, failure: undefined }
  })
}

/** The sides to whose forges there is access; each is asked now, and one that fails does not hide the other. */
export async function inspectForges(deps: HookDeps, binding: Binding): Promise<readonly SideForge[]> {
  const known = await listAccess(deps, binding)
  return Promise.all(
    known.map(async ({ side, access }) => {
      const described = await apiWith(deps, binding, side, access)?.describeRepository?.()
      return {
        side,
        access,
        repository: described?.ok === true ? described.value : undefined,
        failure: described?.ok === false ? described.failure : undefined,
      }
    }),
  )
}

/** Throws `forge_unknown`; the token of a hook stays with its hook. */
export async function removeAccess(deps: HookDeps, binding: Binding, side: Side): Promise<void> {
  return deps.turns(turnOf(binding), async () => {
    if (!(await deleteAccess(deps, binding, side))) throw forgeUnknown()
  })
}

/** The access to use, from what was given and what is known, and what it opens. Throws as `giveAccess`. */
export async function planAccess(
  deps: HookDeps,
  binding: Binding,
  side: Side,
  given: GivenAccess,
): Promise<{ readonly access: ForgeAccess; readonly api: ForgeApi }> {
  const known = await findAccess(deps, binding, side)
  const forge = given.forge ?? known?.forge ?? deps.forgeOfAddress(binding[side].address)
  if (forge === undefined) throw forgeUnclear()
  const before = known?.forge === forge ? known : undefined
  const apiUrl = given.apiUrl ?? before?.apiUrl ?? null
  // The token of before was given for another place, and must not be sent anywhere else.
  const apiToken = given.apiToken ?? (before?.apiUrl === apiUrl ? before.apiToken : undefined)
  if (apiToken === undefined) throw apiTokenMissing()
  const access = { forge, apiUrl, apiToken, from: 'access' as const, isMirror: before?.isMirror ?? false }
  const api = apiWith(deps, binding, side, access)
  if (api === undefined) throw noForgeCall(forge)
  return { access, api }
}

/** Undefined when the forge has no API that knows the address. */
export function apiWith(
  deps: Pick<HookDeps, 'forgeApi'>,
  binding: Binding,
  side: Side,
  { forge, apiUrl, apiToken }: ForgeAccess,
): ForgeApi | undefined {
  const { address } = binding[side]
  return deps.forgeApi({ forge, address, apiUrl: apiUrl ?? undefined, token: apiToken })
}
