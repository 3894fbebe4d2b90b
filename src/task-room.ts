import { backupRoutes } from './api/v1/backups.ts'
import { conflictRoutes } from './api/v1/conflicts.ts'
import type { FindSubject } from './api/v1/conflicts.ts'
import { read } from './api/v1/read.ts'
import { repositoryRoutes } from './api/v1/repositories.ts'
import { taskRoutes } from './api/v1/tasks.ts'
import type { AddressRules } from './binding/address.ts'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import { findSshKey } from './credential/ssh-keys.ts'
import type { Vault } from './credential/vault.ts'
import type { Database, Executor } from './db/database.ts'
import { createLocalGit } from './git/local-git.ts'
import type { RemoteDeps } from './git/remote.ts'
import type { Mount } from './http.ts'
import { TaskId } from './ids.ts'
import type { BindingId, RunId } from './ids.ts'
import type { Logger } from './log.ts'
import { toBackupDeps } from './mounts.ts'
import type { Backups } from './mounts.ts'
import { enqueueNotice } from './notify/outbox.ts'
import { openForTask } from './repository/for-task.ts'
import { createRepositoryLocks } from './repository/locks.ts'
import type { RepositoryDeps } from './repository/repositories.ts'
import type { AskDeps } from './run/ask.ts'
import { cancelRunsOf } from './run/cancel.ts'
import { closeConflicts } from './run/conflicts.ts'
import { loadTask } from './run/load-task.ts'
import { requestRun, stopping, waitForRun } from './run/request.ts'
import type { RunRoom } from './run/room.ts'
import type { Run } from './run/run.ts'
import type { SubjectForRun } from './run/subject.ts'
import { startCron } from './schedule/cron.ts'
import { removeMirror } from './sync/mirror.ts'
import { factsOfTask } from './task/facts.ts'
import { runSubjectOf, taskSubject, workOf } from './task/task.ts'
import type { Task } from './task/task.ts'
import { getTask, namesOfTasks } from './task/tasks.ts'
import { createRateLimit } from './webhook/rate-limit.ts'
import { taskSyncRoutes } from './webhook/task-sync.ts'
import { addressCheck } from './webhook-trust.ts'

// The part of the composition root that knows registered repositories and their tasks.

type Deps = {
  readonly db: Database
  readonly clock: Clock
  readonly logger: Logger
  readonly vault: Vault
  readonly git: RemoteDeps
  readonly addressRules: AddressRules
  /** Where this service keeps its own repositories. */
  readonly ownFolders: readonly string[]
  readonly loadBinding: (id: BindingId) => Promise<SubjectForRun | undefined>
}

export type TaskRoom = AsyncDisposable & {
  /** What a run is for, whichever kind it is. */
  readonly loadSubject: (run: Pick<Run, 'bindingId' | 'taskId'>) => Promise<SubjectForRun | undefined>
  /** Starts what asks for runs by the clock, and makes the routes. */
  readonly open: (
    offers: RunRoom &
      AskDeps & {
        readonly backups: Backups
        /** There may be something to tell. */
        readonly wakeNotices: () => void
      },
  ) => AsyncDisposable & { readonly mounts: readonly Mount[] }
}

/** Disposing it lets what works on a repository come to its end, for as long as a stop may take, and ends it then. */
export function openTaskRoom(config: Config, deps: Deps): TaskRoom {
  const { db, clock, addressRules } = deps
  const ended = new AbortController()
  const locks = createRepositoryLocks(clock)
  const repositoryDeps: RepositoryDeps = {
    db,
    clock,
    git: createLocalGit(deps.git, ended.signal),
    locks,
    rules: {
      roots: config.repoRoots,
      allowsAny: config.auth !== 'none',
      ownFolders: deps.ownFolders,
      owner: process.getuid?.(),
    },
    findSshKey: (executor, id) => findSshKey({ db: executor, vault: deps.vault }, id),
    tasksOf: namesOfTasks,
  }
  const openRepository = (id: Task['repositoryId']) => openForTask(repositoryDeps, id)
  const taskDeps = { db, clock, addressRules, timezone: config.cronTimezone, openRepository }
  return {
    loadSubject: async ({ bindingId, taskId }) => {
      if (bindingId !== null) return deps.loadBinding(bindingId)
      return taskId === null ? undefined : loadTask(taskDeps, taskId)
    },
    open: ({ backups, wakeNotices, ...asks }) => {
      const { attemptLimit, wakeQueue } = asks
      const findSubject: FindSubject = async (id) => runSubjectOf(await getTask(db, read(TaskId, id)))
      const cron = startCron({
        ...taskDeps,
        logger: deps.logger,
        attemptLimit,
        wakeQueue: () => {
          wakeQueue()
          wakeNotices()
        },
        onTriggered: tellOfCron,
      })
      const tasks = taskRoutes({
        ...taskDeps,
        requestRun: async (task, { wait, by }) => {
          if (asks.isStopping()) throw stopping()
          const request = {
            of: runSubjectOf(task),
            trigger: 'manual',
            work: workOf(task),
            attemptLimit: wait ? 1 : attemptLimit,
            requestedBy: by,
          } as const
          const id = await db.transaction().execute((trx) => requestRun(trx, request, clock.now()))
          wakeQueue()
          return id
        },
        waitForRun: (id, signal) => waitForRun(asks, id, signal),
        onTaskChanged: cron.wake,
        onTaskDeleted: async (task) => {
          await cancelRunsOf(asks, taskSubject(task.id))
          await closeConflicts({ db, clock }, taskSubject(task.id))
          await removeMirror({ syncDir: config.sync.dir }, taskSubject(task.id))
        },
      })
      const taskSync = taskSyncRoutes({
        db,
        clock,
        logger: deps.logger,
        secrets: config.secrets.webhookSecret === undefined ? [] : [config.secrets.webhookSecret],
        allowsAddress: addressCheck(config),
        rateLimit: createRateLimit(clock, config.webhook.rateLimit),
        maxBody: config.webhook.maxBodyBytes,
        attemptLimit,
        wakeQueue,
      })
      return {
        [Symbol.asyncDispose]: () => cron[Symbol.asyncDispose](),
        mounts: [
          { path: '/api/v1/repos', routes: repositoryRoutes(repositoryDeps) },
          ...[
            tasks,
            conflictRoutes(asks, findSubject),
            backupRoutes({ ...asks, ...toBackupDeps(backups) }, findSubject),
          ].map((routes) => ({ path: '/api/v1/sync/tasks', routes })),
          {
            path: '/api/webhooks',
            routes: taskSync,
            answerError: (c, { status, detail }) => c.json({ error: detail.en }, status),
          },
        ],
      }
    },
    [Symbol.asyncDispose]: async () => {
      using _limit = clock.after(config.drainTimeoutMs, () => ended.abort())
      await locks.settled()
      ended.abort()
    },
  }
}

async function tellOfCron(trx: Executor, task: Task, run: RunId, now: number): Promise<void> {
  const facts = { ...(await factsOfTask(trx, task.id)), refs: [] }
  const about = { bindingId: null, taskId: task.id, subjectName: task.name, runId: run }
  await enqueueNotice(trx, { event: 'cron_triggered', ...about, facts }, now)
}
