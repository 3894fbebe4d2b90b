import { dirname, join } from 'node:path'
import { accessControl, needsTokens } from './access.ts'
import { answerRefusal } from './api/cerobot/answer.ts'
import { cerobotRoutes } from './api/cerobot/routes.ts'
import { bindingRoutes } from './api/v1/bindings.ts'
import { deliveryRoutes } from './api/v1/deliveries.ts'
import { forgeRoutes } from './api/v1/forges.ts'
import { hookRoutes } from './api/v1/hooks.ts'
import { runRoutes } from './api/v1/runs.ts'
import { loadForRun } from './binding/for-run.ts'
import { warnOfLostKey } from './binding/credential.ts'
import type { Binding, Side } from './binding/binding.ts'
import { bindingSubject, previewSubject, runSubjectOf } from './binding/binding.ts'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import { findHostKeys, trustHostKey } from './credential/host-keys.ts'
import { createVault, loadSecretKey } from './credential/vault.ts'
import { lockInstance, lockMirrors } from './db/instance-lock.ts'
import { openDatabase } from './db/database.ts'
import { createForges } from './forge/forges.ts'
import { canHeal } from './git/git-error.ts'
import { gitVersion } from './git/git-version.ts'
import { hostKeyFingerprint } from './git/host-key.ts'
import { killOrphans } from './git/orphans.ts'
import { openGit } from './git/room.ts'
import { requireBranch } from './hook/branch-check.ts'
import { findEndpoint } from './hook/endpoint.ts'
import { triggerMirror } from './hook/mirrors.ts'
import { openHooks } from './hook/room.ts'
import { announceFirstToken, warnOfOpenApi, warnOfWeakToken } from './first-access.ts'
import { checkHealth } from './health.ts'
import { createHostPolicy, createRelayPolicy } from './host-policy.ts'
import { createHttpApp } from './http.ts'
import type { BindingId } from './ids.ts'
import type { Logger } from './log.ts'
import { createLocalQueue } from './queue/local-queue.ts'
import { cancelRunsOf } from './run/cancel.ts'
import type { Recovery } from './run/circuit.ts'
import { closeConflicts } from './run/conflicts.ts'
import { recoverRuns } from './run/recover.ts'
import { hastenRun, requestRun, stopping, waitForRun } from './run/request.ts'
import { openRuns } from './run/room.ts'
import { listSyncLogs } from './run/sync-logs.ts'
import { createHookWatch } from './schedule/missed-deliveries.ts'
import { startPruning } from './schedule/prune.ts'
import { compareFailed, startReconcile } from './schedule/reconcile.ts'
import { startServer } from './server.ts'
import { ConfigError } from './settings.ts'
import { MINIMUM_FREE_BYTES } from './sync/fetch.ts'
import { prepareFolders } from './sync/folders.ts'
import { removeMirror } from './sync/mirror.ts'
import { createSync } from './sync/sync.ts'
import { createGroupCommit } from './webhook/group-commit.ts'
import { takeInMissed } from './webhook/missed.ts'
import { storeRejections } from './webhook/rejections.ts'
import type { Rejection } from './webhook/rejections.ts'
import { webhookRoutes } from './webhook/route.ts'
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
  const secretKey = loadSecretKey({ logger }, config.secrets)
  const vault = createVault(secretKey)
  await prepareFolders({ syncDir: config.sync.dir, backupDir })
  starting.use(lockMirrors(config.sync.dir))
  for (const folder of [config.sync.dir, backupDir]) await killOrphans({ clock }, folder)
  await recoverRuns({ db, clock, logger })
  await warnOfLostKey({ db, vault, logger })

  const hosts = createHostPolicy({ allowed: config.remotes.allowedHosts, denied: config.remotes.deniedHosts })
  const hostKeyDeps = { db, clock, logger: logger.child({ stage: 'ssh' }) }
  const git = starting.use(
    await openGit({
      clock,
      runtimeRoot: join(config.sync.dir, '.run'),
      idleTimeoutMs: config.sync.idleTimeoutMs,
      timeoutMs: config.sync.timeoutMs,
      allowAddress: hosts.allows,
      allowWire: createRelayPolicy(config.relay),
      hostKeys: {
        policy: config.remotes.sshHostKeys,
        find: (host) => findHostKeys(hostKeyDeps, host),
        trust: (key) => trustHostKey(hostKeyDeps, key, hostKeyFingerprint(key)),
      },
    }),
  )
  const sync = createSync({
    git,
    clock,
    logger: logger.child({ stage: 'sync' }),
    syncDir: config.sync.dir,
    backupDir,
    deleteMirrorAfter: config.sync.deleteDir,
  })

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
  })
  const runs = openRuns({
    db,
    clock,
    logger: logger.child({ stage: 'run' }),
    sync,
    canHeal,
    logsDetail: config.log.detail,
    triggerMirror: (binding: Binding, side: Side) => triggerMirror(hookDeps, binding, side),
    loadBinding: (id: BindingId) => loadForRun(bindingDeps, id),
    onRecovered: async (recovery: Recovery) => {
      logger.info(recovery, 'a server that was left alone for a while works again')
      await compareFailed({ db, clock }, recovery)
    },
  })
  const runDeps = runs.room
  const queue = createLocalQueue({
    clock,
    logger: logger.child({ stage: 'queue' }),
    concurrency: config.sync.concurrency,
    hostConcurrency: config.sync.hostConcurrency,
    work: runs.work,
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
    recordRejection: async (rejection: Rejection) => void (await recordRejection(rejection)),
    wakeQueue: queue.wake,
  }
  const recordRejection = createGroupCommit(
    (rejections: readonly Rejection[]) => storeRejections({ db, clock }, rejections),
    LARGEST_GROUP,
  )
  const hookWatch = createHookWatch({
    ...hookDeps,
    takeInMissed: (hook, missed) => takeInMissed(webhookDeps, hook, missed),
    intervalMs: config.reconcileIntervalMs,
  })
  starting.use(hookWatch)
  // Disposed first: a watch that waits for a forge would hold up the stop.
  starting.use(hookDeps)

  const cerobot = cerobotRoutes({
    ...bindingDeps,
    requestRun: async ({ binding, trigger, direction, scope, force, wait }) => {
      if (isStopping) throw stopping()
      const refs = scope === 'all' ? scope : scope.map((ref) => ({ ...ref, after: null }))
      const work = [{ direction, scope: refs, force, named: scope !== 'all' }]
      // Somebody who waits for the answer gets it from the first attempt.
      const attemptLimit = wait ? 1 : config.sync.attempts
      const id = await db
        .transaction()
        .execute((trx) =>
          requestRun(trx, { of: runSubjectOf(binding), trigger, work, attemptLimit }, clock.now()),
        )
      queue.wake()
      return id
    },
    waitForRun: (id, signal) => waitForRun(runDeps, id, signal),
    requireBranch: (binding, names) => requireBranch(hookDeps, binding, names),
    listSyncLogs: (filter) => listSyncLogs({ db }, filter),
    onBindingDeleted: async (binding) => {
      for (const subject of [bindingSubject(binding.id), previewSubject(binding.id)]) {
        await cancelRunsOf(runDeps, subject)
        await removeMirror({ syncDir: config.sync.dir }, subject)
      }
      await closeConflicts({ db, clock }, bindingSubject(binding.id))
      hookWatch.wake()
    },
    onBindingResumed: async (binding) => {
      await hastenRun({ db, clock }, bindingSubject(binding.id))
      queue.wake()
    },
  })

  const app = createHttpApp({
    log: logger,
    clock,
    access: accessControl({
      clock,
      db,
      auth: config.auth,
      host: config.listen.host,
      publicUrl: config.publicUrl,
      apiToken: config.secrets.apiToken,
    }),
    checkHealth: () =>
      checkHealth({
        db,
        folders: [dataDir, config.sync.dir],
        minimumFreeBytes: MINIMUM_FREE_BYTES,
        isStopping,
      }),
    mounts: [
      { path: '/webhooks', routes: webhookRoutes(webhookDeps) },
      { path: '/cerobot/sync', routes: cerobot, answerError: answerRefusal },
      { path: '/api/v1/bindings', routes: bindingRoutes({ db }) },
      { path: '/api/v1/bindings', routes: hookRoutes(hookDeps) },
      { path: '/api/v1/bindings', routes: forgeRoutes(hookDeps) },
      { path: '/api/v1/runs', routes: runRoutes(runDeps) },
      { path: '/api/v1/deliveries', routes: deliveryRoutes({ ...storeDeps, wakeQueue: queue.wake }) },
    ],
  })
  await announceFirstToken(config, { db, clock })
  warnOfOpenApi(config, logger)
  warnOfWeakToken(config, logger)
  const server = await startServer({ app, clock, ...config.listen })
  starting.defer(() => server.close(LAST_ANSWERS_MS))
  const scheduleDeps = { db, clock, logger: logger.child({ stage: 'schedule' }) }
  starting.use(
    startReconcile({
      ...scheduleDeps,
      intervalMs: config.reconcileIntervalMs,
      attemptLimit: config.sync.attempts,
      wakeQueue: queue.wake,
    }),
  )
  starting.use(
    startPruning({
      ...scheduleDeps,
      runRetentionMs: config.retention.runMs,
      deliveryRetentionMs: config.retention.deliveryMs,
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
