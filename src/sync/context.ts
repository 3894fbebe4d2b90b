import type { Clock } from '../clock.ts'
import type { RemoteDeps } from '../git/remote.ts'
import type { Logger } from '../log.ts'
import type { SyncLog, SyncOptions, SyncRequest } from './sync.ts'

export type SyncDeps = {
  readonly git: RemoteDeps
  readonly clock: Clock
  readonly logger: Logger
  /** Where mirrors live; they are caches. */
  readonly syncDir: string
  /** Where overwritten heads are kept; not a cache, it belongs into the backups of the machine. */
  readonly backupDir: string
  /** Remove the mirror after each sync. */
  readonly deleteMirrorAfter: boolean
  /** No fetch starts with less space than this left; 128 MB when not given. */
  readonly minimumFreeBytes?: number
}

/** One sync under way. */
export type SyncContext = {
  readonly deps: SyncDeps
  readonly request: SyncRequest
  readonly signal: AbortSignal
  readonly log: SyncLog
  readonly recordBackups: SyncOptions['recordBackups']
  /** The folder of the subject's mirror. */
  readonly mirror: string
  /** Does the work and notes how long it took, under the name of a step. */
  readonly timed: <T>(step: string, work: () => Promise<T>) => Promise<T>
}
