import { Hono } from 'hono'
import type { Context } from 'hono'
import { z } from 'zod'
import { isBranchRef, shortName } from '../../git/refs.ts'
import { BackupId } from '../../ids.ts'
import type { Backup } from '../../run/backups.ts'
import { listBackups } from '../../run/backups.ts'
import { restoreBackup } from '../../run/resolve.ts'
import type { RunSubject } from '../../run/request.ts'
import type { DecideDeps } from '../../run/resolve.ts'
import type { FindSubject } from './conflicts.ts'
import { ok } from './envelope.ts'
import { isoTime, Paging } from './paging.ts'
import { read, readBody } from './read.ts'

const Query = z.object(Paging)
const Restoration = z.strictObject({
  /** Another branch to bring it back as; left out: the one it was taken from. */
  as: z.string().optional(),
})

export type BackupRouteDeps = DecideDeps & {
  /** Bytes that the backups of a subject take on the disk. */
  readonly backupBytes: (subject: string) => Promise<number>
  /** 0: for ever. */
  readonly backupRetentionMs: number
}

/** `/bindings/:name/backups`, and the same of tasks: heads that were overwritten or deleted, and the way back. */
export function backupRoutes(deps: BackupRouteDeps, findSubject: FindSubject): Hono {
  const routes = new Hono()
  const subjectOf = (c: Context): Promise<RunSubject> => findSubject(c.req.param('name') ?? '')

  routes.get('/:name/backups', async (c) => {
    const { page, page_size: pageSize } = read(Query, c.req.query())
    const { subject } = await subjectOf(c)
    const { backups, total } = await listBackups(deps, subject, { page, pageSize })
    const items = backups.map((backup) => backupToWire(backup, deps.backupRetentionMs))
    const size = await deps.backupBytes(subject)
    return ok(c, { items, total, page, page_size: pageSize, size_bytes: size })
  })

  routes.post('/:name/backups/:id/restore', async (c) => {
    const { as } = await readBody(c, Restoration)
    const id = read(BackupId, c.req.param('id'))
    const of = await subjectOf(c)
    return ok(c, { run_id: await restoreBackup(deps, of, id, { as, by: c.get('caller').name }) }, 202)
  })

  return routes
}

function backupToWire(backup: Backup, retentionMs: number): Record<string, unknown> {
  const { ref, createdAt } = backup
  return {
    id: backup.id,
    side: backup.side,
    branch: isBranchRef(ref) ? shortName(ref) : ref,
    ref,
    sha: backup.sha,
    backup_ref: backup.backupRef,
    reason: backup.reason,
    by: backup.actor,
    run: backup.runId,
    created_at: isoTime(createdAt),
    kept_until: retentionMs === 0 ? null : isoTime(createdAt + retentionMs),
  }
}
