import type { NoticeEvent } from './notice.ts'

// What a channel says that has no templates of its own: Chinese first, English beside it.

export type Template = { readonly title: string; readonly content: string }

const SYNC_LINES = `任务 Task: {{TaskName}}
{{#SourceRemote}}
源 Source: {{SourceRemote}}{{#SourceBranch}} ({{SourceBranch}}){{/SourceBranch}}
{{/SourceRemote}}
{{#TargetRemote}}
目标 Target: {{TargetRemote}}{{#TargetBranch}} ({{TargetBranch}}){{/TargetBranch}}
{{/TargetRemote}}
{{#Refs}}
分支 Refs: {{Refs}}
{{/Refs}}
{{#CommitRange}}
提交 Commits: {{CommitRange}}
{{/CommitRange}}
{{#ErrorMessage}}
原因 Reason: {{ErrorMessage}}{{#Code}} [{{Code}}]{{/Code}}
{{/ErrorMessage}}
{{#Hint}}
建议 What to do: {{Hint}}
{{/Hint}}
{{#CronExpression}}
计划 Schedule: {{CronExpression}}
{{/CronExpression}}
{{#WebhookSource}}
来源 Source: {{WebhookSource}}
{{/WebhookSource}}
{{#Duration}}
耗时 Duration: {{Duration}}
{{/Duration}}
{{#RunId}}
运行 Run: {{RunId}}
{{/RunId}}
时间 Time: {{Timestamp}}`

const TITLES: Readonly<Record<NoticeEvent, string>> = {
  sync_success: '[成功] 同步任务 {{TaskName}} / Synced',
  sync_failure: '[失败] 同步任务 {{TaskName}} / Sync failed',
  sync_conflict: '[冲突] 同步任务 {{TaskName}} / Sync conflict',
  sync_recovered: '[恢复] 同步任务 {{TaskName}} / Sync recovered',
  webhook_error: '[Webhook错误] {{TaskName}} / Deliveries rejected',
  cron_triggered: '[定时] 任务触发: {{TaskName}} / Schedule triggered',
  binding_paused: '[暂停] 同步任务 {{TaskName}} / Sync paused',
}

export function builtInTemplate(event: NoticeEvent): Template {
  return { title: TITLES[event], content: SYNC_LINES }
}

/** Of the message that a person sends to see whether a channel works. */
export const TEST_TEMPLATE: Template = {
  title: 'reposync - 测试通知 / Test notification',
  content:
    '这是一条测试通知，说明该渠道可用。 / This is a test: the channel works.\n时间 Time: {{Timestamp}}',
}

export function digestTitle(count: number): string {
  return `[汇总] ${count} 条通知 / ${count} notifications`
}

export function digestRest(count: number): string {
  return `… 另有 ${count} 条 / ${count} more`
}
