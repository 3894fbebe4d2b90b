import type { NotificationRouteDeps } from './api/v1/notification-channels.ts'
import type { Clock } from './clock.ts'
import type { Vault } from './credential/vault.ts'
import type { Database } from './db/database.ts'
import type { HostNetwork } from './host-network.ts'
import type { HostPolicy } from './host-policy.ts'
import type { Logger } from './log.ts'
import { startDispatcher } from './notify/notify.ts'
import { enqueueRejections } from './notify/rejections.ts'
import { createOutgoing } from './outgoing.ts'

/** The notification room as the daemon needs it; whatever waits to be told is sent from now on. */
export type Notifications = AsyncDisposable & {
  /** To be called after a commit that may have left something to tell. */
  readonly wake: () => void
  /** Rejected deliveries, inside the transaction that lists them. */
  readonly tell: typeof enqueueRejections
  readonly room: NotificationRouteDeps
}

export function openNotifications(deps: {
  readonly db: Database
  readonly clock: Clock
  readonly vault: Vault
  readonly logger: Logger
  readonly hosts: HostPolicy
  readonly network: HostNetwork
}): Notifications {
  const { db, clock, vault, hosts, network } = deps
  const logger = deps.logger.child({ stage: 'notify' })
  const outgoing = createOutgoing({ clock, allowAddress: hosts.allows, network })
  const dispatcher = startDispatcher({ db, clock, vault, logger, outgoing })
  dispatcher.wake()
  return {
    wake: dispatcher.wake,
    tell: enqueueRejections,
    room: { db, clock, vault, outgoing, dispatcher },
    [Symbol.asyncDispose]: () => dispatcher[Symbol.asyncDispose](),
  }
}
