// Who changed what, or tried to.
//
// In:  every request that may change something, and what the daemon changes by itself.
// Out: entries that nobody changes or removes any more.
// It knows nothing of what the objects are; whoever makes an entry says what they were before and after.

/** What is known of an object, to be shown to whoever may read; secrets in it are hidden. */
export type Facts = Readonly<Record<string, unknown>>

export type AuditObject = {
  /** E.g. `binding`, `ssh_key`. */
  readonly type: string
  readonly id: string | null
  /** The name people know it by, or that of the binding it belongs to. */
  readonly name: string | null
}

export type Actor = {
  /** The name of a token. */
  readonly name: string
  readonly role: 'read' | 'operate' | 'admin' | null
  readonly address: string | null
  readonly userAgent: string | null
  readonly requestId: string | null
}

export type Outcome = 'success' | 'denied' | 'failed'
export const OUTCOMES = ['success', 'denied', 'failed'] as const

export type AuditEntry = {
  readonly at: number
  readonly actor: Actor
  /** E.g. `CREATE`, `UPDATE`, `DELETE`, `SYNC`. */
  readonly action: string
  readonly object: AuditObject
  readonly before: Facts | null
  readonly after: Facts | null
  readonly outcome: Outcome
  /** The word for why it did not succeed. */
  readonly reason: string | null
}

/** The daemon itself. */
const SYSTEM: Actor = { name: 'system', role: null, address: null, userAgent: null, requestId: null }

/** An entry about what the daemon did without being asked. */
export function ownDoing(
  at: number,
  action: string,
  object: { readonly type: string; readonly id?: string | number; readonly name?: string },
  after: Facts,
): AuditEntry {
  return {
    at,
    actor: SYSTEM,
    action,
    object: { type: object.type, id: object.id?.toString() ?? null, name: object.name ?? null },
    before: null,
    after,
    outcome: 'success',
    reason: null,
  }
}
