import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { loadConfig } from '../src/config.ts'

const EXAMPLE = new URL('../config/reposync.example.yaml', import.meta.url)

const DOCUMENTED = `
  HOST PORT DATABASE_URL SYNC_DIR DELETE_SYNC_DIR LOG_DETAIL LOG_LEVEL AUTH API_TOKEN SECRET_KEY SECRET_KEY_FILE
  PUBLIC_URL WEBHOOK_SECRET WEBHOOK_RATE_LIMIT WEBHOOK_IP_ALLOWLIST WEBHOOK_MAX_BODY SYNC_CONCURRENCY
  SYNC_HOST_CONCURRENCY SYNC_IDLE_TIMEOUT SYNC_TIMEOUT SYNC_ATTEMPTS RECONCILE_INTERVAL CRON_TIMEZONE DRAIN_TIMEOUT
  ALLOWED_HOSTS
  GENERIC_SIGNATURE_HEADER GENERIC_SIGNATURE_ALGORITHM GENERIC_SIGNATURE_ENCODING GENERIC_SIGNATURE_PREFIX
  GENERIC_ID_HEADER GENERIC_REF_POINTER GENERIC_BEFORE_POINTER GENERIC_AFTER_POINTER GENERIC_URL_POINTER
  RELAY RELAY_DISABLED_HOSTS DENIED_HOSTS HOST_CA HOST_PROXY ALLOWED_SCHEMES SSH_HOST_KEYS ALLOW_LOCAL_REPOS REPO_ROOTS RUN_RETENTION DELIVERY_RETENTION BACKUP_RETENTION
  WEBHOOK_SECRET_GITHUB WEBHOOK_SECRET_GITLAB WEBHOOK_SECRET_GITEA WEBHOOK_SECRET_FORGEJO WEBHOOK_SECRET_GOGS
  WEBHOOK_SECRET_GITLINK WEBHOOK_SECRET_GITEE WEBHOOK_SECRET_BITBUCKET WEBHOOK_SECRET_BITBUCKET_SERVER
  WEBHOOK_SECRET_AZURE WEBHOOK_SECRET_CODEUP WEBHOOK_SECRET_CODING WEBHOOK_SECRET_GENERIC
`
  .trim()
  .split(/\s+/)

describe('the example file', () => {
  test('lists every documented variable and no other', () => {
    const text = readFileSync(EXAMPLE, 'utf8')

    const example = z.record(z.string(), z.unknown()).parse(parse(text))

    expect(
      Object.keys(example)
        .map((key) => key.toUpperCase())
        .sort(),
    ).toEqual([...DOCUMENTED].sort())
  })

  test('means the defaults', () => {
    const cwd = '/'

    const config = loadConfig({ env: { CONFIG_FILE: fileURLToPath(EXAMPLE) }, cwd })

    expect(config).toEqual(loadConfig({ env: { CONFIG_FILE: '/dev/null' }, cwd }))
  })
})
