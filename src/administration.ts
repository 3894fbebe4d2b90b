import type { Context } from 'hono'
import { auditRoutes } from './api/v1/audit.ts'
import type { BindingRouteDeps } from './api/v1/bindings.ts'
import { hostKeyRoutes } from './api/v1/host-keys.ts'
import { sideKeyRoutes } from './api/v1/side-keys.ts'
import { sshKeyRoutes } from './api/v1/ssh-keys.ts'
import { systemRoutes } from './api/v1/system.ts'
import { tokenRoutes } from './api/v1/tokens.ts'
import { ownDoing } from './audit/audit.ts'
import { recordAudit } from './audit/audit-log.ts'
import type { Clock } from './clock.ts'
import { SECOND } from './clock.ts'
import type { Config } from './config.ts'
import { findHostKeys, trustAtFirstUse } from './credential/host-keys.ts'
import type { FindKeyUsers } from './credential/ssh-key.ts'
import type { Database } from './db/database.ts'
import { DomainError } from './domain-error.ts'
import { needsStoredToken } from './first-access.ts'
import { scanHostKeys } from './git/host-key-scan.ts'
import { hostKeyName } from './git/host-key.ts'
import type { HostKeys } from './git/host-key.ts'
import type { RemoteDeps } from './git/remote.ts'
import { generateKey, readPrivateKey } from './git/ssh-keygen.ts'
import { tryKey } from './git/try-key.ts'
import { createGuessLimit } from './guess-limit.ts'
import type { Hook } from './hook/hook.ts'
import type { Mount } from './http.ts'
import type { Logger } from './log.ts'
import { readVersion } from './version.ts'

// What is managed beside bindings: SSH keys, host keys, tokens, and what is told of changes and of the program.

// Each asks a server that the caller names.
const TESTS_PER_MINUTE = 6

type Deps = BindingRouteDeps & {
  readonly git: RemoteDeps
  readonly gitVersion: string
  /** Every room that may name an SSH key. */
  readonly keyUsers: readonly FindKeyUsers[]
}

/** The routes for all of it. */
export async function administration(config: Config, deps: Deps): Promise<readonly Mount[]> {
  const { db, clock, git } = deps
  const takeTurn = turnTaker(clock)
  const keyDeps = {
    ...deps,
    takeTurn,
    readPrivateKey: (text: string, passphrase: string | undefined) => readPrivateKey(git, text, passphrase),
    generateKey: () => generateKey(git),
    tryKey: (url: Parameters<typeof tryKey>[1], privateKey: string) => tryKey(git, url, privateKey),
  }
  const hostKeyDeps = {
    db,
    clock,
    addressRules: deps.addressRules,
    takeTurn,
    hostKeyName,
    scan: (host: string, port: number) => scanHostKeys(git, host, port),
  }
  return [
    { path: '/api/v1/ssh-keys', routes: sshKeyRoutes(keyDeps) },
    { path: '/api/v1/bindings', routes: sideKeyRoutes(deps) },
    { path: '/api/v1/host-keys', routes: hostKeyRoutes(hostKeyDeps) },
    { path: '/api/v1/tokens', routes: tokenRoutes({ db, clock, needsAdminToken: needsStoredToken(config) }) },
    { path: '/api/v1/audit', routes: auditRoutes({ db }) },
    {
      path: '/api/v1/system',
      routes: systemRoutes({ ...(await readVersion()), gitVersion: deps.gitVersion }),
    },
  ]
}

/** The host keys that git believes; what it believes at first sight goes into the audit log. */
export function hostKeyStore(
  { db, clock, logger }: { readonly db: Database; readonly clock: Clock; readonly logger: Logger },
  policy: HostKeys['policy'],
): HostKeys {
  const deps = { db, clock, logger: logger.child({ stage: 'ssh' }) }
  return {
    policy,
    find: (host) => findHostKeys(deps, host),
    trust: (key) =>
      trustAtFirstUse(deps, key, (trx, { host, type, fingerprint }) =>
        recordAudit(
          trx,
          ownDoing(clock.now(), 'TRUST', { type: 'host_key', name: host }, { type, fingerprint }),
        ),
      ),
  }
}

/** Puts into the audit log what becomes of the hooks of deleted bindings. */
export function removalRecorder({ db, clock }: Pick<Deps, 'db' | 'clock'>) {
  return ({ id, forge, address }: Hook, isRemovedAtForge: boolean): Promise<void> => {
    const facts = { forge, repository: address, removed_at_forge: isRemovedAtForge }
    return recordAudit(db, ownDoing(clock.now(), 'DELETE', { type: 'hook', id }, facts))
  }
}

function turnTaker(clock: Clock): (c: Context) => void {
  const turns = createGuessLimit(clock, TESTS_PER_MINUTE)
  return (c) => {
    const { name } = c.get('caller')
    const blockedForMs = turns.blockedForMs(name)
    if (blockedForMs === 0) return turns.count(name)
    const seconds = Math.ceil(blockedForMs / SECOND)
    c.header('Retry-After', String(seconds))
    throw new DomainError('too_many', 'too_many_tests', {
      zh: `测试过于频繁，请 ${seconds} 秒后重试`,
      en: `there were too many tests; try again in ${seconds} seconds`,
    })
  }
}
