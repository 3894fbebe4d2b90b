import { needsTokens } from './access.ts'
import { ownDoing } from './audit/audit.ts'
import { recordAudit } from './audit/audit-log.ts'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import { ensureFirstToken } from './credential/tokens.ts'
import type { Database } from './db/database.ts'
import { isLoopback } from './host-name.ts'
import type { Logger } from './log.ts'

// What an operator is told at the start about who may use the API.

/** A proxy in front makes every client look local, and any client at all may reach an open address. */
export function warnOfOpenApi(config: Config, logger: Logger): void {
  if (needsTokens({ auth: config.auth, host: config.listen.host })) return
  const isPublic = config.publicUrl !== undefined && !isLoopback(new URL(config.publicUrl).hostname)
  if (!isPublic && isLoopback(config.listen.host)) return
  logger.warn('the management API is open to everybody who reaches this service: set AUTH=token')
}

const SHORTEST_TOKEN = 16

/** Whoever guesses the token owns the service. */
export function warnOfWeakToken(config: Config, logger: Logger): void {
  const { apiToken } = config.secrets
  if (apiToken === undefined || apiToken.length >= SHORTEST_TOKEN) return
  logger.warn('API_TOKEN is short enough to be guessed; `openssl rand -hex 32` prints a better one')
}

/** Whether nobody can manage anything without a token from the database. */
export function needsStoredToken({ auth, listen, secrets }: Config): boolean {
  return needsTokens({ auth, host: listen.host }) && secrets.apiToken === undefined
}

/** Prints the first admin token where one is needed and none exists. */
export async function announceFirstToken(
  config: Config,
  deps: { readonly db: Database; readonly clock: Clock },
): Promise<void> {
  if (!needsStoredToken(config)) return
  const token = await ensureFirstToken(deps, (trx, { id, name, role }) =>
    recordAudit(trx, ownDoing(deps.clock.now(), 'CREATE', { type: 'token', id, name }, { role })),
  )
  if (token === undefined) return
  // Not through the log, which may be shipped elsewhere.
  process.stdout.write(`reposync: the first admin token, shown only now: ${token}\n`)
}
