import type { Binding } from '../binding/binding.ts'
import type { BindingForRun } from '../binding/for-run.ts'
import type { GitFailure } from '../git/git-error.ts'
import type { SyncRequest } from '../sync/sync.ts'
import type { Run, Work, WorkItem } from './run.ts'

/** A task as a run takes it: a binding that goes one way, from its source (internal) to its target (external). */
export type TaskForRun = Omit<BindingForRun, 'binding' | 'remotes'> & {
  readonly binding: Pick<Binding, 'enabled' | 'direction' | 'granularity' | 'rules'>
  readonly remotes: SyncRequest['remotes']
  /** What the task says now; it may have been changed since the run was requested. */
  readonly work: Work
}

/** Whatever a run can be for: both kinds load into one shape, so that the engine does not tell them apart. */
export type ReadySubject = BindingForRun | TaskForRun

/** Or why it cannot be synced as it is now. */
export type SubjectForRun = ReadySubject | { readonly failure: GitFailure }

/** The run with what its subject wants today; what a person has decided about single refs stays as it was. */
export function asWanted(run: Run, subject: ReadySubject): Run {
  if (!('work' in subject)) return run
  const decided = run.work.filter(isDecided)
  return { ...run, work: decided.length === run.work.length ? decided : [...decided, ...subject.work] }
}

function isDecided({ scope }: WorkItem): boolean {
  return scope !== 'all' && scope.some(({ seen, restore }) => seen !== undefined || restore !== undefined)
}
