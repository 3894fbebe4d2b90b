import { randomBytes } from 'node:crypto'
import { DAY, SECOND } from '../clock.ts'
import type { Executor } from '../db/database.ts'
import { StoredEvents, StoredScope, covers } from './channel.ts'
import { newsFor } from './news.ts'
import type { News, Problem, Subscriber } from './news.ts'
import { factsToKeep, mergeRejections } from './facts.ts'
import type { Notice, NoticeEvent } from './notice.ts'
import { subjectOf } from './notice.ts'

/** How long a delivery is tried before it is dead. */
export const DELIVERY_LIFE_MS = 3 * DAY
// Rejections come in crowds: the first message waits for the rest of its crowd.
const GATHER_REJECTIONS_MS = 5 * SECOND

/**
 * Keeps, in the caller's transaction, what is to be told of this to whom; nothing is sent here, and a caller
 * that wakes the dispatcher after its commit has it sent at once. To be called for every run that has ended by
 * itself, with all its refs, one that changed nothing included, and for everything else that is a
 * `NoticeEvent`, however often the same repeats: what is news to a channel is decided from what it has seen.
 */
export async function enqueueNotice(trx: Executor, notice: Notice, now: number): Promise<void> {
  const subscribers = await listSubscribers(trx, notice)
  if (subscribers.length === 0) return
  const subject = subjectOf(notice)
  const known = await knownProblems(trx, subject, subscribers)
  const news = subscribers.map((subscriber) => ({
    channel: subscriber.id,
    news: newsFor(subscriber, notice, known.get(subscriber.id) ?? []),
  }))
  if (known.size > 0 || news.some(({ news: { fresh } }) => fresh.length > 0)) {
    await keepProblems(trx, subject, news, now)
  }
  const channelsByEvent = Map.groupBy(
    news.flatMap(({ channel, news: { events } }) => events.map((event) => ({ channel, event }))),
    ({ event }) => event,
  )
  for (const [event, entries] of channelsByEvent) {
    const channels = entries.map(({ channel }) => channel)
    const joined = event === 'webhook_error' ? await joinOpenNotices(trx, subject, notice) : new Set()
    const rest = channels.filter((channel) => !joined.has(channel))
    if (rest.length > 0) await insertDeliveries(trx, { ...notice, event }, rest, now)
  }
}

export function createMessageId(): string {
  return `msg_${randomBytes(18).toString('base64url')}`
}

async function listSubscribers(trx: Executor, notice: Notice): Promise<readonly Subscriber[]> {
  const rows = await trx
    .selectFrom('notification_channel')
    .select(['id', 'events', 'scope', 'report'])
    .where('enabled', '=', 1)
    .orderBy('id')
    .execute()
  return rows
    .filter(({ scope }) => covers(StoredScope.parse(JSON.parse(scope)), notice))
    .map(({ id, events, report }) => ({ id, report, events: StoredEvents.parse(JSON.parse(events)) }))
}

async function knownProblems(
  trx: Executor,
  subject: string,
  subscribers: readonly Subscriber[],
): Promise<ReadonlyMap<number, readonly Problem[]>> {
  const ids = subscribers.map(({ id }) => id)
  const rows = await trx
    .selectFrom('notification_problem')
    .select(['channel_id', 'problem', 'ref'])
    .where('subject', '=', subject)
    .where('channel_id', 'in', ids)
    .execute()
  return Map.groupBy(rows, (row) => row.channel_id)
}

async function keepProblems(
  trx: Executor,
  subject: string,
  news: readonly { readonly channel: number; readonly news: News }[],
  now: number,
): Promise<void> {
  for (const { channel, news: change } of news) {
    for (const { problem, ref } of change.cleared) {
      await trx
        .deleteFrom('notification_problem')
        .where('subject', '=', subject)
        .where('channel_id', '=', channel)
        .where('problem', '=', problem)
        .where('ref', '=', ref)
        .execute()
    }
  }
  const fresh = news.flatMap(({ channel, news: change }) =>
    change.fresh.map((problem) => ({ channel_id: channel, subject, ...problem, since: now, seen_at: now })),
  )
  if (fresh.length > 0) {
    await trx
      .insertInto('notification_problem')
      .values(fresh)
      .onConflict((conflict) => conflict.doNothing())
      .execute()
  }
  // What nobody has seen for long is forgotten one day; what goes on is seen again.
  await trx
    .updateTable('notification_problem')
    .set({ seen_at: now })
    .where('subject', '=', subject)
    .where('seen_at', '<', now - DAY)
    .execute()
}

async function insertDeliveries(
  trx: Executor,
  notice: Notice,
  channels: readonly number[],
  now: number,
): Promise<void> {
  const { id } = await trx
    .insertInto('notice')
    .values({
      event: notice.event,
      subject: subjectOf(notice),
      subject_name: notice.subjectName,
      binding_id: notice.bindingId,
      task_id: notice.taskId,
      run_id: notice.runId,
      facts: JSON.stringify(await factsToKeep(trx, notice)),
      created_at: now,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  await trx
    .insertInto('notification_delivery')
    .values(
      channels.map((channel) => ({
        message_id: createMessageId(),
        channel_id: channel,
        notice_id: id,
        event: notice.event,
        storm_key: stormKey(notice.event, notice),
        status: 'waiting' as const,
        attempts: 0,
        next_at: notice.event === 'webhook_error' ? now + GATHER_REJECTIONS_MS : now,
        expires_at: now + DELIVERY_LIFE_MS,
        created_at: now,
      })),
    )
    .execute()
}

// Of one forge that is down come a hundred failures with one code: they are of one kind, other ones are not.
function stormKey(event: NoticeEvent, notice: Notice): string {
  return event === 'webhook_error' ? `${event} ${subjectOf(notice)}` : `${event} ${notice.facts.code ?? ''}`
}

/**
 * Adds to the notices of rejections that have not been told yet, so that a flood of them stays one message;
 * returns the channels that have such a one.
 */
async function joinOpenNotices(trx: Executor, subject: string, notice: Notice): Promise<ReadonlySet<number>> {
  const open = await trx
    .selectFrom('notification_delivery')
    .innerJoin('notice', 'notice.id', 'notification_delivery.notice_id')
    .select(['notification_delivery.channel_id', 'notice.id', 'notice.facts'])
    .where('notification_delivery.status', '=', 'waiting')
    .where('notification_delivery.event', '=', 'webhook_error')
    .where('notification_delivery.attempts', '=', 0)
    .where('notice.subject', '=', subject)
    .execute()
  for (const [id, facts] of new Map(open.map((row) => [row.id, row.facts]))) {
    await trx
      .updateTable('notice')
      .set({ facts: JSON.stringify(mergeRejections(facts, notice.facts)) })
      .where('id', '=', id)
      .execute()
  }
  return new Set(open.map((row) => row.channel_id))
}
