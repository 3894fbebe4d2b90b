import type { Generated } from 'kysely'
import type { DefaultBranchTable } from './default-branch-schema.ts'

// The shape of the database. Times are milliseconds since the epoch, booleans 0 or 1, and JSON is text:
// the same on every dialect. Rows never leave the file of their noun; JSON is parsed there through zod.

type Flag = 0 | 1

export type BindingTable = {
  id: Generated<number>
  name: string
  enabled: Flag
  internal_address: string
  external_address: string
  /** Host of each side, as the queue counts connections. */
  internal_host: string
  external_host: string
  /** Ciphertext of `credential/vault.ts`, or null. */
  internal_credential: string | null
  external_credential: string | null
  granularity: 'all' | 'one'
  direction: 'to_outer' | 'to_inter' | 'both'
  /** When the two sides are to be compared again without being asked. */
  reconcile_at: number
  /** When that was last asked for; null: never. */
  reconciled_at: number | null
  /** JSON of `binding/rules.ts`; what is left out is as by default. */
  rules: Generated<string>
  /** The last failure that only people can mend, a kind of `git/git-error.ts`; null: none since it last worked. */
  pause_kind: string | null
  pause_detail: string | null
  /** Null: not paused; one such failure may be a slip. */
  paused_at: number | null
  /** When it is tried again without being asked. */
  probe_at: number | null
  created_at: number
  updated_at: number
}

/** The index that finds bindings by the addresses of a delivery; one row per spelling that counts as equal. */
export type BindingAddressTable = {
  binding_id: number
  side: 'internal' | 'external'
  /** `host/path`, folded to lower case. */
  match_key: string
  /** `host/path` with the path as written. */
  exact_key: string
  /** Port of a web address; null for ssh and local addresses, which match any port. */
  web_port: number | null
}

export type BranchBindingTable = {
  id: Generated<number>
  binding_id: number
  enabled: Flag
  internal_branch: string
  external_branch: string
  created_at: number
}

/** Per subject and ref (the internal side's name), the sha both sides had when they last were equal. */
export type AgreedRefTable = {
  subject: string
  ref: string
  sha: string
  agreed_at: number
}

export type DeliveryTable = {
  id: Generated<number>
  forge: string
  event: string | null
  /** The forge's own id of the delivery. */
  forge_delivery_id: string | null
  /** Forge, id and body digest; null when the forge gives no id or the delivery may run again. */
  dedupe_key: string | null
  received_at: number
  remote_address: string | null
  status: 'accepted' | 'ignored' | 'rejected'
  reason: string | null
  detail: string | null
  signature: 'verified' | 'none' | 'invalid'
  changes: string
  repository: string | null
  pusher: string | null
  bindings: string
  /** The body as received, secrets redacted; null for a rejected delivery. */
  payload: string | null
  /** The hook it came to; null for an address that all share. */
  hook_id: number | null
}

/** An address of one side of a binding, at which its forge delivers with secrets that only the two know. */
export type HookTable = {
  id: Generated<number>
  /** The last part of the address; nobody can guess it. */
  slug: string
  forge: string
  /** Null: the binding is gone, and the hook is still to be removed at the forge. */
  binding_id: number | null
  side: 'internal' | 'external'
  /** The repository it was registered for, as the binding had it. */
  address: string
  /** Ciphertexts of `credential/vault.ts`. */
  secret: string
  previous_secret: string | null
  /** Until when deliveries signed with the previous secret are taken. */
  previous_until: number | null
  /** Empty: a person makes the hook at the forge. */
  api_token: string
  /** Null: derived from the address. */
  api_url: string | null
  /** The forge's id of it; null while it is not known to exist there. */
  forge_hook_id: string | null
  created_at: number
  last_delivery_at: number | null
  last_status: 'accepted' | 'ignored' | 'duplicate' | 'rejected' | null
  /** What is wrong with it at the forge, as far as that was known at `checked_at`. */
  problem: string | null
  checked_at: number | null
  /** The history of the forge was asked for what happened until then. */
  history_at: number
  /** When the forge was first asked in vain to remove what belongs to no binding any more. */
  abandoned_at: number | null
}

/** How the forge of one side is asked about its repository, where no hook has brought a token for that. */
export type BindingForgeTable = {
  binding_id: number
  side: 'internal' | 'external'
  forge: string
  /** The repository it was given for, as the binding had it. */
  address: string
  /** Null: derived from the address. */
  api_url: string | null
  /** Ciphertext of `credential/vault.ts`. */
  api_token: string
  /** The forge itself fills this side from the other one, so git never pushes to it. */
  is_mirror: Flag
  created_at: number
}

export type DeliveryRunTable = {
  delivery_id: number
  run_id: number
}

export type RunTable = {
  id: Generated<number>
  /** `binding:<id>` or `task:<id>`: what must never have two runs at once. */
  subject: string
  binding_id: number | null
  task_id: number | null
  /** The subject's name, kept because the run outlives it. */
  subject_name: string
  trigger: 'webhook' | 'manual' | 'cron' | 'reconcile' | 'retry'
  direction: 'to_outer' | 'to_inter' | 'both'
  /** The hosts a run keeps busy, as the queue counts them. */
  internal_host: string
  external_host: string
  /** `host:port` of each side, as the circuit knows servers; empty: not over a network. */
  internal_endpoint: string
  external_endpoint: string
  /** Who asked for it; null: nobody by hand. */
  requested_by: string | null
  /** Nothing was or will be changed by it. */
  dry_run: Generated<Flag>
  status: 'queued' | 'running' | 'succeeded' | 'failed' | 'conflict' | 'canceled'
  /** Larger goes first. */
  priority: number
  /** JSON of `run.ts` `Work`: what is to be made equal. */
  work: string
  code: number | null
  message: string | null
  hint: string | null
  detail: string | null
  attempts: number
  attempt_limit: number
  /** How often the daemon died while this run was running. */
  interrupted: number
  run_after: number
  queued_at: number
  started_at: number | null
  finished_at: number | null
  refs: string
  steps: string
  log: string
}

/** One row of the documented sync log: a run, and the branch binding it served (null: the whole repository). */
export type SyncLogTable = {
  id: Generated<number>
  run_id: number
  repo_name: string
  branch_id: number | null
  direction: 'to_outer' | 'to_inter' | 'both'
  commit_id: string | null
  created_at: number
  updated_at: number
}

/** A head that was, or was about to be, taken away; its objects are in the backup repository of the subject. */
export type BackupTable = {
  id: Generated<number>
  subject: string
  run_id: number
  side: 'internal' | 'external'
  ref: string
  sha: string
  backup_ref: string
  created_at: number
  /** Why it had to go. */
  reason: 'force' | 'resolve' | 'tag' | 'deletion' | 'restore'
  actor: string | null
}

/** A ref that only a person can make equal; at most one open per ref of a subject. */
export type ConflictTable = {
  id: Generated<number>
  subject: string
  /** The internal side's name. */
  ref: string
  external_ref: string
  kind: 'non_fast_forward' | 'tag_moved' | 'deletion_conflict' | 'held'
  direction: 'to_outer' | 'to_inter'
  internal_sha: string | null
  external_sha: string | null
  /** JSON of `sync/divergence.ts`, or null where it could not be found out. */
  divergence: string | null
  reason: string | null
  /** The run that saw it first. */
  run_id: number
  opened_at: number
  updated_at: number
  closed_at: number | null
  closed_because: 'equal' | 'gone' | null
  closed_by_run: number | null
}

/** A ref that one side had and then lacked, as long as nobody can be sure that it was deleted. */
export type MissingRefTable = {
  subject: string
  /** The internal side's name. */
  ref: string
  side: 'internal' | 'external'
  since: number
  /** When a second look was last asked for. */
  asked_at: number | null
}

export type HostKeyTable = {
  host: string
  key_type: string
  public_key: string
  fingerprint: string
  first_seen_at: number
}

export type TokenTable = {
  id: Generated<number>
  name: string
  role: 'read' | 'operate' | 'admin'
  /** SHA-256 of the token, hex. */
  hash: string
  created_at: number
}

export type Tables = {
  binding: BindingTable
  binding_address: BindingAddressTable
  binding_forge: BindingForgeTable
  branch_binding: BranchBindingTable
  agreed_ref: AgreedRefTable
  delivery: DeliveryTable
  delivery_run: DeliveryRunTable
  hook: HookTable
  run: RunTable
  sync_log: SyncLogTable
  backup: BackupTable
  conflict: ConflictTable
  missing_ref: MissingRefTable
  default_branch: DefaultBranchTable
  host_key: HostKeyTable
  token: TokenTable
}
