import type { Generated } from 'kysely'

// The tables of `run/`; the conventions are those of `schema.ts`.

type Flag = 0 | 1

/** Per subject and ref (the internal side's name), the sha both sides had when they last were equal. */
export type AgreedRefTable = {
  subject: string
  ref: string
  sha: string
  agreed_at: number
}

/** A ref that one side had and then lacked, as long as nobody can be sure that it was deleted. */
export type MissingRefTable = {
  subject: string
  /** The internal side's name. */
  ref: string
  side: 'internal' | 'external'
  since: number
  /** When a second look was last asked for. */
  asked_at: number | null
}

/** How many runs of a kind there are per 1024 ids; the database keeps it by triggers. */
export type RunTallyTable = {
  bucket: number
  status: RunTable['status']
  trigger: RunTable['trigger']
  count: number
}

export type RunTable = {
  id: Generated<number>
  /** `binding:<id>` or `task:<id>`: what must never have two runs at once. */
  subject: string
  binding_id: number | null
  task_id: number | null
  /** The subject's name, kept because the run outlives it. */
  subject_name: string
  trigger: 'webhook' | 'manual' | 'cron' | 'reconcile' | 'retry'
  direction: 'to_outer' | 'to_inter' | 'both'
  /** The hosts a run keeps busy, as the queue counts them. */
  internal_host: string
  external_host: string
  /** `host:port` of each side, as the circuit knows servers; empty: not over a network. */
  internal_endpoint: string
  external_endpoint: string
  /** Who asked for it; null: nobody by hand. */
  requested_by: string | null
  /** Nothing was or will be changed by it. */
  dry_run: Generated<Flag>
  status: 'queued' | 'running' | 'succeeded' | 'failed' | 'conflict' | 'canceled'
  /** Larger goes first. */
  priority: number
  /** JSON of `run.ts` `Work`: what is to be made equal. */
  work: string
  code: number | null
  message: string | null
  hint: string | null
  detail: string | null
  attempts: number
  attempt_limit: number
  /** How often the daemon died while this run was running. */
  interrupted: number
  run_after: number
  queued_at: number
  started_at: number | null
  finished_at: number | null
  refs: string
  steps: string
  log: string
}

/** One row of the documented sync log: a run, and the branch binding it served (null: the whole repository). */
export type SyncLogTable = {
  id: Generated<number>
  run_id: number
  repo_name: string
  branch_id: number | null
  direction: 'to_outer' | 'to_inter' | 'both'
  commit_id: string | null
  created_at: number
  updated_at: number
}

/** A ref that only a person can make equal; at most one open per ref of a subject. */
export type ConflictTable = {
  id: Generated<number>
  subject: string
  /** The internal side's name. */
  ref: string
  external_ref: string
  kind: 'non_fast_forward' | 'tag_moved' | 'deletion_conflict' | 'held'
  direction: 'to_outer' | 'to_inter'
  internal_sha: string | null
  external_sha: string | null
  /** JSON of `sync/divergence.ts`, or null where it could not be found out. */
  divergence: string | null
  reason: string | null
  /** The run that saw it first. */
  run_id: number
  opened_at: number
  updated_at: number
  closed_at: number | null
  closed_because: 'equal' | 'gone' | null
  closed_by_run: number | null
}

/** A head that was, or was about to be, taken away; its objects are in the backup repository of the subject. */
export type BackupTable = {
  id: Generated<number>
  subject: string
  run_id: number
  side: 'internal' | 'external'
  ref: string
  sha: string
  backup_ref: string
  created_at: number
  /** Why it had to go. */
  reason: 'force' | 'resolve' | 'tag' | 'deletion' | 'restore'
  actor: string | null
}

export type RunTables = {
  agreed_ref: AgreedRefTable
  missing_ref: MissingRefTable
  run: RunTable
  run_tally: RunTallyTable
  sync_log: SyncLogTable
  conflict: ConflictTable
  backup: BackupTable
}
