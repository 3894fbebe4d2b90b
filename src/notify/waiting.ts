import type { Selectable } from 'kysely'
import type { Database, Executor } from '../db/database.ts'
import type { NotificationDeliveryTable } from '../db/notification-schema.ts'
import type { Outcome } from './channels/kind.ts'

// The moves of a delivery from waiting to its end, each one transaction or one statement.

export type WaitingDelivery = Pick<
  Selectable<NotificationDeliveryTable>,
  | 'id'
  | 'message_id'
  | 'channel_id'
  | 'notice_id'
  | 'event'
  | 'storm_key'
  | 'hold'
  | 'attempts'
  | 'expires_at'
>

export const WAITING_COLUMNS = [
  'id',
  'message_id',
  'channel_id',
  'notice_id',
  'event',
  'storm_key',
  'hold',
  'attempts',
  'expires_at',
] as const

/** When each channel has something to do next. */
export async function dueByChannel(db: Database): Promise<ReadonlyMap<number, number>> {
  const rows = await db
    .selectFrom('notification_delivery')
    .innerJoin('notification_channel', 'notification_channel.id', 'notification_delivery.channel_id')
    .select(['channel_id', (eb) => eb.fn.min('next_at').as('due')])
    .where('status', '=', 'waiting')
    .where('notification_channel.enabled', '=', 1)
    .groupBy('channel_id')
    .execute()
  return new Map(rows.map((row) => [row.channel_id, Number(row.due)]))
}

/** In the order in which it happened; in quiet hours only what a person has asked for. */
export async function firstDue(
  db: Executor,
  channel: number,
  now: number,
  { isQuiet }: { readonly isQuiet: boolean },
): Promise<WaitingDelivery | undefined> {
  const due = db
    .selectFrom('notification_delivery')
    .select(WAITING_COLUMNS)
    .where('channel_id', '=', channel)
    .where('status', '=', 'waiting')
    .where('next_at', '<=', now)
    .orderBy('id')
    .limit(1)
  return (isQuiet ? due.where('hold', '=', 'never') : due).executeTakeFirst()
}

/** waiting → dead, for whatever nobody has taken in its time; returns the channels of each. */
export async function expire(db: Executor, now: number): Promise<readonly number[]> {
  const rows = await db
    .updateTable('notification_delivery')
    .set({ status: 'dead', hold: null, ended_at: now })
    .where('status', '=', 'waiting')
    .where('expires_at', '<=', now)
    .returning('channel_id')
    .execute()
  return rows.map((row) => row.channel_id)
}

/** A clock that was set back must not leave anything waiting for the day that it had been set to. */
export async function clampWaits(db: Executor, now: number, longestMs: number): Promise<void> {
  await db
    .updateTable('notification_delivery')
    .set({ next_at: now })
    .where('status', '=', 'waiting')
    .where('next_at', '>', now + longestMs)
    .execute()
}

/** Counted before it is sent: what was told may not be added to any more. */
export async function beginAttempt(db: Executor, id: number): Promise<void> {
  await db
    .updateTable('notification_delivery')
    .set((eb) => ({ attempts: eb('attempts', '+', 1) }))
    .where('id', '=', id)
    .execute()
}

export type AttemptRecord = {
  readonly outcome: Outcome
  readonly at: number
  readonly durationMs: number
  /** Undefined: it was taken, or is dead now. */
  readonly retryAt: number | undefined
}

// A receiver that was down for days leaves as many attempts as anybody reads.
const KEPT_ATTEMPTS = 20

/** waiting → sent, → waiting for its next try, or → dead; inside the caller's transaction. */
export async function recordAttempt(
  trx: Executor,
  { id, channel_id }: Pick<WaitingDelivery, 'id' | 'channel_id'>,
  { outcome, at, durationMs, retryAt }: AttemptRecord,
): Promise<void> {
  const isSent = outcome.kind === 'delivered'
  const answer = { http_status: outcome.httpStatus, answer_code: outcome.code, answer: outcome.words }
  // Its channel may have been deleted while it was on its way.
  const isThere = trx.selectFrom('notification_delivery').select('id').where('id', '=', id)
  if ((await isThere.executeTakeFirst()) === undefined) return
  await trx
    .insertInto('notification_attempt')
    .values({
      delivery_id: id,
      channel_id,
      at,
      duration_ms: Math.round(durationMs),
      ok: isSent ? 1 : 0,
      ...answer,
    })
    .execute()
  await trx
    .updateTable('notification_delivery')
    .set({
      ...answer,
      ...(isSent
        ? { status: 'sent' as const, hold: null, ended_at: at }
        : retryAt === undefined
          ? { status: 'dead' as const, hold: null, ended_at: at }
          : { next_at: retryAt }),
    })
    .where('id', '=', id)
    .where('status', '=', 'waiting')
    .execute()
  await trx
    .deleteFrom('notification_attempt')
    .where('delivery_id', '=', id)
    .where('id', '<=', (eb) =>
      eb
        .selectFrom('notification_attempt as kept')
        .select('kept.id')
        .where('kept.delivery_id', '=', id)
        .orderBy('kept.id', 'desc')
        .limit(1)
        .offset(KEPT_ATTEMPTS),
    )
    .execute()
}

/** When messages of this kind went to the channel, the oldest first. */
export async function sentTimes(
  db: Executor,
  channel: number,
  stormKey: string,
  since: number,
): Promise<readonly number[]> {
  const rows = await db
    .selectFrom('notification_delivery')
    .select('ended_at')
    .$narrowType<{ ended_at: number }>()
    .where('channel_id', '=', channel)
    .where('storm_key', '=', stormKey)
    .where('ended_at', '>', since)
    .where('status', '=', 'sent')
    .orderBy('ended_at')
    .execute()
  return rows.map((row) => row.ended_at)
}

/** When the channel was last tried, the oldest first. */
export async function attemptTimes(db: Executor, channel: number, since: number): Promise<readonly number[]> {
  const rows = await db
    .selectFrom('notification_attempt')
    .select('at')
    .where('channel_id', '=', channel)
    .where('at', '>', since)
    .orderBy('at')
    .execute()
  return rows.map(({ at }) => at)
}
