import { MINUTE } from '../clock.ts'
import type { Database, Executor } from '../db/database.ts'
import { toRefName } from '../git/refs.ts'
import type { RefName } from '../git/refs.ts'
import type { Missing } from '../sync/sync.ts'
import type { AttemptEnd } from './run.ts'

// Refs that a side has lacked at one look. Two looks that are so far apart prove a deletion.

export const SECOND_LOOK_AFTER = 1 * MINUTE

export async function readMissing(db: Database, subject: string): Promise<ReadonlyMap<RefName, Missing>> {
  const rows = await db
    .selectFrom('missing_ref')
    .select(['ref', 'side', 'since'])
    .where('subject', '=', subject)
    .execute()
  const missing = new Map<RefName, Missing>()
  for (const { ref, side, since } of rows) {
    const name = toRefName(ref)
    if (name !== undefined) missing.set(name, { side, since: Number(since) })
  }
  return missing
}

/** A first look is written down with its time; a later one that still lacks the ref leaves that as it is. */
export async function recordMissing(
  trx: Executor,
  subject: string,
  missing: AttemptEnd['missing'],
  now: number,
): Promise<void> {
  for (const [ref, side] of missing) {
    const known = trx.deleteFrom('missing_ref').where('subject', '=', subject).where('ref', '=', ref)
    if (side === null) {
      await known.execute()
      continue
    }
    await known.where('side', '!=', side).execute()
    await trx
      .insertInto('missing_ref')
      .values({ subject, ref, side, since: now, asked_at: null })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
  }
}
