import type { Selectable } from 'kysely'
import type { Clock } from '../clock.ts'
import type { Database, Executor } from '../db/database.ts'
import { countRows } from '../db/page.ts'
import type { BranchBindingTable } from '../db/schema.ts'
import { branchRef, toBranchName } from '../git/refs.ts'
import type { BranchName, RefName } from '../git/refs.ts'
import { BindingId, BranchBindingId } from '../ids.ts'
import type { Binding, BranchBinding, Direction } from './binding.ts'
import {
  bindingDisabled,
  branchDisabled,
  branchExists,
  branchNameRefused,
  branchUnknown,
  noBranchEnabled,
  wholeRepository,
} from './binding-error.ts'
import { bindingSubject } from './binding.ts'
import type { Page } from './bindings.ts'
import { getBinding } from './bindings.ts'
import { setEnabled } from './update.ts'

type Deps = { readonly db: Database; readonly clock: Clock }

export type NewBranch = {
  readonly enabled: boolean
  readonly internalBranch: string
  readonly externalBranch: string
}

/** A branch binding as a sync takes it. */
export type BranchScope = {
  readonly internal: RefName
  readonly external: RefName
  readonly branchId: BranchBindingId
}

/** What a person who asks for a sync has named. */
export type SyncTarget = {
  readonly binding: Binding
  readonly scope: 'all' | readonly BranchScope[]
}

/** Throws `binding_unknown`, `whole_repository_add`, `branch_name` or `branch_exists`. */
export async function createBranch(
  deps: Deps,
  bindingName: string,
  input: NewBranch,
): Promise<BranchBinding> {
  const internal = toBranchName(input.internalBranch)
  const external = toBranchName(input.externalBranch)
  return deps.db.transaction().execute(async (trx) => {
    const binding = await getBinding(trx, bindingName)
    if (binding.granularity === 'all') throw wholeRepository(bindingName, 'add')
    if (internal === undefined || external === undefined) throw branchNameRefused()
    const row = await trx
      .insertInto('branch_binding')
      .values({
        binding_id: binding.id,
        enabled: input.enabled ? 1 : 0,
        internal_branch: internal,
        external_branch: external,
        created_at: deps.clock.now(),
      })
      .onConflict((conflict) => conflict.doNothing())
      .returningAll()
      .executeTakeFirst()
    if (row !== undefined) return rowToBranch(row)
    const bound = await branchesOf(trx, [binding.id])
    const isInternal = bound.some(({ internalBranch }) => internalBranch === internal)
    throw isInternal ? branchExists('internal', internal) : branchExists('external', external)
  })
}

/** Throws `binding_unknown` or `whole_repository_read`. */
export async function listBranches(
  deps: { readonly db: Database },
  bindingName: string,
  { page, pageSize, newestFirst }: Page,
): Promise<{ readonly branches: readonly BranchBinding[]; readonly total: number }> {
  const binding = await getBinding(deps.db, bindingName)
  if (binding.granularity === 'all') throw wholeRepository(bindingName, 'read')
  const query = deps.db.selectFrom('branch_binding').where('binding_id', '=', binding.id)
  const total = await countRows(query)
  const rows = await query
    .selectAll()
    .orderBy('id', newestFirst ? 'desc' : 'asc')
    .limit(pageSize)
    .offset((page - 1) * pageSize)
    .execute()
  return { branches: rows.map(rowToBranch), total }
}

/** All branch bindings of these bindings. */
export async function branchesOf(
  db: Executor,
  bindingIds: readonly BindingId[],
): Promise<readonly BranchBinding[]> {
  if (bindingIds.length === 0) return []
  const rows = await db
    .selectFrom('branch_binding')
    .selectAll()
    .where('binding_id', 'in', bindingIds)
    .orderBy('id')
    .execute()
  return rows.map(rowToBranch)
}

/** Enabling a branch enables its binding too. Throws `binding_unknown`, `whole_repository_read` or `branch_unknown`. */
export async function setBranchEnabled(
  deps: Deps,
  bindingName: string,
  branchName: string,
  enabled: boolean,
): Promise<void> {
  await deps.db.transaction().execute(async (trx) => {
    const binding = await getBinding(trx, bindingName)
    if (binding.granularity === 'all') throw wholeRepository(bindingName, 'read')
    const branch = await getBranch(trx, binding, branchName, binding.direction)
    await trx
      .updateTable('branch_binding')
      .set({ enabled: enabled ? 1 : 0 })
      .where('id', '=', branch.id)
      .execute()
    if (enabled) await setEnabled({ db: trx, clock: deps.clock }, bindingName, true)
  })
}

/** Throws `binding_unknown`, `whole_repository_remove` or `branch_unknown`. */
export async function deleteBranch(
  deps: { readonly db: Database },
  bindingName: string,
  branchName: string,
): Promise<void> {
  await deps.db.transaction().execute(async (trx) => {
    const binding = await getBinding(trx, bindingName)
    if (binding.granularity === 'all') throw wholeRepository(bindingName, 'remove')
    const branch = await getBranch(trx, binding, branchName, binding.direction)
    // Bound again, the branch may be paired with another one.
    await trx
      .deleteFrom('agreed_ref')
      .where('subject', '=', bindingSubject(binding.id))
      .where('ref', '=', branchRef(branch.internalBranch))
      .execute()
    await trx.deleteFrom('branch_binding').where('id', '=', branch.id).execute()
  })
}

/**
 * The whole binding as it can be synced now: everything, or its enabled branches.
 * Throws `binding_unknown`, `binding_disabled` or `no_branch_enabled`.
 */
export async function bindingToSync(
  deps: { readonly db: Database },
  bindingName: string,
): Promise<SyncTarget> {
  const binding = await getBinding(deps.db, bindingName)
  if (!binding.enabled) throw bindingDisabled(bindingName)
  if (binding.granularity === 'all') return { binding, scope: 'all' }
  const branches = await branchesOf(deps.db, [binding.id])
  const scope = branches.filter((branch) => branch.enabled).map(branchToScope)
  if (scope.length === 0) throw noBranchEnabled(bindingName)
  return { binding, scope }
}

/**
 * One branch binding, named by the side that the given direction copies from. Throws `binding_unknown`,
 * `whole_repository_read`, `branch_unknown`, `binding_disabled` or `branch_disabled`.
 */
export async function branchToSync(
  deps: { readonly db: Database },
  bindingName: string,
  branchName: string,
  direction: Exclude<Direction, 'both'>,
): Promise<SyncTarget> {
  const binding = await getBinding(deps.db, bindingName)
  if (binding.granularity === 'all') throw wholeRepository(bindingName, 'read')
  const branch = await getBranch(deps.db, binding, branchName, direction)
  if (!binding.enabled) throw bindingDisabled(bindingName)
  if (!branch.enabled) throw branchDisabled(branchName)
  return { binding, scope: [branchToScope(branch)] }
}

// Under `both` no side is the source: the internal name is tried first.
async function getBranch(
  db: Executor,
  binding: Binding,
  branchName: string,
  direction: Direction,
): Promise<BranchBinding> {
  const columns: readonly ('internal_branch' | 'external_branch')[] =
    direction === 'to_outer'
      ? ['internal_branch']
      : direction === 'to_inter'
        ? ['external_branch']
        : ['internal_branch', 'external_branch']
  for (const column of columns) {
    const row = await db
      .selectFrom('branch_binding')
      .selectAll()
      .where('binding_id', '=', binding.id)
      .where(column, '=', branchName)
      .executeTakeFirst()
    if (row !== undefined) return rowToBranch(row)
  }
  throw branchUnknown(branchName)
}

/** The refs that a branch binding makes equal. */
export function branchToScope(branch: BranchBinding): BranchScope {
  return {
    internal: branchRef(branch.internalBranch),
    external: branchRef(branch.externalBranch),
    branchId: branch.id,
  }
}

function rowToBranch(row: Selectable<BranchBindingTable>): BranchBinding {
  return {
    id: BranchBindingId.parse(row.id),
    bindingId: BindingId.parse(row.binding_id),
    enabled: row.enabled === 1,
    internalBranch: storedBranch(row.internal_branch),
    externalBranch: storedBranch(row.external_branch),
    createdAt: Number(row.created_at),
  }
}

function storedBranch(text: string): BranchName {
  const branch = toBranchName(text)
  if (branch === undefined) throw new Error(`the stored branch name "${text}" is not one`)
  return branch
}
