import type { Selectable } from 'kysely'
import type { Side } from '../binding/binding.ts'
import type { Clock } from '../clock.ts'
import type { Database, Executor } from '../db/database.ts'
import { countRows } from '../db/page.ts'
import type { Page } from '../db/page.ts'
import type { BackupTable } from '../db/run-schema.ts'
import { DomainError } from '../domain-error.ts'
import { toRefName, toSha } from '../git/refs.ts'
import type { RefName, Sha } from '../git/refs.ts'
import { BackupId, RunId } from '../ids.ts'
import type { Backup as KeptHead, BackupReason } from '../sync/sync.ts'
import type { Run } from './run.ts'

// Heads that were taken away, and who is to answer for it. The objects are in the backup repository of the subject.

export type Backup = {
  readonly id: BackupId
  readonly subject: string
  readonly side: Side
  readonly ref: RefName
  readonly sha: Sha
  readonly backupRef: string
  readonly reason: BackupReason
  /** Who asked for it; null: a rule of the binding did it by itself. */
  readonly actor: string | null
  readonly runId: RunId
  readonly createdAt: number
}

const ROWS_PER_INSERT = 500

/** Writes down what has been kept. What was kept before and is lost again is listed with the newest occasion. */
export async function insertBackups(
  deps: { readonly db: Database; readonly clock: Clock },
  run: Pick<Run, 'id' | 'subject' | 'requestedBy'>,
  kept: readonly KeptHead[],
): Promise<void> {
  const rows = kept.map(({ side, ref, sha, backupRef, reason }) => ({
    subject: run.subject,
    run_id: run.id,
    side,
    ref,
    sha,
    backup_ref: backupRef,
    created_at: deps.clock.now(),
    reason,
    actor: run.requestedBy,
  }))
  for (let start = 0; start < rows.length; start += ROWS_PER_INSERT) {
    await deps.db
      .insertInto('backup')
      .values(rows.slice(start, start + ROWS_PER_INSERT))
      .onConflict((conflict) =>
        conflict.columns(['subject', 'backup_ref']).doUpdateSet((eb) => ({
          run_id: eb.ref('excluded.run_id'),
          created_at: eb.ref('excluded.created_at'),
          reason: eb.ref('excluded.reason'),
          actor: eb.ref('excluded.actor'),
        })),
      )
      .execute()
  }
}

/** Newest first. */
export async function listBackups(
  deps: { readonly db: Database },
  subject: string,
  { page, pageSize }: Page,
): Promise<{ readonly backups: readonly Backup[]; readonly total: number }> {
  const query = deps.db.selectFrom('backup').where('subject', '=', subject)
  const total = await countRows(query)
  const rows = await query
    .selectAll()
    .orderBy('id', 'desc')
    .limit(pageSize)
    .offset((page - 1) * pageSize)
    .execute()
  return { backups: rows.map(rowToBackup), total }
}

/** Throws `backup_not_found` when the subject has none of this id. */
export async function getBackup(db: Executor, subject: string, id: BackupId): Promise<Backup> {
  const row = await db
    .selectFrom('backup')
    .selectAll()
    .where('id', '=', id)
    .where('subject', '=', subject)
    .executeTakeFirst()
  if (row !== undefined) return rowToBackup(row)
  throw new DomainError('not_found', 'backup_not_found', {
    zh: `未找到备份 ${id}`,
    en: `there is no backup ${id}`,
  })
}

/** The oldest ones that were made before a time, all of one subject. */
export async function oldestBackups(db: Executor, before: number, limit: number): Promise<readonly Backup[]> {
  const first = await db
    .selectFrom('backup')
    .select('subject')
    .where('created_at', '<', before)
    .orderBy('created_at')
    .limit(1)
    .executeTakeFirst()
  if (first === undefined) return []
  const rows = await db
    .selectFrom('backup')
    .selectAll()
    .where('subject', '=', first.subject)
    .where('created_at', '<', before)
    .orderBy('created_at')
    .limit(limit)
    .execute()
  return rows.map(rowToBackup)
}

export async function deleteBackups(db: Executor, ids: readonly BackupId[]): Promise<void> {
  if (ids.length > 0) await db.deleteFrom('backup').where('id', 'in', ids).execute()
}

function rowToBackup(row: Selectable<BackupTable>): Backup {
  const ref = toRefName(row.ref)
  const sha = toSha(row.sha)
  if (ref === undefined || sha === undefined) throw new Error(`the stored backup ${row.id} cannot be read`)
  return {
    id: BackupId.parse(row.id),
    subject: row.subject,
    side: row.side,
    ref,
    sha,
    backupRef: row.backup_ref,
    reason: row.reason,
    actor: row.actor,
    runId: RunId.parse(row.run_id),
    createdAt: Number(row.created_at),
  }
}
