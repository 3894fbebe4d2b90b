import { Hono } from 'hono'
import type { Context } from 'hono'
import { z } from 'zod'
import { bindingSubject, runSubjectOf } from '../../binding/binding.ts'
import type { Binding } from '../../binding/binding.ts'
import { getBinding } from '../../binding/bindings.ts'
import { isBranchRef, shortName } from '../../git/refs.ts'
import { BackupId } from '../../ids.ts'
import type { Backup } from '../../run/backups.ts'
import { listBackups } from '../../run/backups.ts'
import { restoreBackup } from '../../run/resolve.ts'
import type { DecideDeps } from '../../run/resolve.ts'
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

/** `/bindings/:name/backups`: heads that were overwritten or deleted, and the way back. */
export function backupRoutes(deps: BackupRouteDeps): Hono {
  const routes = new Hono()
  const bindingOf = (c: Context): Promise<Binding> => getBinding(deps.db, c.req.param('name') ?? '')

  routes.get('/:name/backups', async (c) => {
    const { page, page_size: pageSize } = read(Query, c.req.query())
    const subject = bindingSubject((await bindingOf(c)).id)
    const { backups, total } = await listBackups(deps, subject, { page, pageSize })
    const items = backups.map((backup) => backupToWire(backup, deps.backupRetentionMs))
    const size = await deps.backupBytes(subject)
    return ok(c, { items, total, page, page_size: pageSize, size_bytes: size })
  })

  routes.post('/:name/backups/:id/restore', async (c) => {
    const { as } = await readBody(c, Restoration)
    const id = read(BackupId, c.req.param('id'))
    const of = runSubjectOf(await bindingOf(c))
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
