import type { Clock } from '../clock.ts'
import type { Database } from '../db/database.ts'
import type { Logger } from '../log.ts'

// SSH host keys that this service trusts: those it met before, and the published ones of the big forges.

export type KnownHostKey = {
  /** As known_hosts names it: `host`, or `[host]:port`. */
  readonly host: string
  readonly type: string
  /** Base64. */
  readonly key: string
}

type Deps = { readonly db: Database; readonly clock: Clock; readonly logger: Logger }

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

export async function findHostKeys(deps: Deps, host: string): Promise<readonly KnownHostKey[]> {
  const rows = await deps.db
    .selectFrom('host_key')
    .select(['host', 'key_type', 'public_key'])
    .where('host', '=', host)
    .execute()
  const met = rows.map((row) => ({ host: row.host, type: row.key_type, key: row.public_key }))
  return [...PUBLISHED.filter((known) => known.host === host), ...met]
}

/** Records a key that was trusted at first use, with the fingerprint that people compare. */
export async function trustHostKey(deps: Deps, known: KnownHostKey, fingerprint: string): Promise<void> {
  const added = await deps.db
    .insertInto('host_key')
    .values({
      host: known.host,
      key_type: known.type,
      public_key: known.key,
      fingerprint,
      first_seen_at: deps.clock.now(),
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning('host')
    .executeTakeFirst()
  if (added === undefined) return
  deps.logger.warn(
    { host: known.host, type: known.type, fingerprint },
    'an SSH host key was trusted at first use; compare its fingerprint with the one of the server',
  )
}
