import { bothLanguages } from '../domain-error.ts'
import { sourceSide } from '../binding/binding.ts'
import type { Binding, Side } from '../binding/binding.ts'
import { judgeDefaults } from '../binding/default-branch.ts'
import type { DefaultBranches, DefaultBranchLook } from '../binding/default-branch.ts'
import { readDefaultBranches, recordDefaultBranches } from '../binding/default-branches.ts'
import type { DefaultBranchMemory, Followed } from '../binding/default-branches.ts'
import type { BindingForRun } from '../binding/for-run.ts'
import type { Database, Executor } from '../db/database.ts'
import { shortName } from '../git/refs.ts'
import type { RefName } from '../git/refs.ts'
import type { Logger } from '../log.ts'
import type { RefOutcome, SyncLog, SyncOutcome } from '../sync/sync.ts'
import type { RunLog } from './log.ts'
import type { AttemptEnd, Run } from './run.ts'
import { appendLog } from './runs.ts'

// The default branches that an attempt has seen on its way: whether they differ is told in the log of the run,
// and where the binding says so, a side is made to follow the other one at its forge.

export type FoundDefaults = {
  readonly shown: DefaultBranches
  readonly look: Exclude<DefaultBranchLook, { readonly kind: 'unknown' }>
  /** It was not so at the look before. */
  readonly isNew: boolean
  /** It is to be followed, and the side that follows has the branch. */
  readonly canFollow: boolean
}

export type FollowDefault = (
  binding: Binding,
  side: Side,
  branch: RefName,
  signal: AbortSignal,
) => Promise<Followed>

/** Undefined where both sides were not looked at together, or one of them shows no default branch. */
export async function findDefaults(
  db: Database,
  loaded: BindingForRun,
  outcomes: readonly SyncOutcome[],
): Promise<FoundDefaults | undefined> {
  const shown = outcomes.findLast((outcome) => outcome.defaultBranches !== undefined)?.defaultBranches
  const hasFailed = outcomes.some(({ failure }) => failure !== undefined)
  // What its forge fills is its forge's business.
  if (shown === undefined || hasFailed || loaded.mirror !== undefined) return undefined
  const memory = await readDefaultBranches(db, loaded.binding.id)
  const look = judgeDefaults(loaded.binding, shown, memory.agreed)
  if (look.kind === 'unknown') return undefined
  const canFollow =
    look.kind === 'differs' &&
    loaded.binding.rules.defaultBranch === 'follow' &&
    outcomes.some(({ refs }) =>
      refs.some((ref) => ref.pair[look.target] === look.wanted && holds(look.target, ref)),
    )
  return { shown, look, isNew: isNew(memory, look, shown), canFollow }
}

/** Tells of a difference in the log of the run. */
export function narrateDefaults({ shown, look }: FoundDefaults, log: SyncLog): void {
  if (look.kind === 'equal') return
  const { internal, external } = shown
  const zh = `默认分支不同：internal 为 ${nameOf(internal) ?? '空'}，external 为 ${nameOf(external) ?? '空'}`
  const en = `the default branches differ: ${nameOf(internal) ?? 'none'} on internal, ${nameOf(external) ?? 'none'} on external`
  log('INFO', bothLanguages({ zh, en }))
}

/** In the transaction that records the attempt; writes only what is new. */
export async function recordDefaults(trx: Executor, run: Run, end: AttemptEnd, now: number): Promise<void> {
  const found = end.defaultBranches
  if (run.bindingId === null || found?.isNew !== true) return
  const seen = { shown: found.shown, areEqual: found.look.kind === 'equal' }
  await recordDefaultBranches(trx, run.bindingId, seen, now)
}

/** Whether the attempt has found a difference that nobody was told of yet. */
export function isNewDifference({ defaultBranches: found }: AttemptEnd): boolean {
  return found !== undefined && found.isNew && found.look.kind !== 'equal'
}

/** Has the side follow, if it is to; an ended run gets its log completed. Never rejects. */
export async function followDefaults(
  deps: { readonly db: Database; readonly followDefault: FollowDefault; readonly logsDetail: boolean },
  {
    run,
    end,
    binding,
  }: { readonly run: Run; readonly end: AttemptEnd; readonly binding: Binding | undefined },
  log: RunLog,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  const found = end.defaultBranches
  if (binding === undefined || run.dryRun || found?.look.kind !== 'differs' || !found.canFollow) return
  const { target: side, wanted } = found.look
  const branch = shortName(wanted)
  try {
    const followed = await deps.followDefault(binding, side, wanted, signal)
    const before = log.text().length
    if (followed.kind === 'done') {
      logger.info({ side, branch }, 'a default branch was set at its forge')
      log.write('INFO', bothLanguages(followedText(side, branch)))
    }
    if (followed.kind === 'failed') {
      const { detail, hint } = followed.problem
      logger.warn({ side, branch, detail }, 'a default branch could not be set at its forge')
      const why = deps.logsDetail ? `: ${detail}${hint === null ? '' : ` (${hint})`}` : ''
      log.write('ERROR', `${bothLanguages(unfollowedText(side, branch))}${why}`)
    }
    if (followed.kind === 'waiting') return
    await appendLog(deps.db, run.id, log.text().slice(before))
  } catch (error) {
    logger.error({ err: error, side, branch }, 'setting a default branch failed')
  }
}

function isNew(
  { agreed, differing }: DefaultBranchMemory,
  look: DefaultBranchLook,
  shown: DefaultBranches,
): boolean {
  if (look.kind === 'equal') return differing !== undefined || !isSame(agreed, shown)
  return !isSame(differing?.shown, shown)
}

function isSame(one: DefaultBranches | undefined, other: DefaultBranches): boolean {
  return one?.internal === other.internal && one.external === other.external
}

/** Whether a side holds the ref, as an outcome tells. */
function holds(side: Side, { direction, before, after, result, kind }: RefOutcome): boolean {
  if (sourceSide(direction) === side) return after !== null && kind !== 'ref_missing'
  if (result === 'created' || result === 'updated') return true
  return result !== 'deleted' && before !== null
}

function nameOf(ref: RefName | null): string | undefined {
  return ref === null ? undefined : shortName(ref)
}

function followedText(side: Side, branch: string) {
  return {
    zh: `已在平台将 ${side} 的默认分支设为 ${branch}`,
    en: `the default branch of ${side} was set to ${branch} at its forge`,
  }
}

function unfollowedText(side: Side, branch: string) {
  return {
    zh: `未能将 ${side} 的默认分支设为 ${branch}`,
    en: `the default branch of ${side} could not be set to ${branch}`,
  }
}
