import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { loadConfig } from '../src/config.ts'
import { ConfigError } from '../src/settings.ts'

function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'reposync-config-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return folder
}

function folderWith(file: string, content: string): string {
  const folder = emptyFolder()
  mkdirSync(dirname(join(folder, file)), { recursive: true })
  writeFileSync(join(folder, file), content)
  return folder
}

/** What the start would print for this environment; empty when it would start. */
function refusal(env: Record<string, string>, cwd = emptyFolder()): string {
  try {
    loadConfig({ env, cwd })
    return ''
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
}

describe('without any setting', () => {
  test('the documented defaults hold', () => {
    const cwd = emptyFolder()

    const config = loadConfig({ env: {}, cwd })

    expect(config).toMatchObject({
      listen: { host: '127.0.0.1', port: 38_080 },
      database: { kind: 'sqlite', file: join(cwd, 'data/reposync.db') },
      log: { level: 'info', detail: true },
      auth: 'auto',
      publicUrl: undefined,
      webhook: {
        rateLimit: 100,
        ipAllowlist: [],
        maxBodyBytes: 26_214_400,
        generic: {
          signatureHeader: 'x-hub-signature-256',
          algorithm: 'sha256',
          encoding: 'hex',
          prefix: 'sha256=',
          idHeader: 'x-delivery-id',
          pointers: { ref: '/ref', before: '/before', after: '/after', url: '/repository/clone_url' },
        },
      },
      sync: {
        dir: '/tmp/sync_dir',
        deleteDir: false,
        concurrency: 2 * availableParallelism(),
        hostConcurrency: 4,
        idleTimeoutMs: 120_000,
        timeoutMs: 0,
        attempts: 6,
      },
      relay: { isOn: true, disabledHosts: [] },
      reconcileIntervalMs: 600_000,
      drainTimeoutMs: 30_000,
      remotes: {
        allowedHosts: [],
        allowedSchemes: ['http', 'https', 'ssh'],
        allowLocal: false,
        sshHostKeys: 'tofu',
      },
      repoRoots: [],
      retention: { runMs: 90 * 86_400_000, deliveryMs: 30 * 86_400_000 },
      secrets: { apiToken: undefined, secretKey: undefined, secretKeyFile: join(cwd, 'data/secret.key') },
    })
  })

  test('link-local and cloud metadata hosts are denied', () => {
    const { deniedHosts } = loadConfig({ env: {}, cwd: emptyFolder() }).remotes

    expect(deniedHosts).toEqual(
      expect.arrayContaining(['169.254.0.0/16', 'fe80::/10', 'metadata.google.internal']),
    )
  })
})

describe('a value', () => {
  test.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['10m', 600_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
    ['0', 0],
  ])('of a duration may be %s', (text, durationMs) => {
    const config = loadConfig({ env: { SYNC_TIMEOUT: text }, cwd: emptyFolder() })

    expect(config.sync.timeoutMs).toBe(durationMs)
  })

  test.each([
    ['False', false],
    ['FALSE', false],
    ['0', false],
    ['no', false],
    ['Off', false],
    ['True', true],
    ['1', true],
    ['YES', true],
    ['on', true],
  ])('of a switch may be %s', (text, value) => {
    const config = loadConfig({ env: { DELETE_SYNC_DIR: text }, cwd: emptyFolder() })

    expect(config.sync.deleteDir).toBe(value)
  })

  test.each([
    ['25MB', 26_214_400],
    ['512kb', 524_288],
    ['1 GB', 1_073_741_824],
    ['1000', 1000],
  ])('of a size may be %s', (text, bytes) => {
    const config = loadConfig({ env: { WEBHOOK_MAX_BODY: text }, cwd: emptyFolder() })

    expect(config.webhook.maxBodyBytes).toBe(bytes)
  })

  test.each([
    ['sqlite:/var/lib/r.db', { kind: 'sqlite', file: '/var/lib/r.db' }],
    ['sqlite:///var/lib/r.db', { kind: 'sqlite', file: '/var/lib/r.db' }],
    ['postgres://u:p@db/reposync', { kind: 'postgres' }],
    ['postgresql://u:p@db/reposync', { kind: 'postgres' }],
  ])('of the database may be %s', (address, database) => {
    const config = loadConfig({ env: { DATABASE_URL: address }, cwd: emptyFolder() })

    expect(config.database).toEqual(database)
  })

  test('that is a list is split at commas', () => {
    const env = { WEBHOOK_IP_ALLOWLIST: '10.0.0.0/8, 2001:db8::1,,', ALLOWED_SCHEMES: 'SSH, https' }

    const config = loadConfig({ env, cwd: emptyFolder() })

    expect(config.webhook.ipAllowlist).toEqual(['10.0.0.0/8', '2001:db8::1'])
    expect(config.remotes.allowedSchemes).toEqual(['https', 'ssh'])
  })

  test('that is empty counts as not given', () => {
    const config = loadConfig({ env: { PORT: '', API_TOKEN: ' ' }, cwd: emptyFolder() })

    expect(config.listen.port).toBe(38_080)
    expect(config.secrets.apiToken).toBeUndefined()
  })

  test('of the public address loses its trailing slash', () => {
    const config = loadConfig({
      env: { PUBLIC_URL: 'https://sync.example.com/base/' },
      cwd: emptyFolder(),
    })

    expect(config.publicUrl).toBe('https://sync.example.com/base')
  })

  test('of the generic webhook says where the parts of a request are', () => {
    const env = {
      GENERIC_SIGNATURE_HEADER: 'X-CNB-Signature',
      GENERIC_SIGNATURE_ALGORITHM: 'SHA1',
      GENERIC_REF_POINTER: '/CNB_BRANCH',
      GENERIC_URL_POINTER: '/a~1b/m~0n/0',
    }

    const { generic } = loadConfig({ env, cwd: emptyFolder() }).webhook

    expect(generic).toMatchObject({
      signatureHeader: 'x-cnb-signature',
      algorithm: 'sha1',
      prefix: 'sha1=',
      pointers: { ref: '/CNB_BRANCH', url: '/a~1b/m~0n/0' },
    })
  })

  test('of a webhook secret belongs to the forge in its name', () => {
    const env = { WEBHOOK_SECRET: 'all', WEBHOOK_SECRET_BITBUCKET_SERVER: 'one' }

    const { secrets } = loadConfig({ env, cwd: emptyFolder() })

    expect(secrets.webhookSecret).toBe('all')
    expect(secrets.webhookSecretByForge).toEqual(new Map([['bitbucket-server', 'one']]))
  })
})

describe('a bad value stops the start with one sentence', () => {
  test.each([
    [{ PORT: '99999' }, 'PORT is "99999" but must be a whole number from 0 to 65535.'],
    [{ PORT: '80.5' }, 'PORT is "80.5" but must be a whole number from 0 to 65535.'],
    [
      { SYNC_IDLE_TIMEOUT: '2 minutes' },
      'SYNC_IDLE_TIMEOUT is "2 minutes" but must be a duration such as 500ms, 30s, 10m, 2h or 7d.',
    ],
    [{ SYNC_TIMEOUT: '-1s' }, /^SYNC_TIMEOUT is "-1s" but must be a duration/],
    [{ DELETE_SYNC_DIR: 'maybe' }, /^DELETE_SYNC_DIR is "maybe" but must be true or false/],
    [{ AUTH: 'open' }, 'AUTH is "open" but must be one of auto, none, token.'],
    [{ WEBHOOK_MAX_BODY: '0' }, /^WEBHOOK_MAX_BODY is "0" but must be a size/],
    [{ WEBHOOK_IP_ALLOWLIST: '10.0.0.0/33' }, /^WEBHOOK_IP_ALLOWLIST is "10.0.0.0\/33" but must be/],
    [{ ALLOWED_SCHEMES: 'https,git' }, /^ALLOWED_SCHEMES is "https,git" but must be a comma-separated list/],
    [{ DENIED_HOSTS: 'http://x' }, /^DENIED_HOSTS is "http:\/\/x" but must be/],
    [{ PUBLIC_URL: 'sync.example.com' }, /^PUBLIC_URL is "sync.example.com" but must be an http or https/],
    [
      { GENERIC_SIGNATURE_HEADER: 'X Signature' },
      /^GENERIC_SIGNATURE_HEADER is "X Signature" but must be the/,
    ],
    [{ GENERIC_SIGNATURE_ALGORITHM: 'md5' }, /must be one of sha256, sha1, sha512\.$/],
    [{ GENERIC_REF_POINTER: 'ref' }, 'GENERIC_REF_POINTER is "ref" but must be a JSON pointer such as'],
    [{ GENERIC_URL_POINTER: '/a~2' }, /^GENERIC_URL_POINTER is "\/a~2" but must be a JSON pointer/],
    [{ HOST: 'http://0.0.0.0' }, /^HOST is "http:\/\/0.0.0.0" but must be an address/],
    [{ WEBHOOK_SECRET_GITHUBB: 'x' }, /^WEBHOOK_SECRET_GITHUBB names no forge; the forges are github, /],
    [{ CONFIG_FILE: 'nowhere.yaml' }, /^CONFIG_FILE names .*nowhere\.yaml, which does not exist\.$/],
  ])('%j', (env, sentence) => {
    const message = refusal(env)

    expect(message).toMatch(sentence)
  })

  test.each([
    ['SECRET_KEY', 'hunter2hunter2'],
    ['DATABASE_URL', 'mysql://root:hunter2@db/x'],
  ])('and the sentence about %s does not repeat it', (name, value) => {
    const message = refusal({ [name]: value })

    expect(message).toMatch(new RegExp(`^${name} must be `))
    expect(message).not.toContain('hunter2')
  })
})

describe('the configuration file', () => {
  test('is found in the folder config and yields to the environment', () => {
    const cwd = folderWith('config/reposync.yaml', 'port: 4000\nHOST: "::1"\nlog_detail: off\n')

    const config = loadConfig({ env: { PORT: '5000' }, cwd })

    expect(config.listen).toEqual({ host: '::1', port: 5000 })
    expect(config.log.detail).toBe(false)
  })

  test('may have another name', () => {
    const cwd = folderWith('etc/other.yml', 'webhook_ip_allowlist:\n  - 10.0.0.1\n  - 10.0.0.2\n')

    const config = loadConfig({ env: { CONFIG_FILE: 'etc/other.yml' }, cwd })

    expect(config.webhook.ipAllowlist).toEqual(['10.0.0.1', '10.0.0.2'])
  })

  test('keeps a secret that looks like a number as it was written', () => {
    const cwd = folderWith('config/reposync.yaml', 'api_token: 0012345678901234567890\n')

    const config = loadConfig({ env: {}, cwd })

    expect(config.secrets.apiToken).toBe('0012345678901234567890')
  })

  test.each([
    ['prot: 4000', 'has the unknown key "prot"'],
    ['webhook_secret: {github: x}', 'must hold one setting or list of values per key'],
    ['- port', 'must hold one setting or list of values per key'],
    ['port: 1\nport: 2', 'as YAML (line 2)'],
    ['api_token: "hunter2\nport: 1', 'as YAML'],
  ])('is refused when it says %j', (content, problem) => {
    const cwd = folderWith('config/reposync.yaml', content)

    const message = refusal({}, cwd)

    expect(message).toContain(join(cwd, 'config/reposync.yaml'))
    expect(message).toContain(problem)
    expect(message).not.toContain('hunter2')
  })

  test('that is empty changes nothing', () => {
    const cwd = folderWith('config/reposync.yaml', '# nothing yet\n')

    const config = loadConfig({ env: {}, cwd })

    expect(config.listen.port).toBe(38_080)
  })
})
