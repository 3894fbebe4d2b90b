import { randomBytes } from 'node:crypto'
import { pino } from 'pino'
import { MINUTE } from '../../src/clock.ts'
import { createVault } from '../../src/credential/vault.ts'
import type { Database } from '../../src/db/database.ts'
import type { HostNetwork } from '../../src/host-network.ts'
import { createHostPolicy } from '../../src/host-policy.ts'
import type { Channel } from '../../src/notify/channel.ts'
import { createChannel } from '../../src/notify/configure.ts'
import type { ChannelChange } from '../../src/notify/configure.ts'
import { listDeliveries } from '../../src/notify/deliveries.ts'
import type { Delivery } from '../../src/notify/deliveries.ts'
import type { ChannelType } from '../../src/notify/channels/kinds.ts'
import type { Notice, NoticeEvent, NoticeFacts, NoticeRef } from '../../src/notify/notice.ts'
import { startDispatcher } from '../../src/notify/notify.ts'
import type { Dispatcher, DispatcherDeps } from '../../src/notify/notify.ts'
import { enqueueNotice } from '../../src/notify/outbox.ts'
import { createOutgoing } from '../../src/outgoing.ts'
import { createTestClock } from '../rig/clock.ts'
import type { TestClock } from '../rig/clock.ts'
import { createTestDatabase } from '../rig/database.ts'
import { startFakeForge } from '../rig/fake-forge.ts'
import type { FakeForge } from '../rig/fake-forge.ts'

// The notification room on a real database, with a clock that stands still and real sockets.

export type NotifyWorld = AsyncDisposable & {
  readonly db: Database
  readonly file: string
  readonly clock: TestClock
  readonly deps: DispatcherDeps
  readonly dispatcher: Dispatcher
  readonly logged: () => string
  readonly addChannel: (
    type: ChannelType,
    config: Readonly<Record<string, unknown>>,
    change?: ChannelChange,
  ) => Promise<Channel>
  /** Reports in a transaction of its own, and does not send. */
  readonly report: (...notices: readonly Notice[]) => Promise<void>
  /** Sends whatever is due. */
  readonly send: () => Promise<void>
  /** Lets time pass minute by minute, and sends what falls due. */
  readonly pass: (ms: number) => Promise<void>
  readonly deliveriesOf: (channel: Pick<Channel, 'id'>) => Promise<readonly Delivery[]>
}

type Options = {
  readonly denied?: readonly string[]
  readonly lookup?: (host: string) => Promise<readonly string[]>
  readonly network?: HostNetwork
  readonly start?: number
}

export async function createNotifyWorld(options: Options = {}): Promise<NotifyWorld> {
  await using stack = new AsyncDisposableStack()
  const { db, file } = stack.use(await createTestDatabase())
  const clock = createTestClock(options.start)
  const lines: string[] = []
  const logger = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) })
  const hosts = createHostPolicy({ allowed: [], denied: options.denied ?? [] })
  const { lookup, network } = options
  const outgoing = createOutgoing({
    clock,
    allowAddress: hosts.allows,
    ...(lookup === undefined ? {} : { lookup }),
    ...(network === undefined ? {} : { network }),
  })
  const deps = { db, clock, vault: createVault(randomBytes(32)), outgoing, logger, random: () => 0 }
  const dispatcher = stack.use(startDispatcher(deps))
  const owned = stack.move()
  const send = async (): Promise<void> => {
    dispatcher.wake()
    await dispatcher.settled()
  }
  return {
    db,
    file,
    clock,
    deps,
    dispatcher,
    logged: () => lines.join(''),
    addChannel: async (type, config, change = {}) => {
      const name = change.name ?? `${type} ${randomBytes(3).toString('hex')}`
      return (await createChannel(deps, { ...change, name, type, config })).channel
    },
    report: async (...notices) => {
      await db.transaction().execute(async (trx) => {
        for (const notice of notices) await enqueueNotice(trx, notice, clock.now())
      })
    },
    send,
    pass: async (ms) => {
      const end = clock.now() + ms
      while (clock.now() < end) {
        clock.advance(Math.min(MINUTE, end - clock.now()))
        await send()
      }
    },
    deliveriesOf: async ({ id }) =>
      (await listDeliveries({ db }, id, {}, { page: 1, pageSize: 100 })).deliveries,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

export const EVERY_EVENT: readonly NoticeEvent[] = [
  'sync_success',
  'sync_failure',
  'sync_conflict',
  'sync_recovered',
  'webhook_error',
  'cron_triggered',
  'binding_paused',
]

export function noticeOf(
  event: NoticeEvent,
  facts: Partial<NoticeFacts> = {},
  about: Partial<Omit<Notice, 'event' | 'facts'>> = {},
): Notice {
  return {
    event,
    bindingId: 1,
    taskId: null,
    subjectName: 'app',
    runId: 7,
    ...about,
    facts: { refs: [], ...facts },
  }
}

export function refOf(
  branch: string,
  result: NoticeRef['result'],
  changes: Partial<NoticeRef> = {},
): NoticeRef {
  const ref = `refs/heads/${branch}`
  return {
    source_ref: ref,
    target_ref: ref,
    before: '1'.repeat(40),
    after: '2'.repeat(40),
    result,
    ...changes,
  }
}

/** Of so many bindings, all for the same reason. */
export function failures(count: number, first = 1): readonly Notice[] {
  return Array.from({ length: count }, (_, index) => failureOf(first + index))
}

export function failureOf(bindingId: number): Notice {
  return noticeOf('sync_failure', { code: 20_004 }, { bindingId, subjectName: `app-${bindingId}` })
}

/** A receiver that takes everything, be it a robot's or another one. */
export function startReceiver(): Promise<FakeForge> {
  return startFakeForge(() => ({ status: 200, json: { errcode: 0, errmsg: 'ok' } }))
}

export const unreachable = noticeOf('sync_failure', {
  code: 20_004,
  errorMessage: '连接超时',
  hint: '请检查网络 / check the network',
})
