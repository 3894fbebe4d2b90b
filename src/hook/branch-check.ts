import type { Binding, Side } from '../binding/binding.ts'
import { allowsFrom, SIDES } from '../binding/binding.ts'
import { getBinding } from '../binding/bindings.ts'
import type { RemoteBranch } from '../forge/forge-api.ts'
import { toBranchName } from '../git/refs.ts'
import type { HookDeps } from './at-forge.ts'
import { findAccess } from './forge-access.ts'
import { branchNotAtForge } from './forge-error.ts'
import { apiWith } from './side-forges.ts'

/**
 * Refuses a branch that the forge it would come from does not have. A forge that is not known or cannot be
 * asked refuses nothing. Throws `binding_unknown` or `branch_not_at_forge`.
 */
export async function requireBranch(
  deps: HookDeps,
  bindingName: string,
  names: Readonly<Record<Side, string>>,
): Promise<void> {
  const binding = await getBinding(deps.db, bindingName)
  // What is wrong with the request itself is not for a forge to say.
  const isBindable = SIDES.every((side) => toBranchName(names[side]) !== undefined)
  if (binding.granularity === 'all' || !isBindable) return
  const sources = SIDES.filter((side) => allowsFrom(binding.direction, side))
  const known = []
  for (const side of sources) {
    const branches = await branchesAt(deps, binding, side)
    if (branches === undefined || branches.some(({ name }) => name === names[side])) return
    known.push({ side, branches })
  }
  const [first] = known
  if (first === undefined) return
  throw branchNotAtForge(
    names[first.side],
    first.branches.map(({ name }) => name),
  )
}

async function branchesAt(
  deps: HookDeps,
  binding: Binding,
  side: Side,
): Promise<readonly RemoteBranch[] | undefined> {
  const access = await findAccess(deps, binding, side)
  if (access === undefined) return undefined
  const listed = await apiWith(deps, binding, side, access)?.listBranches?.()
  if (listed?.ok !== false) return listed?.value
  deps.logger.warn(
    { binding: binding.name, side, detail: listed.failure.detail },
    'a branch is bound unchecked: its forge could not be asked',
  )
  return undefined
}
