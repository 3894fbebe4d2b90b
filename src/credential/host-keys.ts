import type { Selectable } from 'kysely'
import type { Clock } from '../clock.ts'
import type { Alongside, Database, Executor } from '../db/database.ts'
import type { HostKeyTable } from '../db/credential-schema.ts'
import type { GitOutcome } from '../git/git-error.ts'
import type { Logger } from '../log.ts'
import {
  fingerprintNotShown,
  hostDenied,
  hostKeyBuiltIn,
  hostKeyDiffers,
  hostKeyMissing,
  hostNotScanned,
  publicKeyRefused,
} from './host-key-error.ts'
import { fingerprintOf, parsePublicKey } from './public-key.ts'

// SSH host keys that this service trusts: those it met before or was told of, and the published ones of the
// big forges.

export type KnownHostKey = {
  /** As known_hosts names it: `host`, or `[host]:port`. */
  readonly host: string
  readonly type: string
  /** Base64. */
  readonly key: string
}

/** A trusted key, and who trusted it. */
export type HostKeyRecord = KnownHostKey & {
  readonly fingerprint: string
  readonly trustedBy: 'built_in' | 'first_use' | 'call'
  /** Null: with this version. */
  readonly since: number | null
}

/** What a server shows, which is not trusted by that alone. */
export type ShownHostKey = KnownHostKey & { readonly fingerprint: string; readonly isTrusted: boolean }

type Deps = { readonly db: Database; readonly clock: Clock }

export type HostKeyDeps = Deps & {
  readonly scan: (
    host: string,
    port: number,
  ) => Promise<GitOutcome<{ readonly keys: readonly KnownHostKey[] }>>
}

// From the forges' own documentation.
const PUBLISHED: readonly KnownHostKey[] = [
  ...['github.com', '[ssh.github.com]:443'].map((host) => ({
    host,
    type: 'ssh-ed25519',
    key: 'AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl',
  })),
  ...['gitlab.com', '[altssh.gitlab.com]:443'].map((host) => ({
    host,
    type: 'ssh-ed25519',
    key: 'AAAAC3NzaC1lZDI1NTE5AAAAIAfuCHKVTjquxvt6CM6tdG4SLp1Btn/nOeHHE5UOzRdf',
  })),
  ...['bitbucket.org', '[altssh.bitbucket.org]:443'].map((host) => ({
    host,
    type: 'ssh-ed25519',
    key: 'AAAAC3NzaC1lZDI1NTE5AAAAIIazEu89wgQZ4bqs3d63QSMzYVa0MuJ2e2gKTKqu+UUO',
  })),
  {
    host: 'codeberg.org',
    type: 'ssh-ed25519',
    key: 'AAAAC3NzaC1lZDI1NTE5AAAAIIVIC02vnjFyL+I4RHfvIGNtOgJMe769VTF1VR4EB3ZB',
  },
]

export async function findHostKeys(
  { db }: { readonly db: Executor },
  host: string,
): Promise<readonly KnownHostKey[]> {
  const rows = await db
    .selectFrom('host_key')
    .select(['host', 'key_type', 'public_key'])
    .where('host', '=', host)
    .execute()
  const met = rows.map((row) => ({ host: row.host, type: row.key_type, key: row.public_key }))
  return [...PUBLISHED.filter((known) => known.host === host), ...met]
}

/** Records a key that was trusted at first use, with the fingerprint that people compare. */
export async function trustAtFirstUse(
  deps: Deps & { readonly logger: Logger },
  known: KnownHostKey,
  alongside: Alongside<HostKeyRecord>,
): Promise<void> {
  const added = await deps.db.transaction().execute(async (trx) => {
    const record = await insert(trx, known, 'first_use', deps.clock.now())
    if (record !== undefined) await alongside(trx, record)
    return record
  })
  if (added === undefined) return
  deps.logger.warn(
    { host: known.host, type: known.type, fingerprint: added.fingerprint },
    'an SSH host key was trusted at first use; compare its fingerprint with the one of the server',
  )
}

/** By host, the built-in ones first. */
export async function listHostKeys({ db }: Pick<Deps, 'db'>): Promise<readonly HostKeyRecord[]> {
  const rows = await db.selectFrom('host_key').selectAll().orderBy('host').orderBy('key_type').execute()
  const builtIn = PUBLISHED.map((known) => ({
    ...known,
    fingerprint: fingerprintOf(known),
    trustedBy: 'built_in' as const,
    since: null,
  }))
  return [...builtIn, ...rows.map(rowToRecord)]
}

/** The keys that the server at an address shows now. Throws `host_denied` or `host_key_scan`. */
export async function scanHost(
  deps: HostKeyDeps,
  host: string,
  port: number,
): Promise<readonly ShownHostKey[]> {
  const scanned = await deps.scan(host, port)
  if (!scanned.ok) throw scanned.failure.kind === 'address_denied' ? hostDenied(host) : hostNotScanned(host)
  return Promise.all(
    scanned.keys.map(async (shown) => {
      const known = await findHostKeys(deps, shown.host)
      return { ...shown, fingerprint: fingerprintOf(shown), isTrusted: known.some(isSame(shown)) }
    }),
  )
}

/** Trusts the key that the server shows now, if it has this fingerprint. Throws as `scanHost` and `trustHostKey`, or `host_key_fingerprint`. */
export async function confirmHostKey(
  deps: HostKeyDeps,
  { host, port, fingerprint }: { readonly host: string; readonly port: number; readonly fingerprint: string },
  alongside: Alongside<HostKeyRecord>,
): Promise<HostKeyRecord> {
  const shown = await scanHost(deps, host, port)
  const confirmed = shown.find((key) => key.fingerprint === fingerprint)
  if (confirmed === undefined) {
    throw fingerprintNotShown(
      host,
      shown.map((key) => key.fingerprint),
    )
  }
  return trust(deps, confirmed, alongside)
}

/** Trusts a key that a person has from the server itself. Throws `host_key_line` or `host_key_differs`. */
export async function trustHostKey(
  deps: Deps,
  name: string,
  line: string,
  alongside: Alongside<HostKeyRecord>,
): Promise<HostKeyRecord> {
  const parsed = parsePublicKey(line)
  if (parsed === undefined) throw publicKeyRefused()
  return trust(deps, { ...parsed, host: name }, alongside)
}

/** Forgets the keys of a host, or only the one of that type. Throws `host_key_unknown` or `host_key_built_in`. */
export async function forgetHostKeys(
  { db }: Pick<Deps, 'db'>,
  name: string,
  type: string | undefined,
  alongside: Alongside<readonly HostKeyRecord[]>,
): Promise<readonly HostKeyRecord[]> {
  return db.transaction().execute(async (trx) => {
    const deleted = await trx
      .deleteFrom('host_key')
      .where('host', '=', name)
      .$if(type !== undefined, (query) => query.where('key_type', '=', type ?? ''))
      .returningAll()
      .execute()
    const forgotten = deleted.map(rowToRecord)
    if (forgotten.length > 0) await alongside(trx, forgotten)
    else if (PUBLISHED.some(({ host }) => host === name)) throw hostKeyBuiltIn(name)
    else throw hostKeyMissing(name)
    return forgotten
  })
}

async function trust(
  { db, clock }: Deps,
  key: KnownHostKey,
  alongside: Alongside<HostKeyRecord>,
): Promise<HostKeyRecord> {
  return db.transaction().execute(async (trx) => {
    const ofType = (await findHostKeys({ db: trx }, key.host)).filter(({ type }) => type === key.type)
    if (ofType.some((known) => known.key !== key.key)) throw hostKeyDiffers(key.host)
    const record = ofType.length > 0 ? undefined : await insert(trx, key, 'call', clock.now())
    // What is trusted already stays as it is, and changes nothing.
    if (record === undefined) return recordOf(trx, key)
    await alongside(trx, record)
    return record
  })
}

async function insert(
  trx: Executor,
  known: KnownHostKey,
  trustedBy: 'first_use' | 'call',
  now: number,
): Promise<HostKeyRecord | undefined> {
  const row = await trx
    .insertInto('host_key')
    .values({
      host: known.host,
      key_type: known.type,
      public_key: known.key,
      fingerprint: fingerprintOf(known),
      first_seen_at: now,
      trusted_by: trustedBy,
    })
    .onConflict((conflict) => conflict.doNothing())
    .returningAll()
    .executeTakeFirst()
  return row === undefined ? undefined : rowToRecord(row)
}

async function recordOf(trx: Executor, key: KnownHostKey): Promise<HostKeyRecord> {
  const row = await trx
    .selectFrom('host_key')
    .selectAll()
    .where('host', '=', key.host)
    .where('key_type', '=', key.type)
    .executeTakeFirst()
  if (row !== undefined) return rowToRecord(row)
  return { ...key, fingerprint: fingerprintOf(key), trustedBy: 'built_in', since: null }
}

function isSame(key: KnownHostKey): (other: KnownHostKey) => boolean {
  return (other) => other.type === key.type && other.key === key.key
}

function rowToRecord(row: Selectable<HostKeyTable>): HostKeyRecord {
  return {
    host: row.host,
    type: row.key_type,
    key: row.public_key,
    fingerprint: row.fingerprint,
    trustedBy: row.trusted_by,
    since: Number(row.first_seen_at),
  }
}
