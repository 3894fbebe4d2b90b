import type { Direction } from '../binding/binding.ts'
import type { Database, Executor } from '../db/database.ts'
import { countRows } from '../db/page.ts'
import type { AttemptEnd, Run } from './run.ts'

/** One entry of the documented sync log: a run, as one branch binding or one whole repository saw it. */
export type SyncLogEntry = {
  readonly id: number
  /** Null: the run was for the whole repository. */
  readonly branchId: number | null
  readonly repoName: string
  /** First seven digits of the commit that was carried over. */
  readonly commitId: string | null
  readonly direction: Direction
  readonly log: string
  readonly createdAt: number
  readonly updatedAt: number
}

export type SyncLogFilter = {
  readonly repoNames?: readonly string[] | undefined
  readonly branchIds?: readonly number[] | undefined
  /** Only entries for whole repositories. */
  readonly branchless: boolean
  readonly page: number
  readonly pageSize: number
  readonly newestFirst: boolean
}

export async function listSyncLogs(
  deps: { readonly db: Database },
  filter: SyncLogFilter,
): Promise<{ readonly rows: readonly SyncLogEntry[]; readonly total: number }> {
  let query = deps.db.selectFrom('sync_log')
  if (filter.repoNames !== undefined) query = query.where('sync_log.repo_name', 'in', filter.repoNames)
  if (filter.branchIds !== undefined) query = query.where('sync_log.branch_id', 'in', filter.branchIds)
  if (filter.branchless) query = query.where('sync_log.branch_id', 'is', null)
  const total = await countRows(query)
  const order = filter.newestFirst ? 'desc' : 'asc'
  const rows = await query
    .innerJoin('run', 'run.id', 'sync_log.run_id')
    .select([
      'sync_log.id',
      'sync_log.branch_id',
      'sync_log.repo_name',
      'sync_log.commit_id',
      'sync_log.direction',
      'sync_log.created_at',
      'sync_log.updated_at',
      'run.log',
    ])
    .orderBy('sync_log.created_at', order)
    .orderBy('sync_log.id', order)
    .limit(filter.pageSize)
    .offset((filter.page - 1) * filter.pageSize)
    .execute()
  return {
    total,
    rows: rows.map((row) => ({
      id: row.id,
      branchId: row.branch_id,
      repoName: row.repo_name,
      commitId: row.commit_id,
      direction: row.direction,
      log: row.log,
      createdAt: row.created_at,
      updatedAt: row.updated_at,
    })),
  }
}

/** One row per branch binding that was asked for, and one for the whole repository when that was; replaced at each attempt. */
export async function recordSyncLog(trx: Executor, run: Run, end: AttemptEnd, now: number): Promise<void> {
  const branchIdsByRef = new Map<string, number>()
  for (const item of run.work) {
    if (item.scope === 'all') continue
    for (const ref of item.scope) if (ref.branchId !== null) branchIdsByRef.set(ref.internal, ref.branchId)
  }
  await trx.deleteFrom('sync_log').where('run_id', '=', run.id).execute()
  const row = {
    run_id: run.id,
    repo_name: run.subjectName,
    created_at: run.startedAt ?? now,
    updated_at: now,
  }
  const rows = [...branchIdsByRef].map(([ref, branchId]) => {
    const outcome = end.refs.find((known) => known.pair.internal === ref)
    return {
      ...row,
      branch_id: branchId,
      direction: outcome?.direction ?? run.direction,
      commit_id: outcome?.after?.slice(0, 7) ?? null,
    }
  })
  const whole = { ...row, branch_id: null, direction: run.direction, commit_id: null }
  await trx
    .insertInto('sync_log')
    .values(rows.length === 0 || run.work.some((item) => item.scope === 'all') ? [...rows, whole] : rows)
    .execute()
}
