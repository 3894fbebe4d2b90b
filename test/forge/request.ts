import { createHmac } from 'node:crypto'
import { loadConfig } from '../../src/config.ts'
import type { WebhookRequest } from '../../src/forge/forge.ts'
import { createForges } from '../../src/forge/forges.ts'

/** The adapters under default settings. */
export const forgeByName = createForges(
  loadConfig({ env: { CONFIG_FILE: '/dev/null' }, cwd: '/' }).webhook.generic,
)

type Parts = {
  readonly method?: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly search?: string
  readonly body?: string | Uint8Array
}

/** A request put together by hand, for what no forge would send; JSON unless a header says otherwise. */
export function requestOf({ method = 'POST', headers = {}, search = '', body = '' }: Parts): WebhookRequest {
  const all = Object.entries({ 'content-type': 'application/json', ...headers })
  return {
    method,
    headers: new Map(all.map(([name, value]) => [name.toLowerCase(), value])),
    query: new URLSearchParams(search),
    body: Buffer.from(body),
  }
}

export function hexHmac(secret: string, content: string | Uint8Array, algorithm = 'sha256'): string {
  return createHmac(algorithm, secret).update(content).digest('hex')
}

export const SHA_1 = '1'.repeat(40)
export const SHA_2 = '2'.repeat(40)
export const LONG_SHA_1 = 'a'.repeat(64)
export const LONG_SHA_2 = 'b'.repeat(64)
export const ZERO = '0'.repeat(40)

export const REPOSITORY = {
  fullName: '组织/répo',
  cloneUrl: 'https://forge.example/组织/répo.git',
  sshUrl: 'git@forge.example:组织/répo.git',
  htmlUrl: 'https://forge.example/组织/répo',
  defaultBranch: 'main',
}
