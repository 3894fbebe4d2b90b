import type { Binding } from '../binding/binding.ts'
import type { Direction } from '../binding/binding.ts'
import { backoffDelay } from '../backoff.ts'
import { sleep } from '../clock.ts'
import type { Clock } from '../clock.ts'
import type { Database } from '../db/database.ts'
import type { GitErrorKind } from '../git/git-error.ts'
import type { RefName, Sha } from '../git/refs.ts'
import { toRefName, toSha } from '../git/refs.ts'
import type { BindingId, RunId } from '../ids.ts'
import type { Logger } from '../log.ts'
import type { Remote } from '../git/remote.ts'
import type { SyncLog, SyncOutcome, SyncRequest } from '../sync/sync.ts'
import type { RunEvents } from './events.ts'
import type { LiveLogs, RunLog } from './log.ts'
import { judgeAttempt } from './outcome.ts'
import { finishAttempt, giveBackRun } from './record.ts'
import type { ClaimedRun } from './record.ts'
import type { AttemptEnd, Run, WorkRef } from './run.ts'

// What happens after a delivery was answered: a claimed run becomes equal sides and a record.
// Runs are safe to repeat; a crash anywhere in here only means that it is done again.

/** The binding of a run, and everything a sync needs of it; undefined when it was removed meanwhile. */
export type BindingForRun = {
  readonly binding: Binding
  readonly remotes: { readonly internal: Remote; readonly external: Remote }
  /** Enabled branch bindings; only asked for when the granularity is `one`. */
  readonly branches: readonly Omit<WorkRef, 'after'>[]
}

export type ExecuteDeps = {
  readonly db: Database
  readonly clock: Clock
  readonly logger: Logger
  readonly events: RunEvents
  readonly liveLogs: LiveLogs
  readonly running: RunningRuns
  readonly loadBinding: (id: BindingId) => Promise<BindingForRun | undefined>
  readonly sync: (
    request: SyncRequest,
    options: { readonly signal: AbortSignal; readonly log: SyncLog },
  ) => Promise<SyncOutcome>
  readonly canHeal: (kind: GitErrorKind) => boolean
  /** Whether the log of a run keeps what git said of a failure. */
  readonly logsDetail: boolean
}

/** The runs in this process's hands, so that a person can stop one. */
export type RunningRuns = Map<RunId, AbortController>

/** Executes a claimed run to its recorded end. Never rejects. */
export async function executeRun(deps: ExecuteDeps, claimed: ClaimedRun, stop: AbortSignal): Promise<void> {
  const { run } = claimed
  const logger = deps.logger.child({ run: run.id, subject: run.subjectName })
  const startedAt = deps.clock.now()
  const cancel = new AbortController()
  deps.running.set(run.id, cancel)
  try {
    using log = deps.liveLogs.open(run.id, claimed.log)
    const end = await attempt(deps, run, log, AbortSignal.any([stop, cancel.signal]), logger)
    if (stop.aborted && end.status === 'canceled') {
      log.write('INFO', '同步被中断，将在服务恢复后继续 / interrupted by a restart, will be continued')
      await giveBackRun(deps, run, log.text())
      return
    }
    await untilRecorded(deps, logger, stop, () => finishAttempt(deps, run, end, log.text()))
    logger.info(
      {
        trigger: run.trigger,
        status: end.status,
        code: end.code,
        attempt: run.attempts,
        refs: end.refs.length,
        duration_ms: deps.clock.now() - startedAt,
        waited_ms: startedAt - run.queuedAt,
        detail: end.detail ?? undefined,
      },
      'run ended',
    )
  } catch (error) {
    // The run stays `running` in the record, and the next start takes it up.
    logger.error({ err: error }, 'the service stopped before the outcome of a run could be recorded')
  } finally {
    deps.running.delete(run.id)
    deps.events.attemptEnded(run.id)
  }
}

/** A full disk or a locked database must not leave the binding `running` for ever. */
async function untilRecorded(
  deps: ExecuteDeps,
  logger: Logger,
  stop: AbortSignal,
  record: () => Promise<void>,
): Promise<void> {
  for (let failures = 1; ; failures += 1) {
    try {
      return await record()
    } catch (error) {
      logger.error({ err: error }, 'recording the outcome of a run failed, trying again')
      await sleep(deps.clock, backoffDelay(failures), stop)
    }
  }
}

async function attempt(
  deps: ExecuteDeps,
  run: Run,
  log: RunLog,
  signal: AbortSignal,
  logger: Logger,
): Promise<AttemptEnd> {
  try {
    const loaded = run.bindingId === null ? undefined : await deps.loadBinding(run.bindingId)
    if (loaded === undefined)
      return judgeAttempt([failed('canceled', 'the binding was removed')], deps.canHeal)
    const isBranchwise = run.work.every((item) => item.scope !== 'all')
    log.write(
      'INFO',
      isBranchwise
        ? '************ 执行分支同步 ************'
        : `************ 执行${run.subjectName}仓库同步 ************`,
    )
    const agreed = await readAgreed(deps.db, run.subject)
    const outcomes: SyncOutcome[] = []
    for (const pass of planPasses(run, loaded, agreed)) {
      if (pass.kind === 'settled') outcomes.push(pass.outcome)
      else outcomes.push(await deps.sync(pass.request, { signal, log: log.write }))
    }
    const end = judgeAttempt(outcomes, deps.canHeal)
    if (end.code !== 0) {
      const detail = deps.logsDetail && end.detail !== null ? `: ${end.detail}` : ''
      log.write('ERROR', `${end.code} ${end.message}${detail}`)
    }
    log.write(
      'INFO',
      isBranchwise
        ? '************ 分支同步完成 ************'
        : `************ ${run.subjectName}仓库同步完成 ************`,
    )
    return end
  } catch (error) {
    logger.error({ err: error }, 'a run failed in a way nobody foresaw')
    const detail = error instanceof Error ? error.message : String(error)
    log.write('ERROR', detail)
    return judgeAttempt([failed('unknown', detail)], deps.canHeal)
  }
}

type Pass =
  | { readonly kind: 'sync'; readonly request: SyncRequest }
  | { readonly kind: 'settled'; readonly outcome: SyncOutcome }

/** One pass per direction; a two-way binding that moved on both sides takes one pass for both. */
export function planPasses(
  run: Pick<Run, 'work' | 'subject'>,
  { binding, remotes, branches }: BindingForRun,
  agreed: ReadonlyMap<RefName, Sha>,
): readonly Pass[] {
  const asked = new Set(run.work.map((item) => item.direction))
  const directions: readonly Direction[] =
    asked.size > 1 && binding.direction === 'both' ? ['both'] : [...asked]
  return directions.map((direction) => {
    const items = run.work.filter((item) => item.direction === direction || direction === 'both')
    const isWhole = items.some((item) => item.scope === 'all')
    const refs = new Map<RefName, WorkRef>()
    if (isWhole && binding.granularity === 'one') {
      for (const branch of branches) refs.set(branch.internal, { ...branch, after: null })
    }
    const forced: RefName[] = []
    for (const item of items) {
      if (item.scope === 'all') continue
      for (const ref of item.scope) {
        // A head that a person asked about is looked up, whatever a delivery said of it.
        refs.set(ref.internal, item.named || item.force ? { ...ref, after: null } : ref)
        if (item.force) forced.push(ref.internal)
      }
    }
    const forcesAll = items.some((item) => item.scope === 'all' && item.force)
    // What was never synced has nothing agreed: then the whole repository is compared once.
    const isFirst = agreed.size === 0 && !items.some((item) => item.named)
    const takesAll = binding.granularity === 'all' && (isWhole || isFirst)
    const known = takesAll ? [] : [...refs.values()].filter((ref) => isKnown(ref, agreed))
    if (!takesAll && known.length === refs.size) {
      return { kind: 'settled', outcome: alreadyEqual(known, direction, agreed) }
    }
    const scope = takesAll
      ? ('all' as const)
      : [...refs.values()].map(({ internal, external }) => ({ internal, external }))
    return {
      kind: 'sync',
      request: {
        subject: run.subject,
        remotes,
        direction,
        scope,
        force: forcesAll ? 'all' : forced.length > 0 ? forced : 'none',
        agreed,
      },
    }
  })
}

/** Our own push, or one that a sync before this already carried over. */
function isKnown(ref: WorkRef, agreed: ReadonlyMap<RefName, Sha>): boolean {
  return ref.after !== null && agreed.get(ref.internal) === ref.after
}

function alreadyEqual(
  refs: readonly WorkRef[],
  direction: Direction,
  agreed: ReadonlyMap<RefName, Sha>,
): SyncOutcome {
  return {
    refs: refs.map((ref) => ({
      pair: { internal: ref.internal, external: ref.external },
      direction: direction === 'both' ? 'to_outer' : direction,
      before: agreed.get(ref.internal) ?? null,
      after: agreed.get(ref.internal) ?? null,
      result: 'up_to_date',
      kind: null,
      reason: 'both sides already hold this commit',
    })),
    steps: [],
    backups: [],
    agreed: new Map(),
    failure: undefined,
  }
}

function failed(kind: GitErrorKind, detail: string): SyncOutcome {
  return { refs: [], steps: [], backups: [], agreed: new Map(), failure: { kind, side: undefined, detail } }
}

async function readAgreed(db: Database, subject: string): Promise<ReadonlyMap<RefName, Sha>> {
  const rows = await db
    .selectFrom('agreed_ref')
    .select(['ref', 'sha'])
    .where('subject', '=', subject)
    .execute()
  const agreed = new Map<RefName, Sha>()
  for (const row of rows) {
    const ref = toRefName(row.ref)
    const sha = toSha(row.sha)
    if (ref !== undefined && sha !== undefined) agreed.set(ref, sha)
  }
  return agreed
}
