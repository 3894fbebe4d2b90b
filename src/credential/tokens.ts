import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { Database, Executor } from '../db/database.ts'

// The bearer tokens of people and programs. Only their hashes are kept: a token is shown once, when it is made.

export type Role = 'read' | 'operate' | 'admin'

export type TokenOwner = { readonly name: string; readonly role: Role }

const TOKEN_BYTES = 32

/** The owner of a token; undefined when nobody has it. */
export async function findToken(db: Executor, token: string): Promise<TokenOwner | undefined> {
  // The index compares digests, whose timing tells nothing about a token that is not known already.
  return db
    .selectFrom('token')
    .select(['name', 'role'])
    .where('hash', '=', sha256(token).toString('hex'))
    .executeTakeFirst()
}

/** Makes an admin token when there is none yet, and returns it: the only chance to show it. */
export async function ensureFirstToken(deps: {
  readonly db: Database
  readonly clock: Clock
}): Promise<string | undefined> {
  const token = `rst_${randomBytes(TOKEN_BYTES).toString('base64url')}`
  const isFirst = await deps.db.transaction().execute(async (tx) => {
    const existing = await tx.selectFrom('token').select('id').limit(1).executeTakeFirst()
    if (existing !== undefined) return false
    const hash = sha256(token).toString('hex')
    const row = { name: 'first', role: 'admin', hash, created_at: deps.clock.now() } as const
    await tx.insertInto('token').values(row).execute()
    return true
  })
  return isFirst ? token : undefined
}

/** Compares in a time that does not depend on where the two differ. */
export function isSameToken(one: string, other: string): boolean {
  return timingSafeEqual(sha256(one), sha256(other))
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
