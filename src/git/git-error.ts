/** Every way in which git or a forge can refuse; each is told apart from what git prints. */
export type GitErrorKind = keyof typeof TRAITS

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

type Trait = 'heals' | 'hopeless' | 'host' | 'refusal'

const TRAITS = {
  // The other end cannot be reached, or cannot answer.
  dns: ['heals', 'host'],
  unreachable: ['heals', 'host'],
  stalled: ['heals', 'host'],
  timed_out: ['heals', 'host'],
  rate_limited: ['heals', 'host'],
  server_error: ['heals', 'host'],
  proxy: ['heals', 'host'],
  not_git: ['heals'],
  tls: ['hopeless'],
  ssh_outdated: ['hopeless'],
  host_key_changed: ['hopeless'],
  host_key_unknown: ['hopeless'],
  redirected: ['hopeless'],
  address_denied: ['hopeless'],

  // It does not let us in, or does not let us write.
  ssh_key_rejected: ['hopeless'],
  auth: ['hopeless'],
  sso_required: ['hopeless'],
  ip_refused: ['hopeless'],
  blocked: ['hopeless'],
  not_found: ['hopeless'],
  // May concern a single branch, as the rules of some forges do.
  forbidden: ['hopeless', 'refusal'],
  read_only: ['hopeless'],
  object_format: ['hopeless'],

  // It has looked at what was pushed, and does not want it.
  protected: ['refusal'],
  hook_declined: ['refusal'],
  workflow_scope: ['refusal'],
  secret_found: ['refusal'],
  email_private: ['refusal'],
  author_refused: ['refusal'],
  lfs_missing: ['refusal'],
  // Commits without large files still travel.
  lfs_unavailable: [],
  too_large: ['refusal'],
  too_many_refs: ['refusal'],
  quota_exceeded: ['refusal'],
  name_refused: ['refusal'],
  name_taken: [],
  ref_ambiguous: [],
  bad_objects: [],
  shallow: [],

  // The two sides do not fit together.
  ref_missing: [],
  non_fast_forward: [],
  tag_moved: [],
  // One side deleted the ref while the other one got other commits.
  deletion_conflict: [],
  // Too much would go at once; a person has to confirm.
  held: [],
  backup_missing: [],
  unrelated: [],
  moved_meanwhile: ['heals'],

  // This machine, and what became of the call.
  local_permission: [],
  disk_full: ['heals'],
  out_of_memory: ['heals'],
  mirror_busy: ['heals'],
  mirror_damaged: ['heals'],
  // What logs in was sealed with another key than the daemon has now.
  secret_unreadable: [],
  canceled: [],
  unknown: ['heals'],
} as const satisfies Readonly<Record<string, readonly Trait[]>>

/** Whether the same call may succeed later without anybody changing anything. */
export function canHeal(kind: GitErrorKind): boolean {
  return has(kind, 'heals')
}

/** Whether every call to this remote fails until its credential, its address or a right at the forge changes. */
export function isHopeless(kind: GitErrorKind): boolean {
  return has(kind, 'hopeless')
}

/** Whether the whole host is in trouble, so that calls to its other repositories would fail as well. */
export function isHostTrouble(kind: GitErrorKind): boolean {
  return has(kind, 'host')
}

/** Whether the server declined what was pushed, so that the rest may pass without the refused ref. */
export function isRefusal(kind: GitErrorKind): boolean {
  return has(kind, 'refusal')
}

function has(kind: GitErrorKind, trait: Trait): boolean {
  const traits: readonly Trait[] = TRAITS[kind]
  return traits.includes(trait)
}
