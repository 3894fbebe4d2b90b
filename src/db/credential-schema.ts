import type { Generated } from 'kysely'

// The tables of `credential/` and `audit/`; the conventions are those of `schema.ts`.

type Flag = 0 | 1

/** An SSH key that bindings and repositories may name. */
export type SshKeyTable = {
  id: Generated<number>
  name: string
  description: string
  key_type: 'rsa' | 'ed25519' | 'ecdsa'
  /** `<type> <base64>`. */
  public_key: string
  fingerprint: string
  /** Ciphertext of `credential/vault.ts`; what it holds needs no passphrase any more. */
  private_key: string
  /** Whether it came with one. */
  has_passphrase: Flag
  created_at: number
  updated_at: number
}

export type HostKeyTable = {
  host: string
  key_type: string
  public_key: string
  fingerprint: string
  first_seen_at: number
  trusted_by: Generated<'first_use' | 'call'>
}

export type TokenTable = {
  id: Generated<number>
  name: string
  role: 'read' | 'operate' | 'admin'
  /** SHA-256 of the token, hex. */
  hash: string
  created_at: number
  /** Null: never. */
  expires_at: number | null
  /** To the minute. */
  last_used_at: number | null
  /** How it begins, so that people can tell theirs; null for one that was made before this was kept. */
  prefix: string | null
}

/** What somebody changed, or tried to. The database refuses to change or delete a row. */
export type AuditLogTable = {
  id: Generated<number>
  at: number
  /** The name of a token, or `system` for what the daemon did by itself. */
  actor: string
  role: 'read' | 'operate' | 'admin' | null
  /** Of the client. */
  address: string | null
  user_agent: string | null
  request_id: string | null
  action: string
  object_type: string
  object_id: string | null
  object_name: string | null
  /** JSON objects without secrets. */
  before: string | null
  after: string | null
  outcome: 'success' | 'denied' | 'failed'
  reason: string | null
}

export type CredentialTables = {
  ssh_key: SshKeyTable
  host_key: HostKeyTable
  token: TokenTable
  audit_log: AuditLogTable
}
