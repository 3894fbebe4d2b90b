import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import type { GenericSettings } from './forge/generic.ts'
import { readBundle } from './host-ca.ts'
import type { Bundle, HostRule, Proxy } from './host-network.ts'
import type { Surroundings } from './settings.ts'
import { readSettings } from './settings.ts'

/** How this daemon is to behave, decided once at its start. */
export type Config = {
  readonly listen: { readonly host: string; readonly port: number }
  readonly database: { readonly kind: 'sqlite'; readonly file: string } | { readonly kind: 'postgres' }
  readonly log: {
    readonly level: string
    /** Keep what git says in the run log. */
    readonly detail: boolean
  }
  readonly auth: 'auto' | 'none' | 'token'
  /** Without a trailing slash. */
  readonly publicUrl: string | undefined
  readonly webhook: {
    /** Per minute and client, for the task webhook. */
    readonly rateLimit: number
    /** Addresses and CIDR ranges; empty allows all. */
    readonly ipAllowlist: readonly string[]
    readonly maxBodyBytes: number
    readonly generic: GenericSettings
  }
  readonly sync: {
    readonly dir: string
    readonly deleteDir: boolean
    readonly concurrency: number
    readonly hostConcurrency: number
    readonly idleTimeoutMs: number
    /** 0: no limit in total. */
    readonly timeoutMs: number
    readonly attempts: number
  }
  readonly relay: {
    readonly isOn: boolean
    /** Host globs and CIDR ranges, lower case, to which git always goes itself. */
    readonly disabledHosts: readonly string[]
  }
  /** 0: never. */
  readonly reconcileIntervalMs: number
  /** Of tasks that name none. */
  readonly cronTimezone: string
  readonly drainTimeoutMs: number
  readonly remotes: {
    /** Host globs and CIDR ranges, lower case; empty allows all. */
    readonly allowedHosts: readonly string[]
    readonly deniedHosts: readonly string[]
    /** Trusted beside the system's authorities; of several rules for a host the first decides. */
    readonly hostCa: readonly HostRule<Bundle>[]
    readonly allowedSchemes: readonly ('http' | 'https' | 'ssh')[]
    readonly allowLocal: boolean
    readonly sshHostKeys: 'tofu' | 'strict'
  }
  readonly repoRoots: readonly string[]
  /** 0: for ever. */
  readonly retention: { readonly runMs: number; readonly deliveryMs: number; readonly backupMs: number }
  /** Apart from the rest, so that the rest may be shown. */
  readonly secrets: {
    readonly apiToken: string | undefined
    readonly secretKey: string | undefined
    readonly secretKeyFile: string
    /** With their passwords; of several rules for a host the first decides. */
    readonly hostProxy: readonly HostRule<Proxy | 'direct'>[]
    /** Of PostgreSQL, with its password. */
    readonly databaseUrl: string | undefined
    readonly webhookSecret: string | undefined
    readonly webhookSecretByForge: ReadonlyMap<string, string>
  }
}

/** Reads all settings; relative paths start at `cwd`. Throws a `ConfigError` that names the first bad one. */
export function loadConfig(from: Surroundings): Config {
  const values = readSettings(from)
  const path = (name: string): string => resolve(from.cwd, name)
  const database = values.DATABASE_URL

  return {
    listen: { host: values.HOST, port: values.PORT },
    database:
      database.kind === 'sqlite' ? { kind: 'sqlite', file: path(database.file) } : { kind: 'postgres' },
    log: { level: values.LOG_LEVEL, detail: values.LOG_DETAIL },
    auth: values.AUTH,
    publicUrl: values.PUBLIC_URL,
    webhook: {
      rateLimit: values.WEBHOOK_RATE_LIMIT,
      ipAllowlist: values.WEBHOOK_IP_ALLOWLIST,
      maxBodyBytes: values.WEBHOOK_MAX_BODY,
      generic: {
        signatureHeader: values.GENERIC_SIGNATURE_HEADER,
        algorithm: values.GENERIC_SIGNATURE_ALGORITHM,
        encoding: values.GENERIC_SIGNATURE_ENCODING,
        prefix: values.GENERIC_SIGNATURE_PREFIX ?? `${values.GENERIC_SIGNATURE_ALGORITHM}=`,
        idHeader: values.GENERIC_ID_HEADER,
        pointers: {
          ref: values.GENERIC_REF_POINTER,
          before: values.GENERIC_BEFORE_POINTER,
          after: values.GENERIC_AFTER_POINTER,
          url: values.GENERIC_URL_POINTER,
        },
      },
    },
    sync: {
      dir: path(values.SYNC_DIR),
      deleteDir: values.DELETE_SYNC_DIR,
      concurrency: values.SYNC_CONCURRENCY ?? 2 * availableParallelism(),
      hostConcurrency: values.SYNC_HOST_CONCURRENCY,
      idleTimeoutMs: values.SYNC_IDLE_TIMEOUT,
      timeoutMs: values.SYNC_TIMEOUT,
      attempts: values.SYNC_ATTEMPTS,
    },
    relay: { isOn: values.RELAY, disabledHosts: values.RELAY_DISABLED_HOSTS },
    reconcileIntervalMs: values.RECONCILE_INTERVAL,
    cronTimezone: values.CRON_TIMEZONE,
    drainTimeoutMs: values.DRAIN_TIMEOUT,
    remotes: {
      allowedHosts: values.ALLOWED_HOSTS,
      deniedHosts: values.DENIED_HOSTS,
      hostCa: values.HOST_CA.map(({ host, value }) => ({ host, value: readBundle(path(value)) })),
      allowedSchemes: values.ALLOWED_SCHEMES,
      allowLocal: values.ALLOW_LOCAL_REPOS,
      sshHostKeys: values.SSH_HOST_KEYS,
    },
    repoRoots: values.REPO_ROOTS.map(path),
    retention: {
      runMs: values.RUN_RETENTION,
      deliveryMs: values.DELIVERY_RETENTION,
      backupMs: values.BACKUP_RETENTION,
    },
    secrets: {
      apiToken: values.API_TOKEN,
      secretKey: values.SECRET_KEY,
      secretKeyFile: path(values.SECRET_KEY_FILE),
      hostProxy: values.HOST_PROXY,
      databaseUrl: database.kind === 'postgres' ? database.url : undefined,
      webhookSecret: values.WEBHOOK_SECRET,
      webhookSecretByForge: values.webhookSecretByForge,
    },
  }
}
