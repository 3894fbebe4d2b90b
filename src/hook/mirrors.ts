import { otherSide } from '../binding/binding.ts'
import type { Binding, Side } from '../binding/binding.ts'
import { credentialOf } from '../binding/credential.ts'
import type { ForgeApiFailure } from '../forge/forge-api.ts'
import type { GitErrorKind, GitFailure } from '../git/git-error.ts'
import { turnOf } from './at-forge.ts'
import type { HookDeps } from './at-forge.ts'
import { findAccess, storeAccess } from './forge-access.ts'
import { cloneAddressRefused, credentialMissing, noForgeCall, repositoryExists } from './forge-error.ts'
import { forgeFailed } from './hook-error.ts'
import { requireMirrorable } from './mirror-side.ts'
import { warnOfOpenApi } from './register.ts'
import type { GivenAccess, SideForge } from './side-forges.ts'
import { apiWith, planAccess } from './side-forges.ts'

// Repositories that their forge fills from the other side by itself: made once, and asked to pull.

export type MirrorRequest = GivenAccess & {
  /** Whether the forge may have the credential that is stored for the other side. */
  readonly sharesCredential: boolean
  readonly isPrivate: boolean
  /** Left out: looked up by the name in the address. */
  readonly ownerId: string | undefined
}

/**
 * Makes the missing repository of a side as a mirror of the other one. Throws as `giveAccess`, or
 * `clone_address`, `credential` or `repository_exists`.
 */
export async function createMirror(
  deps: HookDeps,
  binding: Binding,
  side: Side,
  request: MirrorRequest,
): Promise<SideForge> {
  requireMirrorable(binding, side)
  const { url: cloneUrl } = binding[otherSide(side)]
  if (!/^https?:/i.test(cloneUrl)) throw cloneAddressRefused()
  const credential = request.sharesCredential ? await passwordOf(deps, binding, otherSide(side)) : undefined
  return deps.turns(turnOf(binding), async () => {
    const { access, api } = await planAccess(deps, binding, side, request)
    const { describeRepository, createRepository } = api
    if (describeRepository === undefined || createRepository === undefined) throw noForgeCall(access.forge)
    const before = await describeRepository()
    if (before.ok) throw repositoryExists()
    if (before.failure.kind !== 'not_found') throw forgeFailed(before.failure)
    const { isPrivate, ownerId } = request
    const created = await createRepository({ cloneUrl, credential, isPrivate, ownerId })
    if (!created.ok) throw forgeFailed(created.failure)
    const kept = { ...access, isMirror: true }
    await storeAccess(deps, binding, side, kept)
    warnOfOpenApi(deps, binding, { side, apiUrl: kept.apiUrl, address: binding[side].address })
    const after = await describeRepository()
    return after.ok
      ? { side, access: kept, repository: after.value, failure: undefined }
      : { side, access: kept, repository: undefined, failure: after.failure }
  })
}

/** Has the forge of the side pull from the other one; undefined when it has taken the request. */
export async function triggerMirror(
  deps: HookDeps,
  binding: Binding,
  side: Side,
): Promise<GitFailure | undefined> {
  const access = await findAccess(deps, binding, side)
  const api = access === undefined ? undefined : apiWith(deps, binding, side, access)
  if (api?.triggerMirror === undefined) {
    return { kind: 'auth', detail: 'there is no access to the forge of the mirror any more' }
  }
  const triggered = await api.triggerMirror()
  if (triggered.ok) return undefined
  return { kind: KIND_BY_FAILURE[triggered.failure.kind], detail: triggered.failure.detail }
}

const KIND_BY_FAILURE: Readonly<Record<ForgeApiFailure['kind'], GitErrorKind>> = {
  unauthorized: 'auth',
  forbidden: 'forbidden',
  not_found: 'not_found',
  // Such as while the pull before this one goes on, so trying again may help.
  refused: 'unknown',
  rate_limited: 'rate_limited',
  server_error: 'server_error',
  unreachable: 'unreachable',
  tls: 'tls',
  proxy: 'proxy',
  unexpected: 'server_error',
}

async function passwordOf(deps: HookDeps, binding: Binding, side: Side) {
  const credential = await credentialOf(deps, binding, side)
  if (credential?.kind !== 'password') throw credentialMissing()
  return credential
}
