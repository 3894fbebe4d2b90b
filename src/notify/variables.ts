import type { Notice, NoticeFacts, NoticeRef } from './notice.ts'
import { EVENT_LABELS, EVENT_STATUS, STATUS_TEXT } from './notice.ts'
import { formatTime } from './time-zone.ts'
import { SECOND } from '../clock.ts'

// What a template can show of a notice. The first group are the names that Git Manage Service documents.

export const VARIABLES = [
  'TaskKey',
  'TaskName',
  'Status',
  'StatusText',
  'EventType',
  'EventLabel',
  'SourceRemote',
  'SourceBranch',
  'TargetRemote',
  'TargetBranch',
  'RepoKey',
  'RepoName',
  'ErrorMessage',
  'CommitRange',
  'CronExpression',
  'WebhookSource',
  'BackupPath',
  'Timestamp',
  'Duration',
  'SyncMode',
  'BranchCount',
  'SuccessCount',
  'FailedCount',
  // Ours.
  'EventLabelEn',
  'Code',
  'Hint',
  'RunId',
  'Refs',
] as const
type VariableName = (typeof VARIABLES)[number]
export type Variables = Readonly<Record<VariableName, string>>

const SHOWN_REFS = 10
const SHORT_SHA = 10
const BAD: readonly NoticeRef['result'][] = ['rejected', 'conflict']

export function variablesOf(notice: Notice, at: number, timeZone: string): Variables {
  const { event, subjectName, facts } = notice
  const status = EVENT_STATUS[event]
  const text = (value: string | number | null | undefined): string => String(value ?? '')
  const bad = facts.refs.filter(({ result }) => BAD.includes(result))
  const counted = facts.refs.length > 0
  return {
    TaskKey: text(facts.taskKey ?? subjectName),
    TaskName: subjectName,
    Status: status,
    StatusText: STATUS_TEXT[status],
    EventType: event,
    EventLabel: EVENT_LABELS[event].zh,
    SourceRemote: text(facts.sourceRemote),
    SourceBranch: text(facts.sourceBranch ?? branchOf(facts, 'source_ref')),
    TargetRemote: text(facts.targetRemote),
    TargetBranch: text(facts.targetBranch ?? branchOf(facts, 'target_ref')),
    RepoKey: text(facts.repoKey ?? subjectName),
    RepoName: text(facts.repoName ?? subjectName),
    ErrorMessage: text(facts.errorMessage),
    CommitRange: text(facts.commitRange ?? rangeOf(facts)),
    CronExpression: text(facts.cronExpression),
    WebhookSource: text(facts.webhookSource),
    BackupPath: text(facts.backupPath),
    Timestamp: formatTime(at, timeZone),
    Duration: durationText(facts.durationMs),
    SyncMode: text(facts.syncMode ?? (facts.isWhole === true ? 'all-branch' : 'single')),
    BranchCount: counted ? text(facts.refs.length + (facts.refsOmitted ?? 0)) : '',
    SuccessCount: counted ? text(facts.refs.length + (facts.refsOmitted ?? 0) - bad.length) : '',
    FailedCount: counted ? text(bad.length) : '',
    EventLabelEn: EVENT_LABELS[event].en,
    Code: text(facts.code),
    Hint: text(facts.hint),
    RunId: text(notice.runId),
    Refs: refLines(facts, bad),
  }
}

function branchOf({ refs }: NoticeFacts, end: 'source_ref' | 'target_ref'): string | undefined {
  const [only] = refs
  return refs.length === 1 ? only?.[end].replace(/^refs\/(?:heads|tags)\//, '') : undefined
}

function rangeOf({ refs }: NoticeFacts): string | undefined {
  const moved = refs.filter(({ result }) => result === 'created' || result === 'updated')
  const [only] = moved
  if (moved.length !== 1 || only === undefined || only.after === null) return undefined
  const after = only.after.slice(0, SHORT_SHA)
  return only.before === null ? after : `${only.before.slice(0, SHORT_SHA)}..${after}`
}

/** The refs that people want to see: what went wrong when something did, else what has moved. */
function refLines({ refs }: NoticeFacts, bad: readonly NoticeRef[]): string {
  const shown = bad.length > 0 ? bad : refs.filter(({ result }) => result !== 'up_to_date')
  const lines = shown.slice(0, SHOWN_REFS).map(({ target_ref: ref, result }) => {
    return `${ref.replace(/^refs\/heads\//, '')} (${result})`
  })
  if (shown.length > SHOWN_REFS) lines.push(`… +${shown.length - SHOWN_REFS}`)
  return lines.join(', ')
}

function durationText(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return ''
  return ms < SECOND ? `${ms}ms` : `${(ms / SECOND).toFixed(1)}s`
}
