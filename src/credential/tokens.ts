import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Selectable } from 'kysely'
import type { Clock } from '../clock.ts'
import { MINUTE } from '../clock.ts'
import type { Alongside, Database, Executor } from '../db/database.ts'
import type { TokenTable } from '../db/credential-schema.ts'
import { TokenId } from '../ids.ts'
import { expiryRefused, tokenExists, tokenLast, tokenMissing, tokenNameRefused } from './token-error.ts'

// The bearer tokens of people and programs. Only their hashes are kept: a token is shown once, when it is made.

export type Role = 'read' | 'operate' | 'admin'
export const ROLES = ['read', 'operate', 'admin'] as const

export type TokenOwner = { readonly name: string; readonly role: Role }

export type Token = TokenOwner & {
  readonly id: TokenId
  /** How it begins; null for one that was made before this was kept. */
  readonly prefix: string | null
  readonly createdAt: number
  readonly expiresAt: number | null
  readonly lastUsedAt: number | null
}

type Deps = { readonly db: Database; readonly clock: Clock }

const TOKEN_BYTES = 32
const PREFIX_LENGTH = 8
// Who acts without a token of this list; nobody else may be taken for them.
const TAKEN_NAMES: ReadonlySet<string> = new Set(['api_token', 'local', 'system', 'reposync'])
// A date that is exact to the minute costs one write a minute.
const LAST_USED_STEP = 1 * MINUTE

/** The owner of a token, `expired` for one whose time is over; undefined when nobody has it. */
export async function findToken(
  { db, clock }: { readonly db: Executor; readonly clock: Clock },
  token: string,
): Promise<TokenOwner | 'expired' | undefined> {
  // The index compares digests, whose timing tells nothing about a token that is not known already.
  const row = await db
    .selectFrom('token')
    .select(['id', 'name', 'role', 'expires_at', 'last_used_at'])
    .where('hash', '=', sha256(token).toString('hex'))
    .executeTakeFirst()
  if (row === undefined) return undefined
  const now = clock.now()
  if (row.expires_at !== null && Number(row.expires_at) <= now) return 'expired'
  if (row.last_used_at === null || now - Number(row.last_used_at) >= LAST_USED_STEP)
    await noteUse(db, row.id, now)
  return { name: row.name, role: row.role }
}

/** Makes an admin token when there is none yet, and returns it: the only chance to show it. */
export async function ensureFirstToken(deps: Deps, alongside: Alongside<Token>): Promise<string | undefined> {
  const secret = createSecret()
  const made = await deps.db.transaction().execute(async (trx) => {
    const existing = await trx.selectFrom('token').select('id').limit(1).executeTakeFirst()
    if (existing !== undefined) return undefined
    const token = await insert(
      trx,
      { name: 'first', role: 'admin', expiresAt: null },
      secret,
      deps.clock.now(),
    )
    if (token !== undefined) await alongside(trx, token)
    return token
  })
  return made === undefined ? undefined : secret
}

/** Makes a token; what is returned is the only chance to show it. Throws `token_name`, `token_exists` or `token_expiry`. */
export async function createToken(
  deps: Deps,
  input: TokenOwner & { readonly expiresAt: number | null },
  alongside: Alongside<Token>,
): Promise<{ readonly token: Token; readonly secret: string }> {
  const now = deps.clock.now()
  if (!isTokenName(input.name)) throw tokenNameRefused()
  if (input.expiresAt !== null && input.expiresAt <= now) throw expiryRefused()
  const secret = createSecret()
  const token = await deps.db.transaction().execute(async (trx) => {
    const made = await insert(trx, input, secret, now)
    if (made === undefined) throw tokenExists(input.name)
    await alongside(trx, made)
    return made
  })
  return { token, secret }
}

/** All of them, oldest first, those whose time is over included. */
export async function listTokens({ db }: { readonly db: Executor }): Promise<readonly Token[]> {
  const rows = await db.selectFrom('token').selectAll().orderBy('id').execute()
  return rows.map(rowToToken)
}

/**
 * From now on nobody gets in with it. Throws `token_missing`, or `token_last` when an admin token is needed
 * and no other one opens anything.
 */
export async function revokeToken(
  { db, clock, needsAdminToken }: Deps & { readonly needsAdminToken: boolean },
  id: TokenId,
  alongside: Alongside<Token>,
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const row = await trx.deleteFrom('token').where('id', '=', id).returningAll().executeTakeFirst()
    if (row === undefined) throw tokenMissing(id)
    const token = rowToToken(row)
    if (needsAdminToken && isAdminAt(token, clock.now())) {
      const others = await listTokens({ db: trx })
      if (!others.some((other) => isAdminAt(other, clock.now()))) throw tokenLast()
    }
    await alongside(trx, token)
  })
}

function isAdminAt({ role, expiresAt }: Token, now: number): boolean {
  return role === 'admin' && (expiresAt === null || expiresAt > now)
}

/** Compares in a time that does not depend on where the two differ. */
export function isSameToken(one: string, other: string): boolean {
  return timingSafeEqual(sha256(one), sha256(other))
}

// A date that cannot be written must lock nobody out, least of all from a service whose disk is full.
async function noteUse(db: Executor, id: number, now: number): Promise<void> {
  const noted = db.updateTable('token').set({ last_used_at: now }).where('id', '=', id).execute()
  await noted.catch(() => undefined)
}

function isTokenName(name: string): boolean {
  const isPrintable = /^[^\p{C}\p{Zl}\p{Zp}]{1,100}$/u.test(name) && name === name.trim()
  return isPrintable && !TAKEN_NAMES.has(name.toLowerCase())
}

function createSecret(): string {
  return `rst_${randomBytes(TOKEN_BYTES).toString('base64url')}`
}

/** Undefined when the name is taken. */
async function insert(
  trx: Executor,
  { name, role, expiresAt }: TokenOwner & { readonly expiresAt: number | null },
  secret: string,
  now: number,
): Promise<Token | undefined> {
  const row = await trx
    .insertInto('token')
    .values({
      name,
      role,
      hash: sha256(secret).toString('hex'),
      prefix: secret.slice(0, PREFIX_LENGTH),
      created_at: now,
      expires_at: expiresAt,
    })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .returningAll()
    .executeTakeFirst()
  return row === undefined ? undefined : rowToToken(row)
}

function rowToToken(row: Selectable<TokenTable>): Token {
  return {
    id: TokenId.parse(row.id),
    name: row.name,
    role: row.role,
    prefix: row.prefix,
    createdAt: Number(row.created_at),
    expiresAt: row.expires_at === null ? null : Number(row.expires_at),
    lastUsedAt: row.last_used_at === null ? null : Number(row.last_used_at),
  }
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
