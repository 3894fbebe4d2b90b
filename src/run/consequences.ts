import { ownDoing } from '../audit/audit.ts'
import { recordAudit } from '../audit/audit-log.ts'
import { endPause, noteHopeless } from '../binding/pause.ts'
import type { Executor } from '../db/database.ts'
import { isHopeless } from '../git/git-error.ts'
import type { RunSubject } from './request.ts'
import type { AttemptEnd, Run } from './run.ts'

/**
 * A failure that only people can mend pauses the binding; whatever has reached both sides ends the pause. See
 * `binding/pause.ts`.
 */
export async function recordAccess(
  trx: Executor,
  run: Run,
  end: AttemptEnd,
  now: number,
): Promise<'paused' | 'resumed' | undefined> {
  const { bindingId, subjectName } = run
  if (bindingId === null || end.status === 'canceled') return undefined
  const object = { type: 'binding', id: bindingId, name: subjectName }
  if (end.failure === null) {
    if (!(await endPause(trx, bindingId))) return undefined
    await recordAudit(trx, ownDoing(now, 'RESUME', object, { run_id: run.id }))
    return 'resumed'
  }
  if (!isHopeless(end.failure.kind)) return undefined
  const failure = { kind: end.failure.kind, detail: end.detail ?? '' }
  if (!(await noteHopeless(trx, bindingId, failure, now))) return undefined
  await recordAudit(trx, ownDoing(now, 'PAUSE', object, { run_id: run.id, reason: failure.kind }))
  return 'paused'
}

/** The subject of a run that has ended, for another one. */
export function toSubject(run: Run): RunSubject {
  const { subject, bindingId, taskId, subjectName: name, hosts, endpoints } = run
  return { subject, bindingId, taskId, name, hosts, endpoints, notBefore: null }
}
