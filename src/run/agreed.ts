import { breathe } from '../clock.ts'
import type { Database, Executor } from '../db/database.ts'
import { toRefName, toSha } from '../git/refs.ts'
import type { RefName, Sha } from '../git/refs.ts'
import type { Run } from './run.ts'

/** What both sides of a subject last agreed on. */
export type Agreed = {
  /** The refs that the run may look at, by their internal name. */
  readonly refs: ReadonlyMap<RefName, Sha>
  /** Nothing was ever agreed, not on any ref. */
  readonly isEmpty: boolean
}

// Databases limit the parameters of one statement.
const MOST_NAMED_REFS = 500
const ROWS_PER_INSERT = 500
// The database works in the process itself: whoever takes more at once keeps everybody waiting.
const ROWS_PER_TURN = 2500

/** Reads only the refs of the run where it names them: a repository may have fifty thousand. */
export async function readAgreed(db: Database, run: Pick<Run, 'subject' | 'work'>): Promise<Agreed> {
  const ofSubject = db.selectFrom('agreed_ref').where('subject', '=', run.subject)
  const any = await ofSubject.select('ref').limit(1).executeTakeFirst()
  if (any === undefined) return { refs: new Map(), isEmpty: true }
  const scopes = run.work.map((item) => item.scope)
  const wanted = scopes.flatMap((scope) => (scope === 'all' ? [] : scope.map(({ internal }) => internal)))
  const isPartial = !scopes.includes('all') && wanted.length <= MOST_NAMED_REFS
  const query = isPartial ? ofSubject.where('ref', 'in', wanted) : ofSubject
  const refs = new Map<RefName, Sha>()
  for (let last = ''; ; await breathe()) {
    const rows = await query
      .select(['ref', 'sha'])
      .where('ref', '>', last)
      .orderBy('ref')
      .limit(ROWS_PER_TURN)
      .execute()
    for (const row of rows) {
      const ref = toRefName(row.ref)
      const sha = toSha(row.sha)
      if (ref !== undefined && sha !== undefined) refs.set(ref, sha)
      last = row.ref
    }
    if (rows.length < ROWS_PER_TURN) return { refs, isEmpty: false }
  }
}

/**
 * Records most of a very long list, a part at a time, and resolves to what is left for the transaction that
 * ends the attempt. What both sides hold is true whether that transaction commits or not.
 */
export async function recordAgreedEarly(
  db: Database,
  subject: string,
  agreed: ReadonlyMap<RefName, Sha | null>,
  now: number,
): Promise<ReadonlyMap<RefName, Sha | null>> {
  const entries = [...agreed]
  while (entries.length > ROWS_PER_TURN) {
    const part = new Map(entries.splice(0, ROWS_PER_TURN))
    await db.transaction().execute((trx) => recordAgreed(trx, subject, part, now))
    await breathe()
  }
  return new Map(entries)
}

/** Null: both sides agree that there is no such ref. */
export async function recordAgreed(
  trx: Executor,
  subject: string,
  agreed: ReadonlyMap<RefName, Sha | null>,
  now: number,
): Promise<void> {
  const gone = [...agreed].flatMap(([ref, sha]) => (sha === null ? [ref] : []))
  for (let start = 0; start < gone.length; start += MOST_NAMED_REFS) {
    await trx
      .deleteFrom('agreed_ref')
      .where('subject', '=', subject)
      .where('ref', 'in', gone.slice(start, start + MOST_NAMED_REFS))
      .execute()
  }
  const rows = [...agreed].flatMap(([ref, sha]) =>
    sha === null ? [] : [{ subject, ref, sha, agreed_at: now }],
  )
  for (let start = 0; start < rows.length; start += ROWS_PER_INSERT) {
    await trx
      .insertInto('agreed_ref')
      .values(rows.slice(start, start + ROWS_PER_INSERT))
      .onConflict((conflict) =>
        conflict.columns(['subject', 'ref']).doUpdateSet((eb) => ({
          sha: eb.ref('excluded.sha'),
          agreed_at: eb.ref('excluded.agreed_at'),
        })),
      )
      .execute()
  }
}
