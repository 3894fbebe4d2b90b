import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parse, YAMLParseError } from 'yaml'
import { z } from 'zod'
import { DAY, MINUTE, SECOND } from './clock.ts'
import { FORGE_NAMES } from './forge/forge.ts'
import { HMAC_ALGORITHMS } from './forge/signature.ts'
import {
  booleanText,
  choiceListText,
  choiceText,
  databaseText,
  durationText,
  headerText,
  hostFileText,
  hostListText,
  hostProxyText,
  integerText,
  jsonPointerText,
  listenHostText,
  listText,
  networkListText,
  secretKeyText,
  sizeText,
  text,
  timezoneText,
  webAddressText,
} from './setting.ts'

/** A start that cannot be: one sentence for the person who wrote the setting, without secret values. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/** Where settings come from; only `main.ts` knows the real ones. */
export type Surroundings = {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
}

const DEFAULT_FILE = 'config/reposync.yaml'

// Link-local addresses, and where clouds answer with credentials to whoever asks.
const DENIED_HOSTS = [
  '169.254.0.0/16',
  'fe80::/10',
  'fd00:ec2::254',
  '100.100.100.200',
  '168.63.129.16',
  '192.0.0.192',
  'metadata.google.internal',
  'metadata.goog',
]

const schema = z.object({
  HOST: listenHostText.default('127.0.0.1'),
  PORT: integerText(0, 65_535).default(38_080),
  DATABASE_URL: databaseText.default({ kind: 'sqlite', file: 'data/reposync.db' }),
  SYNC_DIR: text.default('/tmp/sync_dir/'),
  DELETE_SYNC_DIR: booleanText.default(false),
  LOG_DETAIL: booleanText.default(true),
  LOG_LEVEL: choiceText(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  AUTH: choiceText(['auto', 'none', 'token']).default('auto'),
  API_TOKEN: text.optional(),
  SECRET_KEY: secretKeyText.optional(),
  SECRET_KEY_FILE: text.default('data/secret.key'),
  PUBLIC_URL: webAddressText.optional(),
  WEBHOOK_SECRET: text.optional(),
  WEBHOOK_RATE_LIMIT: integerText(1, 1_000_000).default(100),
  WEBHOOK_IP_ALLOWLIST: networkListText.default([]),
  WEBHOOK_MAX_BODY: sizeText.default(25 * 1024 * 1024),
  GENERIC_SIGNATURE_HEADER: headerText.default('x-hub-signature-256'),
  GENERIC_SIGNATURE_ALGORITHM: choiceText(HMAC_ALGORITHMS).default('sha256'),
  GENERIC_SIGNATURE_ENCODING: choiceText(['hex', 'base64']).default('hex'),
  GENERIC_SIGNATURE_PREFIX: text.optional(),
  GENERIC_ID_HEADER: headerText.default('x-delivery-id'),
  GENERIC_REF_POINTER: jsonPointerText.default('/ref'),
  GENERIC_BEFORE_POINTER: jsonPointerText.default('/before'),
  GENERIC_AFTER_POINTER: jsonPointerText.default('/after'),
  GENERIC_URL_POINTER: jsonPointerText.default('/repository/clone_url'),
  SYNC_CONCURRENCY: integerText(1, 1000).optional(),
  SYNC_HOST_CONCURRENCY: integerText(1, 1000).default(4),
  SYNC_IDLE_TIMEOUT: durationText.default(2 * MINUTE),
  SYNC_TIMEOUT: durationText.default(0),
  SYNC_ATTEMPTS: integerText(1, 1000).default(6),
  RELAY: booleanText.default(true),
  RELAY_DISABLED_HOSTS: hostListText.default([]),
  RECONCILE_INTERVAL: durationText.default(10 * MINUTE),
  CRON_TIMEZONE: timezoneText.default(Intl.DateTimeFormat().resolvedOptions().timeZone),
  DRAIN_TIMEOUT: durationText.default(30 * SECOND),
  ALLOWED_HOSTS: hostListText.default([]),
  DENIED_HOSTS: hostListText.default(DENIED_HOSTS),
  HOST_CA: hostFileText.default([]),
  HOST_PROXY: hostProxyText.default([]),
  ALLOWED_SCHEMES: choiceListText(['http', 'https', 'ssh']).default(['http', 'https', 'ssh']),
  SSH_HOST_KEYS: choiceText(['tofu', 'strict']).default('tofu'),
  ALLOW_LOCAL_REPOS: booleanText.default(false),
  REPO_ROOTS: listText.default([]),
  RUN_RETENTION: durationText.default(90 * DAY),
  DELIVERY_RETENTION: durationText.default(30 * DAY),
  BACKUP_RETENTION: durationText.default(90 * DAY),
})

const FORGE_SECRETS: ReadonlyMap<string, string> = new Map(
  FORGE_NAMES.map((forge) => [`WEBHOOK_SECRET_${forge.toUpperCase().replaceAll('-', '_')}`, forge]),
)
const VARIABLES: ReadonlySet<string> = new Set([...Object.keys(schema.shape), ...FORGE_SECRETS.keys()])
const SECRETS: ReadonlySet<string> = new Set([
  'API_TOKEN',
  'SECRET_KEY',
  'WEBHOOK_SECRET',
  'DATABASE_URL',
  'HOST_PROXY',
  ...FORGE_SECRETS.keys(),
])

/** Every setting by its variable, and the webhook secrets by forge. */
export type Settings = z.infer<typeof schema> & {
  readonly webhookSecretByForge: ReadonlyMap<string, string>
}

/** Reads the environment over the file over the defaults; an empty value counts as not given. */
export function readSettings(from: Surroundings): Settings {
  const given = new Map([...readFile(from), ...readEnvironment(from)])
  const parsed = schema.safeParse(Object.fromEntries(given))
  if (!parsed.success) throw describeIssue(parsed.error.issues[0], given)
  const webhookSecretByForge = new Map(
    [...FORGE_SECRETS].flatMap(([variable, forge]) => {
      const secret = given.get(variable)
      return secret === undefined ? [] : [[forge, secret] as const]
    }),
  )
  return { ...parsed.data, webhookSecretByForge }
}

function readEnvironment({ env }: Surroundings): readonly (readonly [string, string])[] {
  // Anything else may stand in an environment, but a secret for a forge that does not exist is a typing error.
  const stray = Object.keys(env).find((name) => name.startsWith('WEBHOOK_SECRET_') && !VARIABLES.has(name))
  if (stray !== undefined) {
    throw new ConfigError(`${stray} names no forge; the forges are ${FORGE_NAMES.join(', ')}.`)
  }
  return [...VARIABLES].flatMap((name) => {
    const value = env[name]?.trim() ?? ''
    return value === '' ? [] : [[name, value] as const]
  })
}

function readFile({ env, cwd }: Surroundings): readonly (readonly [string, string])[] {
  const named = env['CONFIG_FILE']?.trim() ?? ''
  const file = resolve(cwd, named === '' ? DEFAULT_FILE : named)
  if (!existsSync(file)) {
    if (named === '') return []
    throw new ConfigError(`CONFIG_FILE names ${file}, which does not exist.`)
  }
  return Object.entries(parseFile(file)).flatMap(([key, value]) => {
    const name = key.toUpperCase()
    if (!VARIABLES.has(name)) throw new ConfigError(`${file} has the unknown key "${key}".`)
    const text = (typeof value === 'string' ? value : value.join(',')).trim()
    return text === '' ? [] : [[name, text] as const]
  })
}

const FileShape = z.record(z.string(), z.union([z.string(), z.array(z.string())])).nullable()

function parseFile(file: string): Readonly<Record<string, string | readonly string[]>> {
  try {
    // In this schema every value stays the text that was written: no number loses its digits.
    return FileShape.parse(parse(readFileSync(file, 'utf8'), { schema: 'failsafe' })) ?? {}
  } catch (error) {
    // The parser's own message quotes the file, and with it perhaps a secret.
    const line = error instanceof YAMLParseError ? ` (line ${error.linePos?.[0].line ?? 1})` : ''
    throw new ConfigError(`${file} must hold one setting or list of values per key, as YAML${line}.`, {
      cause: error,
    })
  }
}

function describeIssue(issue: z.core.$ZodIssue | undefined, given: ReadonlyMap<string, string>): ConfigError {
  const name = String(issue?.path[0])
  const value = SECRETS.has(name) ? '' : `is ${JSON.stringify(given.get(name))} but `
  return new ConfigError(`${name} ${value}${issue?.message ?? 'cannot be used'}.`)
}
