import { z } from 'zod'
import type { Direction, Side } from '../binding/binding.ts'
import { toRefName, toSha } from '../git/refs.ts'
import type { RefName, Sha } from '../git/refs.ts'
import type { BindingId, RunId } from '../ids.ts'
import type { RefOutcome, RefResult, SyncFailure, SyncOutcome, SyncStep } from '../sync/sync.ts'
import type { FoundDefaults } from './default-branch.ts'

// Stage 7: what happened. A run is one sync of one subject, from requested to ended.
//
//   queued ──claim──▶ running ──▶ succeeded | conflict | failed | canceled
//      ▲                 │
//      └── can heal, or the daemon stopped ──┘
//
// Per subject one run is running and one is queued, never more: what arrives meanwhile joins the
// queued one. So there is always a run that starts after the last push.

export type Trigger = 'webhook' | 'manual' | 'cron' | 'reconcile' | 'retry'
export type RunStatus = 'queued' | 'running' | 'succeeded' | 'failed' | 'conflict' | 'canceled'

export const RUN_STATUSES = ['queued', 'running', 'succeeded', 'failed', 'conflict', 'canceled'] as const
export const TRIGGERS = ['webhook', 'manual', 'cron', 'reconcile', 'retry'] as const

/** Larger goes first. */
export const PRIORITY: Readonly<Record<Trigger, number>> = {
  manual: 30,
  cron: 20,
  webhook: 20,
  retry: 20,
  reconcile: 10,
}

const refName = z.string().transform((text, context): RefName => {
  const ref = toRefName(text)
  if (ref !== undefined) return ref
  context.addIssue('not a ref name')
  return z.NEVER
})
export const sha = z.string().transform((text, context): Sha => {
  const oid = toSha(text)
  if (oid !== undefined) return oid
  context.addIssue('not an object id')
  return z.NEVER
})

/** One ref to make equal; its name may differ per side when a branch binding maps it. */
const WorkRef = z.object({
  internal: refName,
  external: refName,
  branchId: z.number().nullable(),
  /** What the delivery said the ref is now; lets an echo end without starting git. */
  after: sha.nullable(),
  /** The forge of the side that this comes from has said that it deleted the ref. */
  deleted: z.boolean().optional(),
  /** The heads that a person has decided about; left out: whatever the sides hold. */
  seen: z.object({ internal: sha.nullable(), external: sha.nullable() }).optional(),
  /** Bring this kept head back to the target of the direction instead. */
  restore: z.object({ sha, backupRef: z.string(), from: z.string() }).optional(),
})
export type WorkRef = Readonly<z.infer<typeof WorkRef>>

const WorkItem = z.object({
  direction: z.enum(['to_outer', 'to_inter', 'both']),
  /** `all`: whatever the binding covers when the run starts. */
  scope: z.union([z.literal('all'), z.array(WorkRef)]),
  /** A person allowed to overwrite what the target holds. */
  force: z.boolean(),
  /** Somebody named these refs, so a missing one is an error and not news. */
  named: z.boolean(),
})
export type WorkItem = Readonly<z.infer<typeof WorkItem>>
export const Work = z.array(WorkItem)
export type Work = readonly WorkItem[]

export type Run = {
  readonly id: RunId
  readonly subject: string
  readonly bindingId: BindingId | null
  readonly taskId: number | null
  readonly subjectName: string
  readonly trigger: Trigger
  readonly direction: Direction
  readonly status: RunStatus
  readonly work: Work
  readonly code: number | null
  readonly message: string | null
  readonly hint: string | null
  readonly detail: string | null
  readonly attempts: number
  readonly attemptLimit: number
  readonly interrupted: number
  readonly runAfter: number
  /** Who asked for it by hand, or null. */
  readonly requestedBy: string | null
  /** It only finds out what would happen. */
  readonly dryRun: boolean
  readonly hosts: Readonly<Record<Side, string>>
  readonly endpoints: Readonly<Record<Side, string>>
  readonly queuedAt: number
  readonly startedAt: number | null
  readonly finishedAt: number | null
  readonly refs: readonly RunRef[]
  readonly steps: readonly SyncStep[]
}

/** The outcome of one ref as it is kept and shown. */
const RunRef = z.object({
  source_ref: z.string(),
  target_ref: z.string(),
  before: z.string().nullable(),
  after: z.string().nullable(),
  result: z.enum(['created', 'updated', 'deleted', 'up_to_date', 'rejected', 'conflict']),
  reason: z.string().nullable(),
  /** Of a conflict or in a dry run: commits that only the source, or only the target has. */
  ahead: z.number().optional(),
  behind: z.number().optional(),
  /** In a dry run: the head of the target would be kept as a backup. */
  backup: z.boolean().optional(),
})
export type RunRef = Readonly<z.infer<typeof RunRef>>
export const RunRefs = z.array(RunRef)
export const RunSteps = z.array(z.object({ name: z.string(), durationMs: z.number() }))

/** How an attempt ended, ready to be recorded. */
export type AttemptEnd = {
  readonly status: Exclude<RunStatus, 'queued' | 'running'>
  readonly code: number
  readonly message: string
  readonly hint: string | null
  readonly detail: string | null
  /** Why the sync as a whole could not be done, if so. */
  readonly failure: Pick<SyncFailure, 'kind' | 'side'> | null
  /** Trying again later may help. */
  readonly canHeal: boolean
  readonly refs: readonly RefOutcome[]
  readonly steps: readonly SyncStep[]
  /** Refs on which both sides agree since this attempt; null: that they are gone. */
  readonly agreed: SyncOutcome['agreed']
  /** Refs that a side lacks, waiting for a second look; null: not any more. */
  readonly missing: SyncOutcome['missing']
  /** Where it has looked at both sides. */
  readonly defaultBranches: FoundDefaults | undefined
}

export function isEnded(status: RunStatus): boolean {
  return status !== 'queued' && status !== 'running'
}

export function hasChanged(result: RefResult): boolean {
  return result === 'created' || result === 'updated' || result === 'deleted'
}

export function refOutcomeToRunRef(outcome: RefOutcome): RunRef {
  const source: Side = outcome.direction === 'to_outer' ? 'internal' : 'external'
  const target: Side = outcome.direction === 'to_outer' ? 'external' : 'internal'
  return {
    source_ref: outcome.pair[source],
    target_ref: outcome.pair[target],
    before: outcome.before,
    after: outcome.after,
    result: outcome.result,
    reason: outcome.reason,
    ...(outcome.divergence === undefined
      ? {}
      : { ahead: outcome.divergence[source].count, behind: outcome.divergence[target].count }),
    ...(outcome.keepsBackup === true ? { backup: true } : {}),
  }
}

/** Joins what waits with what arrives; a thousand pushes to one branch stay one item. */
export function mergeWork(waiting: Work, arriving: Work): Work {
  const merged = new Map<string, WorkItem>()
  for (const item of [...waiting, ...arriving]) {
    const key = `${item.direction} ${item.force} ${item.named} ${isSpecial(item)}`
    const known = merged.get(key)
    merged.set(key, known === undefined ? item : { ...item, scope: mergeScope(known.scope, item.scope) })
  }
  return [...merged.values()]
}

// What says more of a ref than its name must not vanish in a request for everything.
function isSpecial({ scope }: WorkItem): boolean {
  return (
    scope !== 'all' &&
    scope.some((ref) => ref.deleted === true || ref.seen !== undefined || ref.restore !== undefined)
  )
}

function mergeScope(a: WorkItem['scope'], b: WorkItem['scope']): WorkItem['scope'] {
  if (a === 'all' || b === 'all') return 'all'
  const refsByName = new Map<string, WorkRef>()
  for (const ref of [...a, ...b]) {
    const key = `${ref.internal} ${ref.external}`
    const known = refsByName.get(key)
    // Two deliveries that disagree about the head prove nothing: then the forge is asked.
    const after = known === undefined || known.after === ref.after ? ref.after : null
    const isDeleted = ref.deleted === true || known?.deleted === true
    refsByName.set(key, { ...ref, after, ...(isDeleted ? { deleted: true } : {}) })
  }
  return [...refsByName.values()]
}

/** The direction a run is shown with; several ways at once are `both`. */
export function workDirection(work: Work): Direction {
  const directions = new Set(work.map((item) => item.direction))
  const [only] = directions
  return directions.size === 1 && only !== undefined ? only : 'both'
}
