import { bindingSubject } from '../binding/binding.ts'
import type { Binding, Side } from '../binding/binding.ts'
import type { BindingForRun } from '../binding/for-run.ts'
import { placeRef } from '../binding/rules.ts'
import type { LeftOut, RefPair, Rules } from '../binding/rules.ts'
import type { Clock } from '../clock.ts'
import type { Database } from '../db/database.ts'
import { DomainError } from '../domain-error.ts'
import type { RefName } from '../git/refs.ts'
import type { BindingId } from '../ids.ts'
import type { Check, Inspected, Inspection, Inspector, Names } from '../sync/inspect.ts'
import { readAgreed } from './agreed.ts'
import type { Conflict } from './conflict.ts'
import { listConflicts } from './conflicts.ts'
import { defaultsStatus } from './default-status.ts'
import type { DefaultsStatus } from './default-status.ts'
import { toSyncRules } from './passes.ts'
import { listRuns } from './runs.ts'
import type { Run } from './run.ts'

// How a binding stands now, asked of both forges while somebody waits.

export type StatusDeps = {
  readonly db: Database
  readonly clock: Clock
  readonly inspector: Inspector
  readonly loadBinding: (id: BindingId) => Promise<BindingForRun | undefined>
}

export type Status = {
  readonly inspection: Inspection
  /** Open ones, by internal ref name. */
  readonly conflicts: ReadonlyMap<RefName, Conflict>
  readonly lastRun: Run | undefined
  readonly defaults: DefaultsStatus
  /**
   * Milliseconds since the oldest push that no sync has carried over yet has arrived; 0: all is equal; null: a side
   * has moved, and no delivery told when.
   */
  readonly lagMs: number | null
}

const MOST_CONFLICTS = 1000

/** Throws `address_denied` when the rules of now forbid to ask. */
export async function statusOf(deps: StatusDeps, binding: Binding, signal: AbortSignal): Promise<Status> {
  const subject = bindingSubject(binding.id)
  const loaded = await loadAllowed(deps, binding)
  const inspection = await deps.inspector.inspect(await toInspected(deps, loaded), signal)
  const page = { page: 1, pageSize: MOST_CONFLICTS }
  const { conflicts } = await listConflicts(deps, subject, 'open', page)
  const { runs } = await listRuns(deps, { binding: binding.name }, { page: 1, pageSize: 1 })
  const isEqual = inspection.refs.every(({ state }) => state === 'in_sync')
  return {
    inspection,
    conflicts: new Map(conflicts.map((conflict) => [conflict.ref, conflict])),
    lastRun: runs[0],
    defaults: await defaultsStatus(deps.db, loaded.binding, inspection),
    lagMs: isEqual ? 0 : await lagOf(deps, subject),
  }
}

/** Tries whether each side can be reached, read and written, and whether they are the same project. */
export async function checkBinding(deps: StatusDeps, binding: Binding, signal: AbortSignal): Promise<Check> {
  return deps.inspector.check(await toInspected(deps, await loadAllowed(deps, binding)), signal)
}

export type Matching = {
  readonly names: Names
  readonly refs: readonly {
    /** The sides that have it. */
    readonly on: readonly Side[]
    readonly internal: RefName | null
    readonly external: RefName | null
    /** Null: it travels; `branches`: it is none of the bound branches, which alone travel. */
    readonly leftOut: LeftOut | 'branches' | null
  }[]
}

/** What rules would make of the refs that both sides have now; bound branches travel whatever the rules say. */
export async function matchRules(
  deps: StatusDeps,
  binding: Binding,
  rules: Rules,
  signal: AbortSignal,
): Promise<Matching> {
  const inspected = await toInspected(deps, await loadAllowed(deps, binding))
  const { scope } = inspected
  const place = (side: Side, ref: RefName): RefPair | LeftOut | 'branches' =>
    scope === 'all' ? placeRef(rules, side, ref) : (scope.find((pair) => pair[side] === ref) ?? 'branches')
  const names = await deps.inspector.listNames(inspected, signal)
  const matched = new Map<string, Matching['refs'][number]>()
  for (const side of ['internal', 'external'] as const) {
    for (const ref of names[side].names) {
      const placed = place(side, ref)
      const isOut = typeof placed === 'string'
      const key = isOut ? `${side} ${ref}` : placed.internal
      const known = matched.get(key)
      const pair = isOut
        ? { internal: side === 'internal' ? ref : null, external: side === 'external' ? ref : null }
        : placed
      matched.set(key, { ...pair, leftOut: isOut ? placed : null, on: [...(known?.on ?? []), side] })
    }
  }
  return { names, refs: [...matched.values()] }
}

async function loadAllowed(deps: StatusDeps, binding: Binding): Promise<BindingForRun> {
  const loaded = await deps.loadBinding(binding.id)
  if (loaded === undefined || loaded.denied !== undefined) {
    const why = loaded?.denied ?? 'the binding was removed'
    throw new DomainError('forbidden', 'address_denied', { zh: `不允许访问该地址：${why}`, en: why })
  }
  return loaded
}

async function toInspected(
  deps: StatusDeps,
  { binding, remotes, branches, subject }: BindingForRun,
): Promise<Inspected> {
  const isWhole = binding.granularity === 'all'
  const work = [{ direction: binding.direction, scope: 'all' as const, force: false, named: false }]
  const { refs: agreed } = await readAgreed(deps.db, { subject, work })
  return {
    subject,
    remotes,
    agreed,
    rules: toSyncRules(binding.rules),
    scope: isWhole ? 'all' : branches.map(({ internal, external }) => ({ internal, external })),
  }
}

async function lagOf({ db, clock }: StatusDeps, subject: string): Promise<number | null> {
  const { started } = await db
    .selectFrom('run')
    .select((eb) => eb.fn.max('started_at').as('started'))
    .where('subject', '=', subject)
    .where('status', '=', 'succeeded')
    .executeTakeFirstOrThrow()
  const { received } = await db
    .selectFrom('delivery')
    .innerJoin('delivery_run', 'delivery_run.delivery_id', 'delivery.id')
    .innerJoin('run', 'run.id', 'delivery_run.run_id')
    .select((eb) => eb.fn.min('delivery.received_at').as('received'))
    .where('run.subject', '=', subject)
    .where('delivery.received_at', '>', started ?? 0)
    .executeTakeFirstOrThrow()
  return received === null ? null : Math.max(0, clock.now() - Number(received))
}
