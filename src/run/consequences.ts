import { endPause, noteHopeless } from '../binding/pause.ts'
import type { Executor } from '../db/database.ts'
import { isHopeless } from '../git/git-error.ts'
import type { RunSubject } from './request.ts'
import type { AttemptEnd, Run } from './run.ts'

/**
 * A failure that only people can mend pauses the binding; whatever has reached both sides ends the pause. See
 * `binding/pause.ts`.
 */
export async function recordAccess(trx: Executor, run: Run, end: AttemptEnd, now: number): Promise<void> {
  const { bindingId } = run
  if (bindingId === null || end.status === 'canceled') return
  if (end.failure === null) {
    await endPause(trx, bindingId)
  } else if (isHopeless(end.failure.kind)) {
    await noteHopeless(trx, bindingId, { kind: end.failure.kind, detail: end.detail ?? '' }, now)
  }
}

/** The subject of a run that has ended, for another one. */
export function toSubject(run: Run): RunSubject {
  const { subject, bindingId, taskId, subjectName: name, hosts, endpoints } = run
  return { subject, bindingId, taskId, name, hosts, endpoints, notBefore: null }
}
