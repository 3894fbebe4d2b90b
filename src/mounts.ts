import { answerRefusal } from './api/cerobot/answer.ts'
import { cerobotRoutes } from './api/cerobot/routes.ts'
import { backupRoutes } from './api/v1/backups.ts'
import { branchRoutes } from './api/v1/binding-branches.ts'
import { syncRoutes } from './api/v1/binding-syncs.ts'
import { bindingRoutes } from './api/v1/bindings.ts'
import type { BindingRouteDeps } from './api/v1/bindings.ts'
import { conflictRoutes } from './api/v1/conflicts.ts'
import { deliveryRoutes } from './api/v1/deliveries.ts'
import { forgeRoutes } from './api/v1/forges.ts'
import { hookRoutes } from './api/v1/hooks.ts'
import { notificationRoutes } from './api/v1/notification-channels.ts'
import type { NotificationRouteDeps } from './api/v1/notification-channels.ts'
import { runRoutes } from './api/v1/runs.ts'
import type { HookDeps } from './hook/at-forge.ts'
import { requireBranch } from './hook/branch-check.ts'
import type { Mount } from './http.ts'
import { askForSync } from './run/ask.ts'
import type { AskDeps } from './run/ask.ts'
import { waitForRun } from './run/request.ts'
import type { RunRoom } from './run/room.ts'
import type { StatusDeps } from './run/status.ts'
import { listSyncLogs } from './run/sync-logs.ts'
import { webhookRoutes } from './webhook/route.ts'
import type { WebhookRouteDeps } from './webhook/route.ts'

/** What the rooms offer to requests. */
export type Rooms = {
  readonly bindings: BindingRouteDeps
  readonly hooks: HookDeps
  readonly runs: RunRoom
  readonly asks: AskDeps
  readonly status: Pick<StatusDeps, 'inspector' | 'loadBinding'>
  readonly backups: {
    readonly backupBytes: (subject: string) => Promise<number>
    readonly backupRetentionMs: number
  }
  readonly webhooks: WebhookRouteDeps
  readonly notifications: NotificationRouteDeps
}

/** Every family of routes, and where it is mounted. */
export function createMounts({
  bindings,
  hooks,
  runs,
  asks,
  status,
  backups,
  webhooks,
  notifications,
}: Rooms): readonly Mount[] {
  const { db } = bindings
  const requireSourceBranch = (
    binding: string,
    names: Readonly<Record<'internal' | 'external', string>>,
  ): Promise<void> => requireBranch(hooks, binding, names)
  const cerobot = cerobotRoutes({
    ...bindings,
    requestRun: (ask) => askForSync(asks, ask),
    waitForRun: (id, signal) => waitForRun(runs, id, signal),
    requireBranch: requireSourceBranch,
    listSyncLogs: (filter) => listSyncLogs({ db }, filter),
  })
  const v1 = (path: string, ...families: readonly Mount['routes'][]): readonly Mount[] =>
    families.map((routes) => ({ path: `/api/v1${path}`, routes }))
  return [
    { path: '/webhooks', routes: webhookRoutes(webhooks) },
    { path: '/cerobot/sync', routes: cerobot, answerError: answerRefusal },
    ...v1(
      '/bindings',
      bindingRoutes(bindings),
      branchRoutes({ ...asks, requireBranch: requireSourceBranch }),
      syncRoutes({ ...asks, ...status }),
      conflictRoutes(asks),
      backupRoutes({ ...asks, ...backups }),
      hookRoutes(hooks),
      forgeRoutes(hooks),
    ),
    ...v1('/runs', runRoutes({ ...runs, ...asks })),
    ...v1('/deliveries', deliveryRoutes(asks)),
    ...v1('/notification/channels', notificationRoutes(notifications)),
  ]
}
