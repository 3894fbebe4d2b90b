import { backoffDelay } from '../backoff.ts'
import { sleep } from '../clock.ts'
import type { Binding, Side } from '../binding/binding.ts'
import type { Clock } from '../clock.ts'
import type { Database } from '../db/database.ts'
import { UnreadableSecret } from '../credential/vault.ts'
import { explain } from '../domain-error.ts'
import type { GitErrorKind, GitFailure } from '../git/git-error.ts'
import type { RefName } from '../git/refs.ts'
import type { RunId } from '../ids.ts'
import type { Logger } from '../log.ts'
import type { Sync, SyncLog, SyncOptions, SyncOutcome } from '../sync/sync.ts'
import { readAgreed } from './agreed.ts'
import { insertBackups } from './backups.ts'
import type { Circuit, Recovery } from './circuit.ts'
import { readOpenHeads } from './conflicts.ts'
import { findDefaults, followDefaults, narrateDefaults } from './default-branch.ts'
import type { FollowDefault } from './default-branch.ts'
import type { RunEvents } from './events.ts'
import { readMissing } from './evidence.ts'
import type { LiveLogs, RunLog } from './log.ts'
import { judgeAttempt } from './outcome.ts'
import { finishAttempt, giveBackRun } from './record.ts'
import type { ClaimedRun } from './claim.ts'
import { planPasses } from './passes.ts'
import type { Known } from './passes.ts'
import type { AttemptEnd, Run } from './run.ts'
import { hasChanged } from './run.ts'
import { asWanted } from './subject.ts'
import type { SubjectForRun } from './subject.ts'
import { withTaskHint } from './task-hints.ts'

// What happens after a delivery was answered: a claimed run becomes equal sides and a record.
// Runs are safe to repeat; a crash anywhere in here only means that it is done again.

export type ExecuteDeps = {
  readonly db: Database
  readonly clock: Clock
  readonly logger: Logger
  readonly events: RunEvents
  readonly liveLogs: LiveLogs
  readonly running: RunningRuns
  readonly circuit: Pick<Circuit, 'learn'>
  /** A server works again that was left alone for a while. */
  readonly onRecovered: (recovery: Recovery) => Promise<void>
  /** What the run is for, as it is now; undefined when it was removed since the run was requested. */
  readonly loadSubject: (run: Run) => Promise<SubjectForRun | undefined>
  readonly sync: Sync
  /** Has the forge of a mirror pull; undefined when it has taken the request. */
  readonly triggerMirror: (binding: Binding, side: Side) => Promise<GitFailure | undefined>
  /** Makes a branch the default one of a side at its forge. */
  readonly followDefault: FollowDefault
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
    const { end, binding } = await attempt(deps, run, log, AbortSignal.any([stop, cancel.signal]), logger)
    const recovered = deps.circuit.learn(run, end)
    if (stop.aborted && end.status === 'canceled') {
      log.write('INFO', '同步被中断，将在服务恢复后继续 / interrupted by a restart, will be continued')
      await giveBackRun(deps, run, log.text())
      return
    }
    await untilRecorded(deps, logger, stop, () => finishAttempt(deps, run, end, log.text()))
    for (const recovery of recovered) await deps.onRecovered(recovery)
    logger[isNews(run, end) ? 'info' : 'debug'](
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
    await followDefaults(deps, { run, end, binding }, log, logger, stop)
  } catch (error) {
    // The run stays `running` in the record, and the next start takes it up.
    logger.error({ err: error }, 'the service stopped before the outcome of a run could be recorded')
  } finally {
    deps.running.delete(run.id)
    deps.events.attemptEnded(run.id)
  }
}

/** Thousands of comparisons an hour find nothing. */
function isNews({ trigger }: Run, { status, refs }: AttemptEnd): boolean {
  return trigger !== 'reconcile' || status !== 'succeeded' || refs.some(({ result }) => hasChanged(result))
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

type Attempted = {
  readonly end: AttemptEnd
  /** As it was when the attempt began; undefined where it did not get that far, and for a task. */
  readonly binding?: Binding | undefined
}

async function attempt(
  deps: ExecuteDeps,
  asked: Run,
  log: RunLog,
  signal: AbortSignal,
  logger: Logger,
): Promise<Attempted> {
  try {
    const loaded = await deps.loadSubject(asked)
    if (loaded === undefined) {
      return { end: judgeAttempt([failed('canceled', 'what was to be synced was removed')], deps.canHeal) }
    }
    if ('failure' in loaded) {
      return { end: judgeAttempt([failed(loaded.failure.kind, loaded.failure.detail)], deps.canHeal) }
    }
    if (loaded.denied !== undefined) {
      return { end: judgeAttempt([failed('address_denied', loaded.denied)], deps.canHeal) }
    }
    if (!loaded.binding.enabled) {
      return { end: judgeAttempt([failed('canceled', 'it was disabled meanwhile')], deps.canHeal) }
    }
    const run = asWanted(asked, loaded)
    const bound = 'work' in loaded ? undefined : loaded
    const isBranchwise = run.work.every((item) => item.scope !== 'all')
    log.write(
      'INFO',
      isBranchwise
        ? '************ 执行分支同步 ************'
        : `************ 执行${run.subjectName}仓库同步 ************`,
    )
    const write: SyncLog = (level, text, brief) => log.write(level, deps.logsDetail ? text : (brief ?? text))
    const known = await readKnown(deps.db, run, loaded.subject)
    const recordBackups: SyncOptions['recordBackups'] = (backups) => insertBackups(deps, run, backups)
    const outcomes: SyncOutcome[] = []
    for (const pass of planPasses(run, loaded, known)) {
      if (pass.kind === 'settled') outcomes.push(pass.outcome)
      else if (pass.kind === 'sync')
        outcomes.push(await deps.sync(pass.request, { signal, log: write, recordBackups }))
      else if (bound !== undefined) outcomes.push(await askMirror(deps, bound.binding, pass.side, write))
    }
    const judged = judgeAttempt(outcomes, deps.canHeal, namedRefs(run), known.agreed.refs)
    const end = run.taskId === null ? judged : withTaskHint(judged)
    if (end.code !== 0) {
      const detail = deps.logsDetail && end.detail !== null ? `: ${end.detail}` : ''
      log.write('ERROR', `${end.code} ${end.message}${detail}`)
    }
    const defaultBranches = bound && (await findDefaults(deps.db, bound, outcomes))
    if (defaultBranches !== undefined) narrateDefaults(defaultBranches, write)
    log.write(
      'INFO',
      isBranchwise
        ? '************ 分支同步完成 ************'
        : `************ ${run.subjectName}仓库同步完成 ************`,
    )
    return { end: { ...end, defaultBranches }, binding: bound?.binding }
  } catch (error) {
    const detail = explain(error)
    log.write('ERROR', detail)
    if (isUnreadableSecret(error)) {
      logger.error({ detail }, 'a run needs a stored secret that cannot be read with this SECRET_KEY')
      return { end: judgeAttempt([failed('secret_unreadable', detail)], deps.canHeal) }
    }
    logger.error({ err: error }, 'a run failed in a way nobody foresaw')
    return { end: judgeAttempt([failed('unknown', detail)], deps.canHeal) }
  }
}

function isUnreadableSecret(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return error instanceof UnreadableSecret || isUnreadableSecret(error.cause)
}

async function askMirror(
  deps: ExecuteDeps,
  binding: Binding,
  side: Side,
  log: SyncLog,
): Promise<SyncOutcome> {
  const startedAt = deps.clock.now()
  const failure = await deps.triggerMirror(binding, side)
  if (failure === undefined) {
    log('INFO', `已请求平台更新镜像 / the forge was asked to pull into its mirror (${side})`)
  }
  return {
    ...NOTHING,
    steps: [{ name: 'forge_mirror', durationMs: deps.clock.now() - startedAt }],
    failure: failure === undefined ? undefined : { ...failure, side },
  }
}

function failed(kind: GitErrorKind, detail: string): SyncOutcome {
  return { ...NOTHING, failure: { kind, side: undefined, detail } }
}

const NOTHING: SyncOutcome = {
  refs: [],
  steps: [],
  agreed: new Map(),
  missing: new Map(),
  defaultBranches: undefined,
  failure: undefined,
}

/** `subject` is the one that the run is about, also when it only is a dry run. */
async function readKnown(db: Database, run: Run, subject: string): Promise<Known> {
  const agreed = await readAgreed(db, { subject, work: run.work })
  const missing = await readMissing(db, subject)
  return { agreed, missing, conflicts: await readOpenHeads(db, subject) }
}

function namedRefs({ work }: Pick<Run, 'work'>): ReadonlySet<RefName> {
  return new Set(
    work.flatMap((item) =>
      item.named && item.scope !== 'all' ? item.scope.map(({ internal }) => internal) : [],
    ),
  )
}
