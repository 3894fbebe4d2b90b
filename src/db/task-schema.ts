import type { Generated } from 'kysely'

// The tables of registered repositories and their tasks; see `schema.ts` for what all tables have in common.

export type RepositoryTable = {
  id: Generated<number>
  name: string
  /** As it was given. */
  path: string
  /** Where that led; one folder is registered once. */
  real_path: string
  ssh_key_id: number | null
  created_at: number
  updated_at: number
}

export type TaskTable = {
  id: Generated<number>
  name: string
  repository_id: number
  sync_mode: 'single' | 'all-branch'
  /** A remote of the repository, or `local` for the repository itself. */
  source_remote: string
  /** Null: all branches. */
  source_branch: string | null
  /** Host of each end, as the queue counts connections. */
  source_host: string
  /** `host:port` of each end. */
  source_endpoint: string
  target_remote: string
  target_branch: string | null
  target_host: string
  target_endpoint: string
  /** Accepted options, separated by spaces. */
  push_options: string
  enabled: 0 | 1
  cron_expression: string | null
  /** Null: that of the service. */
  timezone: string | null
  /** When cron asks for the next run; null: never. */
  cron_next_at: number | null
  /** Digest of both addresses at the last run; what was agreed on with others proves nothing. */
  ends: string | null
  created_at: number
  updated_at: number
}

export type TaskTables = {
  repository: RepositoryTable
  task: TaskTable
}
