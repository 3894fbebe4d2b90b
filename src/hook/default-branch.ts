import type { Binding, Side } from '../binding/binding.ts'
import { claimTry, recordFailedTry, recordImpossibleTry } from '../binding/default-branches.ts'
import type { Followed, FollowProblem } from '../binding/default-branches.ts'
import { bothLanguages } from '../domain-error.ts'
import type { DomainError } from '../domain-error.ts'
import type { ForgeApi } from '../forge/forge-api.ts'
import { shortName } from '../git/refs.ts'
import type { RefName } from '../git/refs.ts'
import type { HookDeps } from './at-forge.ts'
import { findAccess } from './forge-access.ts'
import type { ForgeAccess } from './forge-access.ts'
import { noDefaultBranchCall, noForgeAccess, noForgeCall } from './forge-error.ts'
import { forgeFailed } from './hook-error.ts'
import { apiWith } from './side-forges.ts'

/**
 * Makes the branch the default one of the side at its forge, which is asked once an hour at most. What fails is
 * kept for people to see.
 */
export async function followDefault(
  deps: HookDeps,
  binding: Binding,
  side: Side,
  branch: RefName,
  signal: AbortSignal,
): Promise<Followed> {
  const wanted = { binding: binding.id, side, branch }
  const way = await findWay(deps, binding, side)
  if ('refusal' in way) {
    const problem = toProblem(way.refusal)
    const isNew = await recordImpossibleTry(deps.db, wanted, problem)
    return isNew ? { kind: 'failed', problem } : { kind: 'waiting' }
  }
  const nextTryAt = await claimTry(deps.db, wanted, deps.clock.now())
  if (nextTryAt === undefined) return { kind: 'waiting' }
  const outcome = await orAborted(way.setDefaultBranch(shortName(branch)), signal)
  if (outcome === undefined) return { kind: 'waiting' }
  if (outcome.ok) return { kind: 'done' }
  const problem = toProblem(forgeFailed(outcome.failure))
  const notBefore = deps.clock.now() + (outcome.failure.retryAfterMs ?? 0)
  await recordFailedTry(deps.db, wanted, problem, Math.max(nextTryAt, notBefore))
  return { kind: 'failed', problem }
}

type Way =
  { readonly setDefaultBranch: NonNullable<ForgeApi['setDefaultBranch']> } | { readonly refusal: DomainError }

async function findWay(deps: HookDeps, binding: Binding, side: Side): Promise<Way> {
  const access = await openAccess(deps, binding, side)
  if (access === undefined) return { refusal: noForgeAccess(binding.name, side) }
  const api = apiWith(deps, binding, side, access)
  if (api === undefined) return { refusal: noForgeCall(access.forge) }
  const { setDefaultBranch } = api
  return setDefaultBranch === undefined
    ? { refusal: noDefaultBranchCall(access.forge) }
    : { setDefaultBranch }
}

/** A token that cannot be opened any more is as good as none. */
async function openAccess(deps: HookDeps, binding: Binding, side: Side): Promise<ForgeAccess | undefined> {
  try {
    return await findAccess(deps, binding, side)
  } catch (error) {
    deps.logger.error({ err: error, binding: binding.name, side }, 'the access to a forge cannot be used')
    return undefined
  }
}

// A call to a forge ends by itself, and never rejects; a service that stops does not wait for that.
async function orAborted<Result>(call: Promise<Result>, signal: AbortSignal): Promise<Result | undefined> {
  const aborted = Promise.withResolvers<undefined>()
  const onAbort = (): void => aborted.resolve(undefined)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  try {
    return await Promise.race([call, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function toProblem({ reason, detail, hint }: DomainError): FollowProblem {
  return { reason, detail: bothLanguages(detail), hint: hint === undefined ? null : bothLanguages(hint) }
}
