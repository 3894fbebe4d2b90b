import PQueue from 'p-queue'
import { DAY, HOUR, MINUTE, SECOND } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { Channel } from './channel.ts'
import { stormLimitOf } from './channel.ts'
import { findChannel } from './channels.ts'
import { outcomeOf } from './channels/answer.ts'
import type { Message, Outcome } from './channels/kind.ts'
import { KINDS } from './channels/kinds.ts'
import { digest, holdForQuiet, holdForStorm, stormDue } from './held.ts'
import { composeMessage } from './message.ts'
import { sendMessage } from './send.ts'
import type { SenderDeps } from './send.ts'
import { STORM_WINDOW_MS, turnFor } from './storm.ts'
import { quietUntil } from './time-zone.ts'
import {
  attemptTimes,
  beginAttempt,
  clampWaits,
  dueByChannel,
  expire,
  firstDue,
  recordAttempt,
  sentTimes,
} from './waiting.ts'
import type { WaitingDelivery } from './waiting.ts'

// The dispatcher: whatever waits in the outbox is sent, per channel one after the other and in its order.
// The database says what waits; a crash anywhere in here only means that something is sent again, under the
// same id. A receiver that is down costs one try now and then, and nobody but its own channel waits for it.

export type DispatcherDeps = SenderDeps & { readonly logger: Logger; readonly random?: () => number }

export type Dispatcher = AsyncDisposable & {
  /** Something may wait to be sent. */
  readonly wake: () => void
  /** The receiver of this channel is worth another try now. */
  readonly reopen: (channel: number) => void
  /** Aborts when the service stops, and with it what is on its way. */
  readonly stopping: AbortSignal
  /** Resolves when all that is due now was tried. */
  readonly settled: () => Promise<void>
}

const CHANNELS_AT_ONCE = 8
// Whoever forgot to wake it.
const LOOK_EVERY = 1 * MINUTE
// Nothing waits longer, be it for a receiver or for the morning.
const LONGEST_HOLD_MS = 2 * DAY
// What is under way when the service stops may still be answered.
const LAST_ANSWERS_MS = 2 * SECOND
const REJECTIONS_PER_HOUR = 1

export function startDispatcher(deps: DispatcherDeps): Dispatcher {
  const pool = new PQueue({ concurrency: CHANNELS_AT_ONCE })
  const stopping = new AbortController()
  const busy = new Set<number>()
  /** Channels whose receiver does not take anything before then. */
  const closedUntil = new Map<number, number>()
  let isStopped = false
  let isWoken = false
  let looking: Promise<void> | undefined
  let timer: Disposable | undefined

  function wake(): void {
    isWoken = true
    looking ??= look().finally(() => {
      looking = undefined
      if (isWoken && !isStopped) wake()
    })
  }

  async function look(): Promise<void> {
    while (isWoken && !isStopped) {
      isWoken = false
      timer?.[Symbol.dispose]()
      const next = await startDue().catch((error: unknown) => {
        deps.logger.error({ err: error }, 'looking for notifications to send failed')
        return Infinity
      })
      const delay = Math.min(LOOK_EVERY, next - deps.clock.now())
      if (!isStopped) timer = deps.clock.after(delay, wake)
    }
  }

  /** Returns when something is due that is not so yet. */
  async function startDue(): Promise<number> {
    const now = deps.clock.now()
    await clampWaits(deps.db, now, LONGEST_HOLD_MS)
    const dead = await expire(deps.db, now)
    if (dead.length > 0) {
      const channels = [...new Set(dead)]
      deps.logger.error({ channels, deliveries: dead.length }, 'notifications were not taken in time: dead')
    }
    let next = Infinity
    for (const [channel, due] of await dueByChannel(deps.db)) {
      const at = Math.max(due, opensAt(channel, now))
      if (at > now) next = Math.min(next, at)
      else if (!busy.has(channel)) start(channel)
    }
    return next
  }

  function opensAt(channel: number, now: number): number {
    const until = closedUntil.get(channel) ?? now
    return until > now + LONGEST_HOLD_MS ? now : until
  }

  function start(channel: number): void {
    busy.add(channel)
    const serving = pool.add(() => serve(channel))
    serving
      .catch((error: unknown) => {
        if (stopping.signal.aborted) return
        deps.logger.error({ err: error, channel }, 'sending notifications failed')
        closedUntil.set(channel, deps.clock.now() + MINUTE)
      })
      .finally(() => {
        busy.delete(channel)
        if (!isStopped) wake()
      })
  }

  async function serve(id: number): Promise<void> {
    while (!isStopped) {
      const channel = await findChannel(deps.db, id)
      const now = deps.clock.now()
      if (channel?.enabled !== true || opensAt(id, now) > now) return
      const quiet = channel.quietHours === null ? undefined : quietUntil(channel.quietHours, now)
      if (quiet !== undefined) await holdForQuiet(deps.db, id, now, quiet)
      const freeAt = await slotAt(deps, channel, now)
      if (freeAt > now) closedUntil.set(id, freeAt)
      const due = await firstDue(deps.db, id, now, { isQuiet: quiet !== undefined })
      if (due === undefined || freeAt > now) return
      const delivery = await takeTurn(deps, channel, due, now)
      if (delivery !== undefined) await send(channel, delivery)
    }
  }

  async function send(channel: Channel, delivery: WaitingDelivery): Promise<void> {
    await beginAttempt(deps.db, delivery.id)
    const startedAt = deps.clock.now()
    const message = await compose(deps, channel, delivery)
    const outcome =
      message === undefined ? UNCOMPOSED : await sendMessage(deps, channel, message, stopping.signal)
    const now = deps.clock.now()
    const attempts = delivery.attempts + 1
    const retryAt = now + retryDelay(outcome, attempts, deps.random)
    const isOver = retryAt >= delivery.expires_at
    if (outcome.kind === 'unavailable' || outcome.kind === 'limited') closedUntil.set(channel.id, retryAt)
    else closedUntil.delete(channel.id)
    const record = {
      outcome,
      at: now,
      durationMs: now - startedAt,
      retryAt: isOver ? undefined : retryAt,
    }
    await deps.db.transaction().execute((trx) => recordAttempt(trx, delivery, record))
    logAttempt(deps, channel, delivery, { outcome, attempts, isOver })
  }

  return {
    wake,
    stopping: stopping.signal,
    reopen: (channel) => {
      closedUntil.delete(channel)
      wake()
    },
    settled: async () => {
      while (looking !== undefined || pool.pending + pool.size > 0) {
        await looking
        await pool.onIdle()
        // The end of the last one wakes the look in a turn of its own.
        await new Promise<void>((resolve) => setImmediate(resolve))
      }
    },
    [Symbol.asyncDispose]: async () => {
      isStopped = true
      timer?.[Symbol.dispose]()
      await looking
      using _limit = deps.clock.after(LAST_ANSWERS_MS, () => stopping.abort())
      await pool.onIdle()
    },
  }
}

const UNCOMPOSED = outcomeOf(
  'refused',
  'the message could not be composed; the log of this service tells why',
)

/** Undefined when its record cannot be read: that must not keep the others from being sent. */
async function compose(
  { db, logger }: DispatcherDeps,
  channel: Channel,
  delivery: WaitingDelivery,
): Promise<Message | undefined> {
  try {
    return await composeMessage(db, channel, delivery)
  } catch (error) {
    logger.error({ err: error, delivery: delivery.id }, 'composing a notification failed')
    return undefined
  }
}

/** When the receiver takes one more, as far as it says how many it takes. */
async function slotAt({ db }: DispatcherDeps, { id, type }: Channel, now: number): Promise<number> {
  const { perMinute } = KINDS[type]
  if (perMinute === null) return now
  const times = await attemptTimes(db, id, now - MINUTE)
  const oldest = times[times.length - perMinute]
  return oldest === undefined ? now : oldest + MINUTE
}

/** What is to be sent now in the turn of this delivery: itself, a digest in its place, or nothing yet. */
async function takeTurn(
  { db, logger }: DispatcherDeps,
  channel: Channel,
  due: WaitingDelivery,
  now: number,
): Promise<WaitingDelivery | undefined> {
  // What was tried before may have arrived, and what a person asked for is waited for.
  if (due.attempts > 0 || due.hold === 'never' || due.event === 'digest') return due
  if (due.hold === 'quiet') {
    return (await digest(db, { channel: channel.id, hold: 'quiet', stormKey: undefined }, now)) ?? due
  }
  const { id } = channel
  const { storm_key: stormKey } = due
  const isHeld = due.hold === 'storm'
  const turn = turnFor({
    limit: due.event === 'webhook_error' ? REJECTIONS_PER_HOUR : stormLimitOf(channel),
    sent: await sentTimes(db, id, stormKey, now - STORM_WINDOW_MS),
    isHeld,
    heldUntil: isHeld ? undefined : await stormDue(db, id, stormKey),
    now,
  })
  if (turn.kind === 'send') return due
  if (turn.kind === 'digest') return (await digest(db, { channel: id, hold: 'storm', stormKey }, now)) ?? due
  await holdForStorm(db, due, turn.until)
  logger.debug({ channel: id, event: due.event, until: turn.until }, 'a notification is held for a digest')
  return undefined
}

const FIRST_RETRY_MS = 10 * SECOND
const LONGEST_WAIT_MS = 15 * MINUTE
// Somebody has to change something first.
const LONGEST_REFUSED_WAIT_MS = 1 * HOUR

/** Doubling, with up to half taken off at random so that channels do not march in step. */
function retryDelay({ kind, retryAfterMs }: Outcome, attempts: number, random = Math.random): number {
  const longest = kind === 'refused' ? LONGEST_REFUSED_WAIT_MS : LONGEST_WAIT_MS
  const ceiling = Math.min(FIRST_RETRY_MS * 2 ** Math.min(attempts - 1, 20), longest)
  return Math.min(Math.max(Math.round(ceiling * (1 - random() / 2)), retryAfterMs ?? 0), DAY)
}

function logAttempt(
  { logger }: DispatcherDeps,
  channel: Channel,
  { id, event }: WaitingDelivery,
  {
    outcome,
    attempts,
    isOver,
  }: { readonly outcome: Outcome; readonly attempts: number; readonly isOver: boolean },
): void {
  const line = {
    channel: channel.id,
    type: channel.type,
    delivery: id,
    event,
    attempts,
    status: outcome.httpStatus ?? undefined,
    code: outcome.code ?? undefined,
  }
  if (outcome.kind === 'delivered') logger.info(line, 'notification sent')
  else if (isOver)
    logger.error({ ...line, detail: outcome.words }, 'a notification was not taken in time: dead')
  else logger.warn({ ...line, detail: outcome.words }, 'a notification was not taken, trying again later')
}
