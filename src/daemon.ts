import { dirname, join } from 'node:path'
import { accessControl, needsTokens } from './access.ts'
import { administration, hostKeyStore, removalRecorder } from './administration.ts'
import { auditTrail } from './audit/request-trail.ts'
import { loadForRun } from './binding/for-run.ts'
import type { Binding, Side } from './binding/binding.ts'
import { bindingSubject, previewSubject } from './binding/binding.ts'
import { bindingsUsingKeys } from './binding/side-keys.ts'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import { lockInstance } from './db/instance-lock.ts'
import { openDatabase } from './db/database.ts'
import { openFolders } from './folders.ts'
import { createForges } from './forge/forges.ts'
import { canHeal } from './git/git-error.ts'
import { gitVersion } from './git/git-version.ts'
import { killOrphans } from './git/orphans.ts'
import { openGit } from './git/room.ts'
import { findEndpoint } from './hook/endpoint.ts'
import { followDefault } from './hook/default-branch.ts'
import { triggerMirror } from './hook/mirrors.ts'
import { openHooks } from './hook/room.ts'
import { announceFirstToken, warnOfOpenApi, warnOfWeakToken } from './first-access.ts'
import { checkHealth } from './health.ts'
import { createHttpApp } from './http.ts'
import type { BindingId } from './ids.ts'
import type { Logger } from './log.ts'
import { createMounts } from './mounts.ts'
import { openNotifications } from './notifications.ts'
import { openVault } from './open-vault.ts'
import { createLocalQueue } from './queue/local-queue.ts'
import { remoteHosts } from './remote-hosts.ts'
import { repositoriesUsingKeys } from './repository/repositories.ts'
import { cancelRunsOf } from './run/cancel.ts'
import type { Recovery } from './run/circuit.ts'
import { closeConflicts } from './run/conflicts.ts'
import { recoverRuns } from './run/recover.ts'
import { compareNow } from './run/ask.ts'
import { openRuns } from './run/room.ts'
import { createHookWatch } from './schedule/missed-deliveries.ts'
import { compareFailed } from './schedule/reconcile.ts'
import { startSchedules } from './schedules.ts'
import { startServer } from './server.ts'
import { ConfigError } from './settings.ts'
import { dropBackups } from './sync/backup-repository.ts'
import { MINIMUM_FREE_BYTES } from './sync/fetch.ts'
import { createInspector } from './sync/inspect.ts'
import { removeMirror } from './sync/mirror.ts'
import { createSync } from './sync/sync.ts'
import { withTracking } from './sync/tracking.ts'
import { openTaskRoom } from './task-room.ts'
import { createGroupCommit } from './webhook/group-commit.ts'
import { takeInMissed } from './webhook/missed.ts'
import { storeRejections } from './webhook/rejections.ts'
import type { Rejection } from './webhook/rejections.ts'
import { addressCheck, secretsFor } from './webhook-trust.ts'
import { storeArrivals } from './webhook/store.ts'

export type Daemon = {
  readonly url: string
  /** Stops as `DRAIN_TIMEOUT` says; resolves when nothing of the daemon is left. */
  readonly stop: () => Promise<void>
}

// Deliveries that may share one transaction.
const LARGEST_GROUP = 200
// What a request may still take after the last run has ended.
const LAST_ANSWERS_MS = 5000
const KEY_USERS = [bindingsUsingKeys, repositoriesUsingKeys]

/** Builds everything, in the order in which it depends on each other, and listens. */
export async function startDaemon(
  config: Config,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): Promise<Daemon> {
  if (config.database.kind !== 'sqlite') {
    throw new ConfigError(
      'DATABASE_URL names PostgreSQL, which this version does not serve yet; use sqlite:<file>.',
    )
  }
  await using starting = new AsyncDisposableStack()
  const version = await gitVersion()
  const dataDir = dirname(config.database.file)
  const backupDir = join(dataDir, 'backups')
  starting.use(lockInstance(config.database.file))
  const db = await openDatabase(config.database.file)
  starting.defer(() => db.destroy())
  const vault = await openVault({ db, logger }, config.secrets)
  const folders = starting.use(await openFolders({ syncDir: config.sync.dir, backupDir }))
  for (const folder of [config.sync.dir, backupDir]) await killOrphans({ clock }, folder)
  await recoverRuns({ db, clock, logger })

  const { hosts, network, allowWire } = remoteHosts(config)
  const git = starting.use(
    await openGit({
      clock,
      runtimeRoot: join(config.sync.dir, '.run'),
      prepareRoot: folders.prepare,
      idleTimeoutMs: config.sync.idleTimeoutMs,
      timeoutMs: config.sync.timeoutMs,
      allowAddress: hosts.allows,
      network,
      allowWire,
      hostKeys: hostKeyStore({ db, clock, logger }, config.remotes.sshHostKeys),
    }),
  )
  const syncDeps = {
    git,
    clock,
    logger: logger.child({ stage: 'sync' }),
    syncDir: config.sync.dir,
    backupDir,
    deleteMirrorAfter: config.sync.deleteDir,
  }

  const notifications = starting.use(openNotifications({ db, clock, vault, logger, hosts, network }))
  const bindingDeps = {
    db,
    clock,
    vault,
    logger: logger.child({ stage: 'binding' }),
    addressRules: {
      schemes: config.remotes.allowedSchemes,
      allowLocal: config.remotes.allowLocal,
      allowsHost: hosts.allowsName,
    },
    reconcileIntervalMs: config.reconcileIntervalMs,
  }
  const hookDeps = openHooks({
    db,
    clock,
    vault,
    logger: logger.child({ stage: 'hook' }),
    publicUrl: config.publicUrl,
    allowAddress: hosts.allows,
    network,
  })
  const loadBinding = (id: BindingId): ReturnType<typeof loadForRun> => loadForRun(bindingDeps, id)
  const tasks = starting.use(
    openTaskRoom(config, {
      ...bindingDeps,
      git,
      logger: logger.child({ stage: 'task' }),
      ownFolders: [config.sync.dir, backupDir],
      loadBinding,
    }),
  )
  const runs = openRuns({
    db,
    clock,
    logger: logger.child({ stage: 'run' }),
    sync: withTracking(git, createSync(syncDeps)),
    canHeal,
    logsDetail: config.log.detail,
    triggerMirror: (binding: Binding, side: Side) => triggerMirror(hookDeps, binding, side),
    followDefault: (binding, side, branch, signal) => followDefault(hookDeps, binding, side, branch, signal),
    loadSubject: tasks.loadSubject,
    onRecovered: async (recovery: Recovery) => {
      logger.info(recovery, 'a server that was left alone for a while works again')
      await compareFailed({ db, clock }, recovery)
    },
  })
  const queue = createLocalQueue({
    clock,
    logger: logger.child({ stage: 'queue' }),
    concurrency: config.sync.concurrency,
    hostConcurrency: config.sync.hostConcurrency,
    work: {
      ...runs.work,
      execute: (ticket, signal) => runs.work.execute(ticket, signal).finally(notifications.wake),
    },
  })

  let isStopping = false
  const storeDeps = { db, clock, attemptLimit: config.sync.attempts }
  const webhookDeps = {
    clock,
    logger: logger.child({ stage: 'webhook' }),
    forgeByName: createForges(config.webhook.generic),
    secretsFor: (forge: string) => secretsFor(config, forge),
    findHook: (forge: string, slug: string) => findEndpoint({ db, clock, vault }, forge, slug),
    allowsAddress: addressCheck(config),
    maxBody: config.webhook.maxBodyBytes,
    store: createGroupCommit(
      (arrivals: Parameters<typeof storeArrivals>[1]) => storeArrivals(storeDeps, arrivals),
      LARGEST_GROUP,
    ),
    recordRejection: (rejection: Rejection) => recordRejection(rejection).then(notifications.wake),
    wakeQueue: queue.wake,
  }
  const recordRejection = createGroupCommit(
    (refused: readonly Rejection[]) => storeRejections({ ...storeDeps, tell: notifications.tell }, refused),
    LARGEST_GROUP,
  )
  const hookWatch = createHookWatch({
    ...hookDeps,
    takeInMissed: (hook, missed) => takeInMissed(webhookDeps, hook, missed),
    recordRemoval: removalRecorder({ db, clock }),
    intervalMs: config.reconcileIntervalMs,
  })
  starting.use(hookWatch)
  // Disposed first: a watch that waits for a forge would hold up the stop.
  starting.use(hookDeps)

  const bindingRoom = {
    ...bindingDeps,
    onBindingDeleted: async (binding: Binding): Promise<void> => {
      for (const subject of [bindingSubject(binding.id), previewSubject(binding.id)]) {
        await cancelRunsOf(runs.room, subject)
      }
      await removeMirror({ syncDir: config.sync.dir }, bindingSubject(binding.id))
      await closeConflicts({ db, clock }, bindingSubject(binding.id))
      hookWatch.wake()
    },
    onBindingResumed: async (binding: Binding): Promise<void> => {
      await compareNow(storeDeps, binding)
      queue.wake()
    },
  }

  const asks = { ...storeDeps, wakeQueue: queue.wake, isStopping: () => isStopping }
  const backups = { backupDir, backupRetentionMs: config.retention.backupMs }
  const taskEdge = starting.use(
    tasks.open({ ...runs.room, ...asks, backups, wakeNotices: notifications.wake }),
  )

  const app = createHttpApp({
    log: logger,
    clock,
    audit: auditTrail({ db, clock, logger }),
    access: accessControl({
      clock,
      db,
      auth: config.auth,
      host: config.listen.host,
      publicUrl: config.publicUrl,
      apiToken: config.secrets.apiToken,
    }),
    checkHealth: async () => {
      await git.runtimeDir()
      return checkHealth({
        db,
        folders: [dataDir, config.sync.dir],
        minimumFreeBytes: MINIMUM_FREE_BYTES,
        isStopping,
      })
    },
    mounts: [
      ...createMounts({
        bindings: bindingRoom,
        hooks: hookDeps,
        runs: runs.room,
        asks,
        status: { inspector: createInspector(syncDeps), loadBinding },
        backups,
        webhooks: webhookDeps,
        notifications: notifications.room,
      }),
      ...(await administration(config, { ...bindingRoom, git, gitVersion: version, keyUsers: KEY_USERS })),
      ...taskEdge.mounts,
    ],
  })
  await announceFirstToken(config, { db, clock })
  warnOfOpenApi(config, logger)
  warnOfWeakToken(config, logger)
  const server = await startServer({ app, clock, ...config.listen })
  starting.defer(() => server.close(LAST_ANSWERS_MS))
  starting.use(
    startSchedules(config, {
      ...storeDeps,
      logger,
      wakeQueue: queue.wake,
      dropBackups: async (subject, refs, signal) => (await dropBackups(syncDeps, subject, refs, signal)).ok,
    }),
  )
  queue.wake()
  hookWatch.start()
  logger.info(
    {
      url: server.url,
      database: `sqlite:${config.database.file}`,
      sync_dir: config.sync.dir,
      auth: needsTokens({ auth: config.auth, host: config.listen.host }) ? 'token' : 'open',
      git: version,
    },
    'reposync is ready',
  )
  const resources = starting.move()
  return {
    url: server.url,
    stop: async () => {
      // Deliveries are still stored while runs end: few forges send one again that was refused.
      isStopping = true
      await queue.drain(config.drainTimeoutMs)
      await resources.disposeAsync()
    },
  }
}
