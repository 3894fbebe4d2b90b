/** Every way in which git or a forge can refuse; each is told apart from what git prints. */
export type GitErrorKind =
  | 'ssh_key_rejected'
  | 'host_key_changed'
  | 'host_key_unknown'
  | 'not_found'
  | 'dns'
  | 'unreachable'
  | 'stalled'
  | 'timed_out'
  | 'tls'
  | 'auth'
  | 'redirected'
  | 'rate_limited'
  | 'server_error'
  | 'not_git'
  | 'address_denied'
  | 'local_permission'
  | 'disk_full'
  | 'mirror_busy'
  | 'mirror_damaged'
  | 'ref_missing'
  | 'ref_ambiguous'
  | 'non_fast_forward'
  | 'tag_moved'
  | 'unrelated'
  | 'moved_meanwhile'
  | 'protected'
  | 'hook_declined'
  | 'too_large'
  | 'object_format'
  | 'bad_objects'
  /** A side deleted the ref while the other one got other commits. */
  | 'deletion_conflict'
  /** Too many refs would go at once; a person has to confirm. */
  | 'held'
  | 'backup_missing'
  | 'canceled'
  | 'unknown'

/** Why git did not do what was asked. The detail carries neither secrets nor control characters. */
export type GitFailure = { readonly kind: GitErrorKind; readonly detail: string }

export type GitOutcome<Result> =
  ({ readonly ok: true } & Result) | { readonly ok: false; readonly failure: GitFailure }

export function failed(
  kind: GitErrorKind,
  detail: string,
): { readonly ok: false; readonly failure: GitFailure } {
  return { ok: false, failure: { kind, detail } }
}

/** Whether only a change of credentials, address or permissions will help, whatever is pushed. */
export function isHopeless(kind: GitErrorKind): boolean {
  switch (kind) {
    case 'ssh_key_rejected':
    case 'host_key_changed':
    case 'host_key_unknown':
    case 'not_found':
    case 'tls':
    case 'auth':
    case 'redirected':
    case 'address_denied':
      return true
    default:
      return false
  }
}

/** Whether the whole server is in trouble, not just one repository of it. */
export function isHostTrouble(kind: GitErrorKind): boolean {
  switch (kind) {
    case 'dns':
    case 'unreachable':
    case 'stalled':
    case 'timed_out':
    case 'rate_limited':
    case 'server_error':
      return true
    default:
      return false
  }
}

/** Whether the same call may succeed later without anybody changing anything. */
export function canHeal(kind: GitErrorKind): boolean {
  switch (kind) {
    case 'dns':
    case 'unreachable':
    case 'stalled':
    case 'timed_out':
    case 'rate_limited':
    case 'server_error':
    case 'not_git':
    case 'disk_full':
    case 'mirror_busy':
    case 'mirror_damaged':
    case 'moved_meanwhile':
    case 'unknown':
      return true
    case 'ssh_key_rejected':
    case 'host_key_changed':
    case 'host_key_unknown':
    case 'not_found':
    case 'tls':
    case 'auth':
    case 'redirected':
    case 'address_denied':
    case 'local_permission':
    case 'ref_missing':
    case 'ref_ambiguous':
    case 'non_fast_forward':
    case 'tag_moved':
    case 'unrelated':
    case 'protected':
    case 'hook_declined':
    case 'too_large':
    case 'object_format':
    case 'bad_objects':
    case 'deletion_conflict':
    case 'held':
    case 'backup_missing':
    case 'canceled':
      return false
  }
}
