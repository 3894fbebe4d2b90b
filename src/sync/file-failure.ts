import type { GitFailure } from '../git/git-error.ts'

/** What a refusal of the file system means for a sync; undefined when the error is something else. */
export function toFileFailure(error: unknown): GitFailure | undefined {
  if (!(error instanceof Error)) return undefined
  if (!('code' in error) || !('syscall' in error)) return toFileFailure(error.cause)
  const detail = error.message
  switch (error.code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return { kind: 'disk_full', detail }
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return { kind: 'local_permission', detail }
    default:
      return { kind: 'unknown', detail }
  }
}
