import type { Executor } from '../db/database.ts'
import type { ChannelId } from '../ids.ts'
import { DEFAULT_EVENTS } from './channel.ts'
import type { Channel, Report, Scope, Templates } from './channel.ts'
import { channelUnknown, noRotation, scopeUnknown, typeFixed } from './channel-error.ts'
import { getChannel, insertChannel, openSettings, storeSettings, updateChannelRow } from './channels.ts'
import type { ChannelContent, ChannelStore } from './channels.ts'
import type { Settings } from './channels/kind.ts'
import type { ChannelType } from './channels/kinds.ts'
import { KINDS } from './channels/kinds.ts'
import { createWebhookSecret } from './channels/standard-webhook.ts'
import { rotateWebhookSecret } from './channels/webhook.ts'
import type { NoticeEvent } from './notice.ts'
import { checkTemplate } from './template.ts'
import type { QuietHours } from './time-zone.ts'

// How channels are made, changed and removed.

/** What is left out stays as it is, or as it is by default. */
export type ChannelChange = {
  readonly name?: string | undefined
  readonly type?: ChannelType | undefined
  readonly enabled?: boolean | undefined
  readonly config?: Readonly<Record<string, unknown>> | undefined
  readonly events?: readonly NoticeEvent[] | undefined
  readonly scope?: Scope | undefined
  readonly report?: Report | undefined
  readonly stormLimit?: number | null | undefined
  readonly quietHours?: QuietHours | null | undefined
  readonly titleTemplate?: string | null | undefined
  readonly contentTemplate?: string | null | undefined
  readonly templatesByEvent?: ReadonlyMap<NoticeEvent, Templates> | undefined
}

export type NewChannel = ChannelChange & { readonly name: string; readonly type: ChannelType }

export type Configured = {
  readonly channel: Channel
  /** Of a signing secret that was made here: the only chance to see it. */
  readonly secret: string | undefined
}

/** Throws `channel_exists`, `channel_config`, `template` or `scope`. */
export async function createChannel(deps: ChannelStore, input: NewChannel): Promise<Configured> {
  const content = merge(EMPTY, input)
  const settings = KINDS[input.type].configure(input.config ?? {}, undefined, deps.clock.now())
  const channel = await deps.db.transaction().execute(async (trx) => {
    checkTemplates(content)
    await checkScope(trx, content.scope)
    return insertChannel(trx, deps, content, settings)
  })
  const isMade = input.type === 'webhook' && input.config?.['secret'] !== settings.secrets['secret']
  return { channel, secret: isMade ? settings.secrets['secret'] : undefined }
}

/**
 * Throws `channel_unknown`, `channel_exists`, `channel_type`, `channel_config`, `secret_again`, `template` or
 * `scope`. What waits for a channel that is switched off is given up.
 */
export async function updateChannel(
  deps: ChannelStore,
  id: ChannelId,
  change: ChannelChange,
): Promise<Channel> {
  return deps.db.transaction().execute(async (trx) => {
    const before = await getChannel(trx, id)
    if (change.type !== undefined && change.type !== before.type) throw typeFixed()
    const content = merge(before, change)
    checkTemplates(content)
    if (change.scope !== undefined) await checkScope(trx, change.scope)
    const settings =
      change.config === undefined
        ? undefined
        : KINDS[before.type].configure(change.config, await tryOpen(trx, deps, id), deps.clock.now())
    if (before.enabled && !content.enabled) await giveUp(trx, id, deps.clock.now())
    await tryAgain(trx, id, deps.clock.now())
    if (listensElsewhere(before, content)) await forgetProblems(trx, id)
    return updateChannelRow(trx, deps, before, content, settings)
  })
}

const ROWS_PER_DELETE = 500

/**
 * With everything that waits for it and was sent through it, in small batches: a channel that is old has much
 * of that. Throws `channel_unknown`.
 */
export async function deleteChannel({ db }: Pick<ChannelStore, 'db'>, id: ChannelId): Promise<void> {
  const { numUpdatedRows } = await db
    .updateTable('notification_channel')
    .set({ enabled: 0 })
    .where('id', '=', id)
    .executeTakeFirst()
  if (numUpdatedRows === 0n) throw channelUnknown(id)
  for (let deleted = 1n; deleted > 0n;) {
    const result = await db
      .deleteFrom('notification_delivery')
      .where('id', 'in', (eb) =>
        eb
          .selectFrom('notification_delivery as old')
          .select('old.id')
          .where('old.channel_id', '=', id)
          .limit(ROWS_PER_DELETE),
      )
      .executeTakeFirst()
    deleted = result.numDeletedRows
  }
  await db.deleteFrom('notification_channel').where('id', '=', id).execute()
}

/** A new signing secret; the one before still signs for a day. Throws `channel_unknown` or `no_rotation`. */
export async function rotateSecret(
  deps: ChannelStore,
  id: ChannelId,
): Promise<{ readonly channel: Channel; readonly secret: string }> {
  const secret = createWebhookSecret()
  const channel = await deps.db.transaction().execute(async (trx) => {
    const { type } = await getChannel(trx, id)
    if (type !== 'webhook') throw noRotation()
    const settings = rotateWebhookSecret(await openSettings(trx, deps, id), secret, deps.clock.now())
    await storeSettings(trx, deps.vault, id, settings)
    return getChannel(trx, id)
  })
  return { channel, secret }
}

const EMPTY: ChannelContent = {
  name: '',
  type: 'webhook',
  enabled: true,
  events: DEFAULT_EVENTS,
  scope: { bindings: [], tasks: [] },
  report: 'changes',
  stormLimit: null,
  quietHours: null,
  templates: { title: null, content: null },
  templatesByEvent: new Map(),
}

function merge(before: ChannelContent, change: ChannelChange): ChannelContent {
  return {
    name: over(change.name, before.name),
    type: over(change.type, before.type),
    enabled: over(change.enabled, before.enabled),
    events: eventsAfter(before, change),
    scope: over(change.scope, before.scope),
    report: over(change.report, before.report),
    stormLimit: over(change.stormLimit, before.stormLimit),
    quietHours: over(change.quietHours, before.quietHours),
    templates: {
      title: over(change.titleTemplate, before.templates.title),
      content: over(change.contentTemplate, before.templates.content),
    },
    templatesByEvent: over(change.templatesByEvent, before.templatesByEvent),
  }
}

/** Whoever asks for every change, and has never chosen among the events, wants to hear of successes. */
function eventsAfter({ events }: ChannelContent, change: ChannelChange): readonly NoticeEvent[] {
  if (change.events !== undefined || change.report !== 'all') return change.events ?? events
  const isDefault = JSON.stringify(events) === JSON.stringify(DEFAULT_EVENTS)
  return isDefault ? [...events, 'sync_success'] : events
}

// Null is a value: it takes away what was there.
function over<Value>(given: Value | undefined, kept: Value): Value {
  if (given === undefined) return kept
  return given
}

function checkTemplates({ templates, templatesByEvent }: ChannelContent): void {
  checkTemplate('title_template', templates.title ?? '')
  checkTemplate('template', templates.content ?? '')
  for (const [event, { title, content }] of templatesByEvent) {
    checkTemplate(`templates.${event}.title_template`, title ?? '')
    checkTemplate(`templates.${event}.template`, content ?? '')
  }
}

async function checkScope(trx: Executor, { bindings }: Scope): Promise<void> {
  if (bindings.length === 0) return
  const rows = await trx.selectFrom('binding').select('name').where('name', 'in', bindings).execute()
  const known = new Set(rows.map(({ name }) => name))
  const unknown = bindings.find((name) => !known.has(name))
  if (unknown !== undefined) throw scopeUnknown(unknown)
}

/** Undefined when the secret key of before is lost: then everything has to be given again. */
async function tryOpen(trx: Executor, deps: ChannelStore, id: ChannelId): Promise<Settings | undefined> {
  try {
    return await openSettings(trx, deps, id)
  } catch {
    return undefined
  }
}

async function giveUp(trx: Executor, id: ChannelId, now: number): Promise<void> {
  await trx
    .updateTable('notification_delivery')
    .set({ status: 'dead', hold: null, ended_at: now, answer: 'the channel was switched off' })
    .where('channel_id', '=', id)
    .where('status', '=', 'waiting')
    .execute()
}

/** Whoever corrects an address, or shortens the night, wants to see what waits for it go out. */
async function tryAgain(trx: Executor, id: ChannelId, now: number): Promise<void> {
  await trx
    .updateTable('notification_delivery')
    .set({ next_at: now })
    .where('channel_id', '=', id)
    .where('status', '=', 'waiting')
    .where((eb) => eb.or([eb('attempts', '>', 0), eb('hold', '=', 'quiet')]))
    .execute()
}

/** What it has seen while it listened to other things was not told, or is no longer its business. */
async function forgetProblems(trx: Executor, id: ChannelId): Promise<void> {
  await trx.deleteFrom('notification_problem').where('channel_id', '=', id).execute()
}

function listensElsewhere(before: ChannelContent, after: ChannelContent): boolean {
  const facts = ({ enabled, events, scope }: ChannelContent): string =>
    JSON.stringify([enabled, events, scope])
  return facts(before) !== facts(after)
}
