import type { Generated } from 'kysely'
import type { CredentialTables } from './credential-schema.ts'
import type { NotificationTables } from './notification-schema.ts'
import type { RunTables } from './run-schema.ts'

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
  /** The key that stands in place of a credential of its own. */
  internal_ssh_key_id: number | null
  external_ssh_key_id: number | null
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

/** How many deliveries of a kind there are per 1024 ids; the database keeps it by triggers. */
export type DeliveryTallyTable = {
  bucket: number
  status: DeliveryTable['status']
  forge: string
  count: number
}

export type DeliveryRunTable = {
  delivery_id: number
  run_id: number
}

export type Tables = CredentialTables &
  NotificationTables &
  RunTables & {
    binding: BindingTable
    binding_address: BindingAddressTable
    binding_forge: BindingForgeTable
    branch_binding: BranchBindingTable
    delivery: DeliveryTable
    delivery_run: DeliveryRunTable
    delivery_tally: DeliveryTallyTable
    hook: HookTable
  }
