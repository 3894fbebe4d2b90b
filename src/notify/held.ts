import type { Database, Executor } from '../db/database.ts'
import { createMessageId, DELIVERY_LIFE_MS } from './outbox.ts'
import { WAITING_COLUMNS } from './waiting.ts'
import type { WaitingDelivery } from './waiting.ts'

// Deliveries that wait beyond their time: for the morning, or for others of their kind.

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
      })
      .returning(WAITING_COLUMNS)
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
