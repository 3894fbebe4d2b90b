import type { Insertable, Selectable } from 'kysely'
import { z } from 'zod'
import type { Vault } from '../credential/vault.ts'
import type { Clock } from '../clock.ts'
import type { Database, Executor } from '../db/database.ts'
import { countRows } from '../db/page.ts'
import type { Page } from '../db/page.ts'
import type { NotificationChannelTable } from '../db/notification-schema.ts'
import { ChannelId } from '../ids.ts'
import { REPORTS, StoredEvents, StoredScope } from './channel.ts'
import type { Channel, Templates } from './channel.ts'
import { channelExists, channelUnknown } from './channel-error.ts'
import type { Settings } from './channels/kind.ts'
import { CHANNEL_TYPES } from './channels/kinds.ts'
import { NOTICE_EVENTS } from './notice.ts'
import type { NoticeEvent } from './notice.ts'

// The records of channels. What is secret of a configuration is sealed, and bound to its channel.

export type ChannelStore = { readonly db: Database; readonly clock: Clock; readonly vault: Vault }

const StoredQuietHours = z.object({ from: z.string(), to: z.string(), timeZone: z.string() })
const StoredSecrets = z.record(z.string(), z.string())
const StoredConfig = z.record(z.string(), z.unknown())

export async function listChannels(
  { db }: Pick<ChannelStore, 'db'>,
  filter: { readonly type?: string | undefined },
  { page, pageSize }: Page,
): Promise<{ readonly channels: readonly Channel[]; readonly total: number }> {
  let query = db.selectFrom('notification_channel')
  if (filter.type !== undefined) query = query.where('type', '=', filter.type)
  const total = await countRows(query)
  const rows = await query
    .selectAll()
    .orderBy('id')
    .limit(pageSize)
    .offset((page - 1) * pageSize)
    .execute()
  const channels = await Promise.all(rows.map((row) => rowToChannel(db, row)))
  return { channels, total }
}

export async function findChannel(db: Executor, id: number): Promise<Channel | undefined> {
  const row = await db.selectFrom('notification_channel').selectAll().where('id', '=', id).executeTakeFirst()
  return row === undefined ? undefined : rowToChannel(db, row)
}

/** Throws `channel_unknown`. */
export async function getChannel(db: Executor, id: ChannelId): Promise<Channel> {
  const channel = await findChannel(db, id)
  if (channel === undefined) throw channelUnknown(id)
  return channel
}

export type ChannelContent = Omit<Channel, 'id' | 'config' | 'createdAt' | 'updatedAt'>

/** Throws `channel_exists`. */
export async function insertChannel(
  trx: Executor,
  { vault, clock }: Pick<ChannelStore, 'vault' | 'clock'>,
  content: ChannelContent,
  settings: Settings,
): Promise<Channel> {
  const now = clock.now()
  const row: Insertable<NotificationChannelTable> = {
    ...contentToRow(content),
    type: content.type,
    config: JSON.stringify(settings.shown),
    secrets: '',
    created_at: now,
    updated_at: now,
  }
  const inserted = await trx
    .insertInto('notification_channel')
    .values(row)
    .onConflict((conflict) => conflict.column('name').doNothing())
    .returning('id')
    .executeTakeFirst()
  if (inserted === undefined) throw channelExists(content.name)
  const id = ChannelId.parse(inserted.id)
  // Its id, to which they are bound, is known only now.
  await storeSettings(trx, vault, id, settings)
  await replaceTemplates(trx, id, content.templatesByEvent)
  return getChannel(trx, id)
}

/** Without settings those of before stay. Throws `channel_exists` for the name of another channel. */
export async function updateChannelRow(
  trx: Executor,
  { vault, clock }: Pick<ChannelStore, 'vault' | 'clock'>,
  { id }: Pick<Channel, 'id'>,
  content: ChannelContent,
  settings: Settings | undefined,
): Promise<Channel> {
  const namesake = await trx
    .selectFrom('notification_channel')
    .select('id')
    .where('name', '=', content.name)
    .where('id', '!=', id)
    .executeTakeFirst()
  if (namesake !== undefined) throw channelExists(content.name)
  await trx
    .updateTable('notification_channel')
    .set({ ...contentToRow(content), updated_at: clock.now() })
    .where('id', '=', id)
    .execute()
  if (settings !== undefined) await storeSettings(trx, vault, id, settings)
  await replaceTemplates(trx, id, content.templatesByEvent)
  return getChannel(trx, id)
}

export async function storeSettings(
  trx: Executor,
  vault: Vault,
  id: ChannelId,
  settings: Settings,
): Promise<void> {
  await trx
    .updateTable('notification_channel')
    .set({
      config: JSON.stringify(settings.shown),
      secrets: vault.seal(JSON.stringify(settings.secrets), purpose(id)),
    })
    .where('id', '=', id)
    .execute()
}

/** The whole configuration. Throws `channel_unknown`, and when the secrets cannot be opened with this key. */
export async function openSettings(
  db: Executor,
  { vault }: Pick<ChannelStore, 'vault'>,
  id: ChannelId,
): Promise<Settings> {
  const row = await db
    .selectFrom('notification_channel')
    .select(['config', 'secrets'])
    .where('id', '=', id)
    .executeTakeFirst()
  if (row === undefined) throw channelUnknown(id)
  try {
    return {
      shown: StoredConfig.parse(JSON.parse(row.config)),
      secrets: StoredSecrets.parse(JSON.parse(vault.open(row.secrets, purpose(id)))),
    }
  } catch (cause) {
    throw new Error(`opening the secrets of the notification channel ${id}`, { cause })
  }
}

function purpose(id: ChannelId): string {
  return `notification_channel:${id}`
}

function contentToRow(content: ChannelContent) {
  return {
    name: content.name,
    enabled: content.enabled ? (1 as const) : (0 as const),
    events: JSON.stringify(content.events),
    scope: JSON.stringify(content.scope),
    report: content.report,
    storm_limit: content.stormLimit,
    quiet_hours: content.quietHours === null ? null : JSON.stringify(content.quietHours),
    title_template: content.templates.title,
    content_template: content.templates.content,
  }
}

async function replaceTemplates(
  trx: Executor,
  id: ChannelId,
  templates: ReadonlyMap<NoticeEvent, Templates>,
): Promise<void> {
  await trx.deleteFrom('notification_template').where('channel_id', '=', id).execute()
  if (templates.size === 0) return
  await trx
    .insertInto('notification_template')
    .values(
      [...templates].map(([event, { title, content }]) => ({
        channel_id: id,
        event,
        title_template: title,
        content_template: content,
      })),
    )
    .execute()
}

async function rowToChannel(db: Executor, row: Selectable<NotificationChannelTable>): Promise<Channel> {
  const templates = await db
    .selectFrom('notification_template')
    .selectAll()
    .where('channel_id', '=', row.id)
    .orderBy('event')
    .execute()
  return {
    id: ChannelId.parse(row.id),
    name: row.name,
    type: z.enum(CHANNEL_TYPES).parse(row.type),
    enabled: row.enabled === 1,
    config: StoredConfig.parse(JSON.parse(row.config)),
    events: StoredEvents.parse(JSON.parse(row.events)),
    scope: StoredScope.parse(JSON.parse(row.scope)),
    report: z.enum(REPORTS).parse(row.report),
    stormLimit: row.storm_limit,
    quietHours: row.quiet_hours === null ? null : StoredQuietHours.parse(JSON.parse(row.quiet_hours)),
    templates: { title: row.title_template, content: row.content_template },
    templatesByEvent: new Map(
      templates.map(({ event, title_template: title, content_template: content }) => [
        z.enum(NOTICE_EVENTS).parse(event),
        { title, content },
      ]),
    ),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}
