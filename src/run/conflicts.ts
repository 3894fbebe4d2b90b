import type { Selectable } from 'kysely'
import { sourceSide } from '../binding/binding.ts'
import type { Clock } from '../clock.ts'
import type { Database, Executor } from '../db/database.ts'
import { countRows } from '../db/page.ts'
import type { Page } from '../db/page.ts'
import type { ConflictTable } from '../db/run-schema.ts'
import { toRefName, toSha } from '../git/refs.ts'
import type { RefName } from '../git/refs.ts'
import { RunId } from '../ids.ts'
import type { RefOutcome, SeenHeads } from '../sync/sync.ts'
import { CONFLICT_KINDS, StoredDivergence } from './conflict.ts'
import type { Conflict } from './conflict.ts'
import type { AttemptEnd, Run } from './run.ts'

/** What an attempt has changed about the conflicts of its subject. */
export type ConflictChanges = {
  readonly opened: readonly RefOutcome[]
  /** Internal names. */
  readonly closed: readonly string[]
}

export const NO_CHANGES: ConflictChanges = { opened: [], closed: [] }

/** Opens what is new, notes what has moved, and closes what the attempt has found equal. */
export async function recordConflicts(
  trx: Executor,
  run: Run,
  end: AttemptEnd,
  now: number,
): Promise<ConflictChanges> {
  const open = await openRows(trx, run.subject)
  const found = new Map(
    end.refs.filter(({ result }) => result === 'conflict').map((outcome) => [outcome.pair.internal, outcome]),
  )
  if (open.length === 0 && found.size === 0) return NO_CHANGES
  const rowsByRef = new Map(open.map((row) => [row.ref, row]))
  const opened: RefOutcome[] = []
  for (const outcome of found.values()) {
    const row = rowsByRef.get(outcome.pair.internal)
    if (row === undefined) opened.push(outcome)
    await writeConflict(trx, run, outcome, row, now)
  }
  const closed = await closeSettled(
    trx,
    run,
    end,
    open.filter(({ ref }) => !isFound(found, ref)),
    now,
  )
  return { opened, closed }
}

/** The heads of every open conflict of a subject, by internal ref name. */
export async function readOpenHeads(db: Executor, subject: string): Promise<ReadonlyMap<RefName, SeenHeads>> {
  const heads = new Map<RefName, SeenHeads>()
  for (const row of await openRows(db, subject)) {
    const ref = toRefName(row.ref)
    // One that could not be measured is worth another try.
    if (ref !== undefined && row.divergence !== null) heads.set(ref, headsOfRow(row))
  }
  return heads
}

export async function findOpenConflict(
  db: Executor,
  subject: string,
  ref: RefName,
): Promise<Conflict | undefined> {
  const row = await db
    .selectFrom('conflict')
    .selectAll()
    .where('subject', '=', subject)
    .where('ref', '=', ref)
    .where('closed_at', 'is', null)
    .executeTakeFirst()
  return row === undefined ? undefined : rowToConflict(row)
}

/** Newest first. */
export async function listConflicts(
  deps: { readonly db: Database },
  subject: string,
  state: 'open' | 'closed' | 'all',
  { page, pageSize }: Page,
): Promise<{ readonly conflicts: readonly Conflict[]; readonly total: number }> {
  let query = deps.db.selectFrom('conflict').where('subject', '=', subject)
  if (state === 'open') query = query.where('closed_at', 'is', null)
  if (state === 'closed') query = query.where('closed_at', 'is not', null)
  const total = await countRows(query)
  const rows = await query
    .selectAll()
    .orderBy('id', 'desc')
    .limit(pageSize)
    .offset((page - 1) * pageSize)
    .execute()
  return { conflicts: rows.map(rowToConflict), total }
}

/** Open conflicts that a run has held back, or an earlier one whose changes it found waiting still. */
export async function listHeldBy(db: Executor, run: Run): Promise<readonly Conflict[]> {
  const rows = await openRows(db, run.subject)
  const named = new Set(
    run.refs.flatMap(({ result, source_ref: source, target_ref: target }) =>
      result === 'conflict' ? [source, target] : [],
    ),
  )
  return rows.filter(({ kind, ref }) => kind === 'held' && named.has(ref)).map(rowToConflict)
}

/** Ends every conflict of a subject that is no more. */
export async function closeConflicts(
  deps: { readonly db: Database; readonly clock: Clock },
  subject: string,
): Promise<void> {
  await deps.db
    .updateTable('conflict')
    .set({ closed_at: deps.clock.now(), closed_because: 'gone' })
    .where('subject', '=', subject)
    .where('closed_at', 'is', null)
    .execute()
}

function openRows(db: Executor, subject: string) {
  return db
    .selectFrom('conflict')
    .selectAll()
    .where('subject', '=', subject)
    .where('closed_at', 'is', null)
    .execute()
}

async function writeConflict(
  trx: Executor,
  run: Run,
  outcome: RefOutcome,
  row: Selectable<ConflictTable> | undefined,
  now: number,
): Promise<void> {
  const heads = headsOfOutcome(outcome)
  const divergence = outcome.divergence === undefined ? null : JSON.stringify(outcome.divergence)
  const seen = {
    // What a decision came too late for is still the conflict that it was.
    kind: CONFLICT_KINDS.find((kind) => kind === outcome.kind) ?? row?.kind ?? 'non_fast_forward',
    direction: outcome.direction,
    internal_sha: heads.internal,
    external_sha: heads.external,
    reason: outcome.reason,
    updated_at: now,
  }
  if (row === undefined) {
    const { subject, id } = run
    const names = { ref: outcome.pair.internal, external_ref: outcome.pair.external }
    await trx
      .insertInto('conflict')
      .values({ ...seen, ...names, subject, divergence, run_id: id, opened_at: now })
      .execute()
    return
  }
  const isSame = row.internal_sha === heads.internal && row.external_sha === heads.external
  if (isSame && row.kind === seen.kind && divergence === null) return
  await trx
    .updateTable('conflict')
    .set({ ...seen, divergence: isSame ? (divergence ?? row.divergence) : divergence })
    .where('id', '=', row.id)
    .execute()
}

async function closeSettled(
  trx: Executor,
  run: Run,
  end: AttemptEnd,
  open: readonly Selectable<ConflictTable>[],
  now: number,
): Promise<readonly string[]> {
  const equal = new Set<string>(end.refs.filter(isEqual).map(({ pair }) => pair.internal))
  const named = new Set<string>(end.refs.map(({ pair }) => pair.internal))
  // A whole look that does not even mention the ref has found it nowhere, or the rules leave it out now.
  const isWhole = end.failure === null && run.work.some(({ scope }) => scope === 'all')
  const closed: string[] = []
  for (const { id, ref } of open) {
    const because = equal.has(ref) ? 'equal' : isWhole && !named.has(ref) ? 'gone' : undefined
    if (because === undefined) continue
    closed.push(ref)
    await trx
      .updateTable('conflict')
      .set({ closed_at: now, closed_because: because, closed_by_run: run.id })
      .where('id', '=', id)
      .execute()
  }
  return closed
}

function isEqual({ result, kind, before }: RefOutcome): boolean {
  if (result === 'created' || result === 'updated' || result === 'deleted') return true
  return result === 'up_to_date' && (kind === null || before === null)
}

function isFound(found: ReadonlyMap<RefName, RefOutcome>, ref: string): boolean {
  const name = toRefName(ref)
  return name !== undefined && found.has(name)
}

function headsOfOutcome({ direction, before, after }: RefOutcome): SeenHeads {
  return sourceSide(direction) === 'internal'
    ? { internal: after, external: before }
    : { internal: before, external: after }
}

function headsOfRow(row: Selectable<ConflictTable>): SeenHeads {
  return {
    internal: toSha(row.internal_sha ?? '') ?? null,
    external: toSha(row.external_sha ?? '') ?? null,
  }
}

function storedRef(text: string): RefName {
  const ref = toRefName(text)
  if (ref === undefined) throw new Error(`the stored ref name "${text}" is not one`)
  return ref
}

function rowToConflict(row: Selectable<ConflictTable>): Conflict {
  return {
    id: row.id,
    subject: row.subject,
    ref: storedRef(row.ref),
    externalRef: storedRef(row.external_ref),
    kind: row.kind,
    direction: row.direction,
    heads: headsOfRow(row),
    divergence: row.divergence === null ? null : StoredDivergence.parse(JSON.parse(row.divergence)),
    reason: row.reason,
    runId: RunId.parse(row.run_id),
    openedAt: Number(row.opened_at),
    updatedAt: Number(row.updated_at),
    closedAt: row.closed_at === null ? null : Number(row.closed_at),
    closedBecause: row.closed_because,
  }
}
