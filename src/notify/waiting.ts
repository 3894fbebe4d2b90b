import type { Selectable } from 'kysely'
import type { Database, Executor } from '../db/database.ts'
import type { NotificationDeliveryTable } from '../db/notification-schema.ts'
import type { Outcome } from './channels/kind.ts'
import { createMessageId, DELIVERY_LIFE_MS } from './outbox.ts'

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

const COLUMNS = [
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
    .select(COLUMNS)
    .where('channel_id', '=', channel)
    .where('status', '=', 'waiting')
    .where('next_at', '<=', now)
    .orderBy('id')
    .limit(1)
  return (isQuiet ? due.where('hold', '=', 'never') : due).executeTakeFirst()
}

/** waiting → dead, for whatever nobody has taken in its time; returns how many. */
export async function expire(db: Executor, now: number): Promise<number> {
  const { numUpdatedRows } = await db
    .updateTable('notification_delivery')
    .set({ status: 'dead', hold: null, ended_at: now })
    .where('status', '=', 'waiting')
    .where('expires_at', '<=', now)
    .executeTakeFirst()
  return Number(numUpdatedRows)
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

/** What is held together for the same reason; of a storm, only what is of one kind. */
type HeldTogether = {
  readonly channel: number
  readonly hold: 'quiet' | 'storm'
  readonly stormKey: string | undefined
}

/** Puts off everything of the channel that is due, but what a person has asked for. */
export async function holdForQuiet(db: Executor, channel: number, now: number, until: number): Promise<void> {
  await db
    .updateTable('notification_delivery')
    .set((eb) => ({
      next_at: until,
      // What may have arrived before goes out alone again, or it would be told twice.
      hold: eb
        .case()
        .when('attempts', '=', 0)
        .then('quiet' as const)
        .else(null)
        .end(),
    }))
    .where('channel_id', '=', channel)
    .where('status', '=', 'waiting')
    .where('next_at', '<=', now)
    .where((eb) => eb.or([eb('hold', 'is', null), eb('hold', '!=', 'never')]))
    .execute()
}

/** When what is held of a storm is to be put together; undefined when nothing is. */
export async function stormDue(db: Executor, channel: number, stormKey: string): Promise<number | undefined> {
  const row = await heldOf(db, { channel, hold: 'storm', stormKey })
    .select('next_at')
    .orderBy('next_at')
    .limit(1)
    .executeTakeFirst()
  return row?.next_at
}

export async function holdForStorm(
  db: Executor,
  { channel_id: channel, storm_key: stormKey, id }: WaitingDelivery,
  until: number,
): Promise<void> {
  await db
    .updateTable('notification_delivery')
    .set({ hold: 'storm', next_at: until })
    .where('channel_id', '=', channel)
    .where('status', '=', 'waiting')
    .where((eb) =>
      eb.or([eb('id', '=', id), eb.and([eb('hold', '=', 'storm'), eb('storm_key', '=', stormKey)])]),
    )
    .execute()
}

/**
 * waiting → digested, for everything that is held together, when that is more than one: a delivery of its own
 * takes their place. Returns it, or undefined for a single one, which goes out as it is.
 */
export async function digest(
  db: Database,
  together: HeldTogether,
  now: number,
): Promise<WaitingDelivery | undefined> {
  return db.transaction().execute(async (trx) => {
    const members = await heldOf(trx, together).select(['id', 'storm_key']).orderBy('id').execute()
    const [first, ...others] = members
    if (first === undefined || others.length === 0) return undefined
    const inserted = await trx
      .insertInto('notification_delivery')
      .values({
        message_id: createMessageId(),
        channel_id: together.channel,
        event: 'digest',
        storm_key: together.stormKey ?? 'digest',
        status: 'waiting',
        attempts: 0,
        next_at: now,
        expires_at: now + DELIVERY_LIFE_MS,
        created_at: now,
        // It was held long enough.
        hold: 'never',
      })
      .returning(COLUMNS)
      .executeTakeFirstOrThrow()
    await heldUpdate(trx, together)
      .set({ status: 'digested', hold: null, digest_id: inserted.id, ended_at: now })
      .where('id', '!=', inserted.id)
      .execute()
    return inserted
  })
}

function heldOf(db: Executor, { channel, hold, stormKey }: HeldTogether) {
  const query = db
    .selectFrom('notification_delivery')
    .where('channel_id', '=', channel)
    .where('status', '=', 'waiting')
    .where('hold', '=', hold)
  return stormKey === undefined ? query : query.where('storm_key', '=', stormKey)
}

function heldUpdate(db: Executor, { channel, hold, stormKey }: HeldTogether) {
  const query = db
    .updateTable('notification_delivery')
    .where('channel_id', '=', channel)
    .where('status', '=', 'waiting')
    .where('hold', '=', hold)
  return stormKey === undefined ? query : query.where('storm_key', '=', stormKey)
}
