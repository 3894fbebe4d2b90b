import type { Vault } from '../credential/vault.ts'
import type { Database } from '../db/database.ts'
import type { RemoteUrl } from '../git/refs.ts'
import type { BindingId } from '../ids.ts'
import { parseAddress } from './address.ts'
import type { AddressRules } from './address.ts'
import type { Binding, Side } from './binding.ts'
import { bindingSubject, SIDES } from './binding.ts'
import { findBinding } from './bindings.ts'
import type { BranchScope } from './branches.ts'
import { branchesOf, branchToScope } from './branches.ts'
import { credentialOf } from './credential.ts'
import type { SideCredential } from './credential.ts'

type SideForRun = { readonly url: RemoteUrl; readonly credential: SideCredential | undefined }

/** A binding with everything that a run needs of it. */
export type BindingForRun = {
  readonly binding: Binding
  /** Under which its mirror and its backups are kept. */
  readonly subject: string
  readonly remotes: Readonly<Record<Side, SideForRun>>
  /** Why the rules of now forbid one of the addresses; they may be stricter than when it was bound. */
  readonly denied: string | undefined
  /** The side that its forge fills from the other one by itself, so that git never pushes to it. */
  readonly mirror: Side | undefined
  /** Enabled branch bindings; only when the granularity is `one`. */
  readonly branches: readonly BranchScope[]
}

/** The binding as a run needs it now; undefined when it was removed since the run was requested. */
export async function loadForRun(
  deps: { readonly db: Database; readonly vault: Vault; readonly addressRules: AddressRules },
  id: BindingId,
): Promise<BindingForRun | undefined> {
  const binding = await findBinding(deps.db, id)
  if (binding === undefined) return undefined
  const remote = async (side: Side): Promise<SideForRun> => ({
    url: binding[side].url,
    credential: await credentialOf(deps, binding, side),
  })
  const branches = binding.granularity === 'one' ? await branchesOf(deps.db, [binding.id]) : []
  return {
    binding,
    subject: bindingSubject(binding.id),
    remotes: { internal: await remote('internal'), external: await remote('external') },
    mirror: await mirrorOf(deps.db, binding),
    branches: branches.filter((branch) => branch.enabled).map(branchToScope),
    denied: SIDES.map((side) => parseAddress(binding[side].address, deps.addressRules)).find(
      (parsed) => parsed.kind === 'refused',
    )?.detail.en,
  }
}

async function mirrorOf(db: Database, binding: Binding): Promise<Side | undefined> {
  const rows = await db
    .selectFrom('binding_forge')
    .select(['side', 'address'])
    .where('binding_id', '=', binding.id)
    .where('is_mirror', '=', 1)
    .execute()
  return rows.find(({ side, address }) => binding[side].address === address)?.side
}
