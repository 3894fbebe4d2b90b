import type { ExpressionBuilder, Insertable, Selectable } from 'kysely'
import { z } from 'zod'
import type { Database, Executor } from '../db/database.ts'
import { countRows, placeOf } from '../db/page.ts'
import type { Page } from '../db/page.ts'
import type { Tables } from '../db/schema.ts'
import type { AuditLogTable } from '../db/credential-schema.ts'
import type { AuditEntry, Facts, Outcome } from './audit.ts'
import { hideSecrets } from './hide-secrets.ts'

// The audit log: written once, listed, and never changed; the database sees to that too.

export type StoredAuditEntry = AuditEntry & { readonly id: number }

/** What is left out allows all. */
export type AuditFilter = {
  readonly action?: string | undefined
  readonly objectType?: string | undefined
  /** Id or name. */
  readonly object?: string | undefined
  readonly actor?: string | undefined
  readonly outcome?: Outcome | undefined
  /** The first and the last moment that count. */
  readonly from?: number | undefined
  readonly until?: number | undefined
}

const LONGEST_NAME = 300
const LONGEST_FACTS = 32 * 1024

/** Writes an entry, in the transaction of what it tells about where there is one. */
export async function recordAudit(db: Executor, entry: AuditEntry): Promise<void> {
  await db.insertInto('audit_log').values(entryToRow(entry)).execute()
}

/** Newest first. */
export async function listAuditLog(
  { db }: { readonly db: Database },
  filter: AuditFilter,
  page: Page,
): Promise<{ readonly entries: readonly StoredAuditEntry[]; readonly total: number }> {
  const matching = db.selectFrom('audit_log').where((eb) => eb.and(conditions(eb, filter)))
  const place = placeOf(await countRows(matching), page)
  // What stands before the page is skipped within an index; whole rows are read of the page alone.
  const ids = matching
    .select('id')
    .orderBy('at', place.order)
    .orderBy('id', place.order)
    .limit(place.limit)
    .offset(place.offset)
  const rows = await db
    .selectFrom('audit_log')
    .selectAll()
    .where('id', 'in', ids)
    .orderBy('at', 'desc')
    .orderBy('id', 'desc')
    .execute()
  return { entries: rows.map(rowToEntry), total: place.total }
}

function conditions(eb: ExpressionBuilder<Tables, 'audit_log'>, filter: AuditFilter) {
  const { action, objectType, object, actor, outcome, from, until } = filter
  return [
    ...(action === undefined ? [] : [eb('action', '=', action)]),
    ...(objectType === undefined ? [] : [eb('object_type', '=', objectType)]),
    ...(object === undefined ? [] : [eb.or([eb('object_id', '=', object), eb('object_name', '=', object)])]),
    ...(actor === undefined ? [] : [eb('actor', '=', actor)]),
    ...(outcome === undefined ? [] : [eb('outcome', '=', outcome)]),
    ...(from === undefined ? [] : [eb('at', '>=', from)]),
    ...(until === undefined ? [] : [eb('at', '<=', until)]),
  ]
}

function entryToRow(entry: AuditEntry): Insertable<AuditLogTable> {
  const { actor, object } = entry
  return {
    at: entry.at,
    actor: cut(actor.name),
    role: actor.role,
    address: actor.address,
    user_agent: actor.userAgent === null ? null : cut(actor.userAgent),
    request_id: actor.requestId,
    action: cut(entry.action),
    object_type: cut(object.type),
    object_id: object.id === null ? null : cut(object.id),
    object_name: object.name === null ? null : cut(object.name),
    before: factsToText(entry.before),
    after: factsToText(entry.after),
    outcome: entry.outcome,
    reason: entry.reason,
  }
}

function factsToText(facts: Facts | null): string | null {
  if (facts === null) return null
  const text = JSON.stringify(hideSecrets(facts))
  return text.length > LONGEST_FACTS ? JSON.stringify({ omitted: `${text.length} characters` }) : text
}

// A database may not take a NUL, and what a client sends may be as long as it likes.
function cut(text: string): string {
  return text.replaceAll('\0', '').slice(0, LONGEST_NAME)
}

const FactsText = z
  .string()
  .transform((text): Facts => z.record(z.string(), z.unknown()).parse(JSON.parse(text)))

function rowToEntry(row: Selectable<AuditLogTable>): StoredAuditEntry {
  return {
    id: row.id,
    at: Number(row.at),
    actor: {
      name: row.actor,
      role: row.role,
      address: row.address,
      userAgent: row.user_agent,
      requestId: row.request_id,
    },
    action: row.action,
    object: { type: row.object_type, id: row.object_id, name: row.object_name },
    before: row.before === null ? null : FactsText.parse(row.before),
    after: row.after === null ? null : FactsText.parse(row.after),
    outcome: row.outcome,
    reason: row.reason,
  }
}
