import { allowsFrom, previewSubject, runSubjectOf, sourceSide } from '../binding/binding.ts'
import type { Binding, Direction } from '../binding/binding.ts'
import { bindingToSync, branchesOf, branchToScope } from '../binding/branches.ts'
import type { BranchScope } from '../binding/branches.ts'
import { branchDisabled, branchUnknown } from '../binding/binding-error.ts'
import { getBinding } from '../binding/bindings.ts'
import { placeRef } from '../binding/rules.ts'
import type { RefPair } from '../binding/rules.ts'
import type { Clock } from '../clock.ts'
import type { Alongside, Database } from '../db/database.ts'
import { DomainError } from '../domain-error.ts'
import { toRefName } from '../git/refs.ts'
import type { RunId } from '../ids.ts'
import { requestRun, stopping } from './request.ts'
import type { WorkItem } from './run.ts'

// A person asks for a sync.

export type AskDeps = {
  readonly db: Database
  readonly clock: Clock
  readonly attemptLimit: number
  readonly wakeQueue: () => void
  /** Whether the service stops, and takes no more requests of people. */
  readonly isStopping: () => boolean
}

export type Ask = {
  readonly binding: Binding
  readonly direction: Direction
  readonly scope: 'all' | readonly (RefPair & { readonly branchId: BranchScope['branchId'] | null })[]
  readonly force: boolean
  /** Somebody waits for the answer, so the first attempt decides. */
  readonly wait: boolean
  /** Just this direction, also where the binding carries both. */
  readonly named?: boolean
  readonly dryRun?: boolean
  readonly by?: string | undefined
  readonly alongside?: Alongside<RunId>
}

/** Requests a run and resolves to its id once that survives a crash. Throws `stopping`. */
export async function askForSync(deps: AskDeps, ask: Ask): Promise<RunId> {
  if (deps.isStopping()) throw stopping()
  const { binding, scope, direction, force } = ask
  const item: WorkItem = {
    direction,
    scope: scope === 'all' ? scope : scope.map((ref) => ({ ...ref, after: null })),
    force,
    named: scope !== 'all' || ask.named === true,
  }
  const of = runSubjectOf(binding)
  const request = {
    of: ask.dryRun === true ? { ...of, subject: previewSubject(binding.id) } : of,
    trigger: 'manual' as const,
    work: [item],
    attemptLimit: ask.wait || ask.dryRun === true ? 1 : deps.attemptLimit,
    requestedBy: ask.by,
    dryRun: ask.dryRun === true,
  }
  const id = await deps.db.transaction().execute(async (trx) => {
    const requested = await requestRun(trx, request, deps.clock.now())
    await ask.alongside?.(trx, requested)
    return requested
  })
  deps.wakeQueue()
  return id
}

/** What was missed while a binding was paused is carried over now; what waits for it waits no more. */
export async function compareNow(
  { db, clock, attemptLimit }: Pick<AskDeps, 'db' | 'clock' | 'attemptLimit'>,
  binding: Binding,
): Promise<void> {
  const work = [{ direction: binding.direction, scope: 'all' as const, force: false, named: false }]
  const request = { of: runSubjectOf(binding), trigger: 'retry' as const, work, attemptLimit }
  await db.transaction().execute((trx) => requestRun(trx, request, clock.now()))
}

export type Wish = {
  readonly direction: Direction | undefined
  /** Branches by their internal short names, or full refs; undefined: everything. */
  readonly branches: readonly string[] | undefined
  readonly force: boolean
  readonly dryRun: boolean
  readonly by: string
  readonly alongside: Alongside<RunId>
}

/**
 * The same for a wish in the words of the binding. Throws `binding_unknown`, `binding_disabled`, `direction`,
 * `force_direction`, `branch_name`, `branch_left_out`, `branch_unknown`, `branch_disabled` or `no_branch_enabled`.
 */
export async function wishForSync(deps: AskDeps, name: string, wish: Wish): Promise<RunId> {
  const direction = wish.direction ?? (await getBinding(deps.db, name)).direction
  const { binding, scope } = await bindingToSync(deps, name)
  if (wish.force && direction === 'both') throw forceNeedsDirection()
  const { dryRun, force, by, alongside } = wish
  const common = { binding, direction, force, dryRun, by, alongside, wait: false }
  if (wish.branches !== undefined) {
    return askForSync(deps, { ...common, scope: await scopeOf(deps, binding, wish.branches) })
  }
  // The wrong way, the rules of a binding would empty its source.
  if (direction !== 'both' && !allowsFrom(binding.direction, sourceSide(direction)))
    throw wrongDirection(binding)
  if (direction === 'both' && binding.direction !== 'both') throw wrongDirection(binding)
  return askForSync(deps, { ...common, scope, named: direction !== binding.direction })
}

async function scopeOf(deps: AskDeps, binding: Binding, names: readonly string[]) {
  if (binding.granularity === 'all') {
    return names.map((name) => ({ ...placed(binding, name), branchId: null }))
  }
  const branches = await branchesOf(deps.db, [binding.id])
  return names.map((name) => {
    const branch = branches.find(({ internalBranch }) => internalBranch === name)
    if (branch === undefined) throw branchUnknown(name)
    if (!branch.enabled) throw branchDisabled(name)
    return branchToScope(branch)
  })
}

function placed({ rules }: Binding, name: string): RefPair {
  const ref = toRefName(name) ?? toRefName(`refs/heads/${name}`)
  if (ref === undefined) {
    throw new DomainError('invalid', 'branch_name', {
      zh: '分支名称不能使用',
      en: 'the name of the branch cannot be used',
    })
  }
  const pair = placeRef(rules, 'internal', ref)
  if (typeof pair !== 'string') return pair
  throw new DomainError(
    'invalid',
    'branch_left_out',
    { zh: `规则不同步 ${ref}`, en: `the rules of the binding leave ${ref} out` },
    {
      hint: {
        zh: '请检查 include、exclude、rename 与 tag_policy',
        en: 'see include, exclude, rename and tag_policy',
      },
    },
  )
}

function forceNeedsDirection(): DomainError {
  return new DomainError(
    'invalid',
    'force_direction',
    { zh: '双向同步没有固定的目标，强制时必须指定方向', en: 'both ways at once have no target to overwrite' },
    {
      hint: {
        zh: '请加上 direction（to_outer 或 to_inter），或在冲突列表中逐个解决',
        en: 'add a direction (to_outer or to_inter), or resolve the conflicts one by one',
      },
    },
  )
}

function wrongDirection({ direction }: Binding): DomainError {
  return new DomainError(
    'conflict',
    'direction',
    {
      zh: `该绑定只按 ${direction} 方向同步整个仓库`,
      en: `the binding carries the whole repository ${direction} only`,
    },
    {
      hint: {
        zh: '反方向请用 branches 指定分支，或修改绑定的 direction',
        en: 'name branches to carry them the other way, or change the direction of the binding',
      },
    },
  )
}
