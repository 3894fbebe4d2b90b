import type { Selectable } from 'kysely'
import type { Database, Executor } from '../db/database.ts'
import { countRows, placeOf } from '../db/page.ts'
import type { Page } from '../db/page.ts'
import type { NotificationDeliveryTable } from '../db/notification-schema.ts'
import { MINUTE } from '../clock.ts'
import type { ChannelId } from '../ids.ts'
import { NotificationId } from '../ids.ts'
import { deliveryUnknown, notReplayable, stopping, tooManyTests } from './channel-error.ts'
import { getChannel } from './channels.ts'
import type { Outcome } from './channels/kind.ts'
import { composeMessage, testMessage } from './message.ts'
import { createMessageId, DELIVERY_LIFE_MS } from './outbox.ts'
import { sendMessage } from './send.ts'
import type { SenderDeps } from './send.ts'
import { recordAttempt } from './waiting.ts'

// What was sent through a channel, what waits, and what nobody has taken.

export const NOTIFICATION_STATUSES = ['waiting', 'sent', 'digested', 'dead'] as const

export type Delivery = {
  readonly id: NotificationId
  /** What the receiver knows it by. */
  readonly messageId: string
  readonly event: string
  /** The binding or task it is about; null for a test or a digest. */
  readonly subjectName: string | null
  readonly runId: number | null
  readonly status: NotificationDeliveryTable['status']
  readonly hold: NotificationDeliveryTable['hold']
  readonly attempts: number
  readonly nextAt: number
  readonly digestId: number | null
  readonly httpStatus: number | null
  readonly code: string | null
  readonly answer: string | null
  readonly createdAt: number
  readonly endedAt: number | null
}

export type Attempt = {
  readonly at: number
  readonly durationMs: number
  readonly isTaken: boolean
  readonly httpStatus: number | null
  readonly code: string | null
  readonly answer: string | null
}

/** A delivery with its last attempts, the newest first, and its text as it would be now. */
export type DeliveryDetail = {
  readonly delivery: Delivery
  readonly attempts: readonly Attempt[]
  readonly text: { readonly title: string; readonly content: string } | undefined
}

/** Newest first. Throws `channel_unknown`. */
export async function listDeliveries(
  { db }: { readonly db: Database },
  channel: ChannelId,
  filter: { readonly status?: Delivery['status'] | undefined },
  page: Page,
): Promise<{ readonly deliveries: readonly Delivery[]; readonly total: number }> {
  await getChannel(db, channel)
  let query = db.selectFrom('notification_delivery').where('channel_id', '=', channel)
  if (filter.status !== undefined) query = query.where('status', '=', filter.status)
  const place = placeOf(await countRows(query), page)
  // The index alone tells which rows they are.
  const ids = query.select('id').orderBy('id', place.order).limit(place.limit).offset(place.offset)
  const rows = await deliveryRows(db)
    .where('notification_delivery.id', 'in', ids)
    .orderBy('notification_delivery.id', 'desc')
    .execute()
  return { deliveries: rows.map(rowToDelivery), total: place.total }
}

/** Throws `channel_unknown` or `notification_unknown`. */
export async function getDelivery(
  { db }: { readonly db: Database },
  channelId: ChannelId,
  id: NotificationId,
): Promise<DeliveryDetail> {
  const channel = await getChannel(db, channelId)
  const row = await findRow(db, channelId, id)
  const attempts = await db
    .selectFrom('notification_attempt')
    .selectAll()
    .where('delivery_id', '=', id)
    .orderBy('id', 'desc')
    .execute()
  const text = row.event === 'test' ? undefined : await composeMessage(db, channel, row)
  return {
    delivery: rowToDelivery(row),
    attempts: attempts.map((attempt) => ({
      at: attempt.at,
      durationMs: attempt.duration_ms,
      isTaken: attempt.ok === 1,
      httpStatus: attempt.http_status,
      code: attempt.answer_code,
      answer: attempt.answer,
    })),
    text: text && { title: text.title, content: text.content },
  }
}

/**
 * Sends it once more, under the same id and for three days more if need be. Throws `channel_unknown`,
 * `notification_unknown`, or `notification_status` for one that is on its way, went into a digest, or was a test.
 */
export async function replayDelivery(
  deps: Pick<SenderDeps, 'db' | 'clock'>,
  channelId: ChannelId,
  id: NotificationId,
): Promise<Delivery> {
  await getChannel(deps.db, channelId)
  return deps.db.transaction().execute(async (trx) => {
    const { status, event } = await findRow(trx, channelId, id)
    if (event === 'test' || (status !== 'dead' && status !== 'sent')) throw notReplayable(status)
    const now = deps.clock.now()
    await trx
      .updateTable('notification_delivery')
      .set({
        status: 'waiting',
        hold: 'never',
        attempts: 0,
        next_at: now,
        expires_at: now + DELIVERY_LIFE_MS,
        ended_at: null,
      })
      .where('id', '=', id)
      .execute()
    return rowToDelivery(await findRow(trx, channelId, id))
  })
}

const TESTS_PER_MINUTE = 10

export type Tested = {
  readonly outcome: Outcome
  readonly messageId: string
  readonly durationMs: number
}

/**
 * Sends a test message at once, also through a channel that is switched off, and tells what the receiver said;
 * it stays in the log of the channel. Throws `channel_unknown`, `too_many_tests` or, when the signal aborts,
 * `stopping`.
 */
export async function testChannel(
  deps: SenderDeps,
  channelId: ChannelId,
  { words, signal }: { readonly words: string | undefined; readonly signal: AbortSignal },
): Promise<Tested> {
  const channel = await getChannel(deps.db, channelId)
  const startedAt = deps.clock.now()
  await refuseTooMany(deps.db, channelId, startedAt - MINUTE)
  const messageId = createMessageId()
  const message = testMessage(channel, messageId, startedAt, words)
  const outcome = await sendMessage(deps, channel, message, signal).catch((cause: unknown) => {
    throw signal.aborted ? stopping(cause) : cause
  })
  const now = deps.clock.now()
  const durationMs = now - startedAt
  await deps.db.transaction().execute(async (trx) => {
    const { id } = await trx
      .insertInto('notification_delivery')
      .values({
        message_id: messageId,
        channel_id: channelId,
        event: 'test',
        storm_key: 'test',
        status: 'waiting',
        attempts: 1,
        next_at: now,
        expires_at: now,
        created_at: startedAt,
      })
      .returning('id')
      .executeTakeFirstOrThrow()
    const record = { outcome, at: now, durationMs, retryAt: undefined }
    await recordAttempt(trx, { id, channel_id: channelId }, record)
  })
  return { outcome, messageId, durationMs }
}

async function refuseTooMany(db: Executor, channel: ChannelId, since: number): Promise<void> {
  const { tests } = await db
    .selectFrom('notification_delivery')
    .select((eb) => eb.fn.countAll<number>().as('tests'))
    .where('channel_id', '=', channel)
    .where('storm_key', '=', 'test')
    .where('ended_at', '>', since)
    .executeTakeFirstOrThrow()
  if (Number(tests) >= TESTS_PER_MINUTE) throw tooManyTests()
}

function deliveryRows(db: Executor) {
  return db
    .selectFrom('notification_delivery')
    .leftJoin('notice', 'notice.id', 'notification_delivery.notice_id')
    .selectAll('notification_delivery')
    .select(['notice.subject_name', 'notice.run_id'])
}

async function findRow(db: Executor, channel: ChannelId, id: NotificationId) {
  const row = await deliveryRows(db)
    .where('notification_delivery.channel_id', '=', channel)
    .where('notification_delivery.id', '=', id)
    .executeTakeFirst()
  if (row === undefined) throw deliveryUnknown(id)
  return row
}

function rowToDelivery(
  row: Selectable<NotificationDeliveryTable> & {
    readonly subject_name: string | null
    readonly run_id: number | null
  },
): Delivery {
  return {
    id: NotificationId.parse(row.id),
    messageId: row.message_id,
    event: row.event,
    subjectName: row.subject_name,
    runId: row.run_id,
    status: row.status,
    hold: row.hold === 'never' ? null : row.hold,
    attempts: row.attempts,
    nextAt: row.next_at,
    digestId: row.digest_id,
    httpStatus: row.http_status,
    code: row.answer_code,
    answer: row.answer,
    createdAt: row.created_at,
    endedAt: row.ended_at,
  }
}
