import { z } from 'zod'
import type { Executor } from '../db/database.ts'
import type { Channel } from './channel.ts'
import { templateOf } from './channel.ts'
import { toOneLine } from './channels/escape.ts'
import type { Message } from './channels/kind.ts'
import { KINDS } from './channels/kinds.ts'
import { EVENT_LABELS, EVENT_STATUS, NOTICE_EVENTS, NoticeFacts } from './notice.ts'
import type { Notice, NoticeEvent } from './notice.ts'
import { renderTemplate } from './template.ts'
import { digestRest, digestTitle, TEST_TEMPLATE } from './texts.ts'
import type { Template } from './texts.ts'
import { localTimeZone } from './time-zone.ts'
import { variablesOf } from './variables.ts'
import type { Variables } from './variables.ts'
import type { WaitingDelivery } from './waiting.ts'

// From a delivery to the message it is: the texts of its channel with the facts of its notice in them.

const LONGEST_TITLE = 200
const LISTED_NOTICES = 20
const SENT_NOTICES = 200

/** Throws when the notice is gone. */
export async function composeMessage(
  db: Executor,
  channel: Channel,
  delivery: Pick<WaitingDelivery, 'id' | 'message_id' | 'notice_id' | 'event'>,
): Promise<Message> {
  const { id, message_id: messageId, notice_id: noticeId } = delivery
  if (delivery.event === 'digest') return digestMessage(channel, messageId, await membersOf(db, id))
  const row = await noticeRows(db).where('notice.id', '=', noticeId).executeTakeFirstOrThrow()
  const told = rowToTold(row)
  return { id: messageId, ...textOf(channel, told), payload: payloadOf(channel, told) }
}

export function testMessage(channel: Channel, id: string, now: number, words: string | undefined): Message {
  const notice: Notice = {
    event: 'sync_success',
    bindingId: null,
    taskId: null,
    subjectName: 'test',
    runId: null,
    facts: { refs: [] },
  }
  const variables = variablesOf(notice, now, zoneOf(channel))
  const own = words === undefined ? undefined : KINDS[channel.type].escape(words)
  const { title, content } = render(channel, TEST_TEMPLATE, variables)
  return {
    id,
    title,
    content: own ?? content,
    payload: {
      type: 'test',
      timestamp: new Date(now).toISOString(),
      data: { title, content: own ?? content },
    },
  }
}

/** A notice as it happened. */
type Told = { readonly notice: Notice; readonly at: number }

function textOf(
  channel: Channel,
  { notice, at }: Told,
): { readonly title: string; readonly content: string } {
  return render(channel, templateOf(channel, notice.event), variablesOf(notice, at, zoneOf(channel)))
}

function render(channel: Channel, template: Template, variables: Variables): Template {
  const { escape } = KINDS[channel.type]
  return {
    title: toOneLine(renderTemplate(template.title, variables, escape)).slice(0, LONGEST_TITLE),
    content: renderTemplate(template.content, variables, escape).trim(),
  }
}

function zoneOf({ quietHours }: Channel): string {
  return quietHours?.timeZone ?? localTimeZone()
}

function payloadOf(channel: Channel, { notice, at }: Told): Readonly<Record<string, unknown>> {
  const { event, facts } = notice
  return {
    type: event,
    timestamp: new Date(at).toISOString(),
    data: {
      ...textOf(channel, { notice, at }),
      status: EVENT_STATUS[event],
      label: EVENT_LABELS[event],
      binding: notice.bindingId === null ? null : notice.subjectName,
      task_id: notice.taskId,
      task: notice.taskId === null ? null : notice.subjectName,
      run_id: notice.runId,
      code: facts.code ?? null,
      message: facts.errorMessage ?? null,
      hint: facts.hint ?? null,
      source_remote: facts.sourceRemote ?? null,
      target_remote: facts.targetRemote ?? null,
      cron_expression: facts.cronExpression ?? null,
      webhook_source: facts.webhookSource ?? null,
      rejections: facts.rejections ?? null,
      duration_ms: facts.durationMs ?? null,
      refs: facts.refs,
      refs_omitted: facts.refsOmitted ?? 0,
    },
  }
}

function digestMessage(channel: Channel, id: string, members: Members): Message {
  const { total, told } = members
  const lines = told
    .slice(0, LISTED_NOTICES)
    .map((one) => `• ${textOf(channel, one).title}${reasonOf(channel, one)}`)
  const rest = total - lines.length
  const title = digestTitle(total)
  const content = [...lines, ...(rest > 0 ? [digestRest(rest)] : [])].join('\n')
  return {
    id,
    title,
    content,
    payload: {
      type: 'digest',
      timestamp: new Date(told.at(-1)?.at ?? 0).toISOString(),
      data: { title, content, count: total, notices: told.map((one) => payloadOf(channel, one)) },
    },
  }
}

const LONGEST_REASON = 120

function reasonOf(channel: Channel, { notice }: Told): string {
  const words = notice.facts.errorMessage ?? ''
  return words === '' ? '' : `: ${KINDS[channel.type].escape(toOneLine(words).slice(0, LONGEST_REASON))}`
}

type Members = { readonly total: number; readonly told: readonly Told[] }

async function membersOf(db: Executor, digest: number): Promise<Members> {
  const { total } = await db
    .selectFrom('notification_delivery')
    .select((eb) => eb.fn.countAll<number>().as('total'))
    .where('digest_id', '=', digest)
    .executeTakeFirstOrThrow()
  const rows = await noticeRows(db)
    .innerJoin('notification_delivery', 'notification_delivery.notice_id', 'notice.id')
    .where('notification_delivery.digest_id', '=', digest)
    .orderBy('notification_delivery.id')
    .limit(SENT_NOTICES)
    .execute()
  return { total: Number(total), told: rows.map(rowToTold) }
}

function noticeRows(db: Executor) {
  return db
    .selectFrom('notice')
    .select([
      'notice.event',
      'notice.subject_name',
      'notice.binding_id',
      'notice.task_id',
      'notice.run_id',
      'notice.facts',
      'notice.created_at',
    ])
}

function rowToTold(row: Awaited<ReturnType<ReturnType<typeof noticeRows>['executeTakeFirstOrThrow']>>): Told {
  const event: NoticeEvent = z.enum(NOTICE_EVENTS).parse(row.event)
  return {
    at: row.created_at,
    notice: {
      event,
      bindingId: row.binding_id,
      taskId: row.task_id,
      subjectName: row.subject_name,
      runId: row.run_id,
      facts: NoticeFacts.parse(JSON.parse(row.facts)),
    },
  }
}
