import type { Generated } from 'kysely'

// The tables of `notify/`; the conventions are those of `schema.ts`.

type Flag = 0 | 1

/** Where people or machines are told what happened. */
export type NotificationChannelTable = {
  id: Generated<number>
  name: string
  type: string
  enabled: Flag
  /** JSON of what may be shown of its configuration. */
  config: string
  /** Ciphertext of `credential/vault.ts`: JSON of the rest. */
  secrets: string
  /** JSON array of event names. */
  events: string
  /** JSON: the bindings and tasks it is about; none of either means all. */
  scope: string
  report: 'changes' | 'all'
  /** Messages of one kind per hour before they are put together; 0: never, null: as its type has it. */
  storm_limit: number | null
  /** JSON, or null. */
  quiet_hours: string | null
  title_template: string | null
  content_template: string | null
  created_at: number
  updated_at: number
}

/** Texts of a channel for one event. */
type NotificationTemplateTable = {
  channel_id: number
  event: string
  title_template: string | null
  content_template: string | null
}

/** What a channel has seen go wrong and not yet become well, so that it is told once. */
type NotificationProblemTable = {
  channel_id: number
  subject: string
  problem: string
  /** Empty: the whole subject. */
  ref: string
  since: number
  seen_at: number
}

/** What happened, for the deliveries about it. */
export type NoticeTable = {
  id: Generated<number>
  event: string
  subject: string
  subject_name: string
  binding_id: number | null
  task_id: number | null
  run_id: number | null
  /** JSON of `notify/notice.ts` `NoticeFacts`. */
  facts: string
  created_at: number
}

/** A notice on its way to one channel. */
export type NotificationDeliveryTable = {
  id: Generated<number>
  /** The same at every attempt, so that a receiver knows what it has already taken. */
  message_id: string
  channel_id: number
  /** Null: a test, or a digest of those that name it in `digest_id`. */
  notice_id: number | null
  event: string
  /** Deliveries of one key count together against the storm limit. */
  storm_key: string
  status: 'waiting' | 'sent' | 'digested' | 'dead'
  /** Why it waits beyond its time; `never`: a person has asked for it. */
  hold: 'quiet' | 'storm' | 'never' | null
  attempts: number
  next_at: number
  expires_at: number
  digest_id: number | null
  /** Of the last attempt. */
  http_status: number | null
  answer_code: string | null
  answer: string | null
  created_at: number
  ended_at: number | null
}

type NotificationAttemptTable = {
  id: Generated<number>
  delivery_id: number
  channel_id: number
  at: number
  duration_ms: number
  ok: Flag
  http_status: number | null
  answer_code: string | null
  answer: string | null
}

export type NotificationTables = {
  notification_channel: NotificationChannelTable
  notification_template: NotificationTemplateTable
  notification_problem: NotificationProblemTable
  notice: NoticeTable
  notification_delivery: NotificationDeliveryTable
  notification_attempt: NotificationAttemptTable
}
