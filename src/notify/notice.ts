import { z } from 'zod'
import type { Text } from '../domain-error.ts'

// Stage 8: somebody is told.
//
// In:  what happened, reported inside the transaction that records it (`outbox.ts`).
// Out: a delivery per channel that wants to know, sent until it is taken or dead (`notify.ts`).
// It knows nothing of runs, git or webhooks but the facts of a notice.
//
//   waiting ──▶ sent | digested | dead        dead ──replay──▶ waiting

export const NOTICE_EVENTS = [
  'sync_success',
  'sync_failure',
  'sync_conflict',
  'sync_recovered',
  'webhook_error',
  'cron_triggered',
  'binding_paused',
] as const
export type NoticeEvent = (typeof NOTICE_EVENTS)[number]

const NoticeRef = z.object({
  source_ref: z.string(),
  target_ref: z.string(),
  before: z.string().nullable(),
  after: z.string().nullable(),
  result: z.enum(['created', 'updated', 'deleted', 'up_to_date', 'rejected', 'conflict']),
})
/** What a run did with one ref. */
export type NoticeRef = Readonly<z.infer<typeof NoticeRef>>

/** The facts as they are stored; what is left out is not known, and shown as nothing. */
export const NoticeFacts = z.object({
  /** The documented number of the outcome; of a failure also its words. */
  code: z.number().nullable().optional(),
  errorMessage: z.string().nullable().optional(),
  hint: z.string().nullable().optional(),
  /** All refs of the run; how many of them are kept is decided here. */
  refs: z.array(NoticeRef).readonly(),
  /** The run looked at every ref of its subject: what it does not list as bad is well. */
  isWhole: z.boolean().optional(),
  taskKey: z.string().nullable().optional(),
  sourceRemote: z.string().nullable().optional(),
  sourceBranch: z.string().nullable().optional(),
  targetRemote: z.string().nullable().optional(),
  targetBranch: z.string().nullable().optional(),
  repoKey: z.string().nullable().optional(),
  repoName: z.string().nullable().optional(),
  /** Left out: made of the refs. */
  commitRange: z.string().nullable().optional(),
  cronExpression: z.string().nullable().optional(),
  webhookSource: z.string().nullable().optional(),
  backupPath: z.string().nullable().optional(),
  durationMs: z.number().nullable().optional(),
  syncMode: z.string().nullable().optional(),
  /** How many deliveries a notice of the webhooks stands for, by the reason of their rejection. */
  rejections: z.record(z.string(), z.number()).optional(),
  /** How many refs were left out of the list. */
  refsOmitted: z.number().optional(),
})
export type NoticeFacts = Readonly<z.infer<typeof NoticeFacts>>

/** Something that happened and that somebody may want to know. */
export type Notice = {
  readonly event: NoticeEvent
  readonly bindingId: number | null
  readonly taskId: number | null
  /** The name of the binding or task. */
  readonly subjectName: string
  readonly runId: number | null
  readonly facts: NoticeFacts
}

export const EVENT_LABELS: Readonly<Record<NoticeEvent, Text>> = {
  sync_success: { zh: '同步成功', en: 'Sync succeeded' },
  sync_failure: { zh: '同步失败', en: 'Sync failed' },
  sync_conflict: { zh: '同步冲突', en: 'Sync conflict' },
  sync_recovered: { zh: '同步恢复', en: 'Sync recovered' },
  webhook_error: { zh: 'Webhook 错误', en: 'Webhooks rejected' },
  cron_triggered: { zh: '定时任务触发', en: 'Schedule triggered' },
  binding_paused: { zh: '同步已暂停', en: 'Sync paused' },
}

export const EVENT_STATUS: Readonly<Record<NoticeEvent, 'success' | 'failure' | 'conflict'>> = {
  sync_success: 'success',
  sync_failure: 'failure',
  sync_conflict: 'conflict',
  sync_recovered: 'success',
  webhook_error: 'failure',
  cron_triggered: 'success',
  binding_paused: 'failure',
}

export const STATUS_TEXT: Readonly<Record<'success' | 'failure' | 'conflict', string>> = {
  success: '成功',
  failure: '失败',
  conflict: '冲突',
}

/** What all notices about the same thing share; two things never share it. */
export function subjectOf({
  bindingId,
  taskId,
  subjectName,
}: Pick<Notice, 'bindingId' | 'taskId' | 'subjectName'>): string {
  if (bindingId !== null) return `binding:${bindingId}`
  return taskId === null ? `name:${subjectName}` : `task:${taskId}`
}
