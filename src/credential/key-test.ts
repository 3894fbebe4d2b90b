import type { Text } from '../domain-error.ts'
import { DomainError } from '../domain-error.ts'
import type { Database } from '../db/database.ts'
import type { GitErrorKind, GitOutcome } from '../git/git-error.ts'
import type { RemoteUrl } from '../git/refs.ts'
import type { SshKeyId } from '../ids.ts'
import type { SshKey } from './ssh-key.ts'
import { findSshKey, requireSshKey } from './ssh-keys.ts'
import type { Vault } from './vault.ts'

// Whether a key opens a repository. The answer is one of a few classes: whoever may ask must not learn
// from it what else listens on the hosts that this service reaches.

export type KeyTestClass =
  | 'ok'
  | 'key_rejected'
  | 'repository_not_found'
  | 'host_key_unknown'
  | 'host_key_changed'
  | 'address_denied'
  | 'unresolved'
  | 'unreachable'

export type KeyTestResult = {
  readonly key: SshKey
  readonly class: KeyTestClass
  readonly detail: Text
}

export type KeyTestDeps = {
  readonly db: Database
  readonly vault: Vault
  readonly tryKey: (url: RemoteUrl, privateKey: string) => Promise<GitOutcome<object>>
}

/** Asks the server of an SSH address; the rules for addresses are the caller's to apply. Throws `ssh_key_unknown`. */
export async function testSshKey(
  deps: KeyTestDeps,
  id: SshKeyId,
  target: { readonly kind: 'denied' } | { readonly kind: 'ok'; readonly url: RemoteUrl },
): Promise<KeyTestResult> {
  const key = await requireSshKey(deps.db, id)
  const found = await findSshKey(deps, id)
  if (target.kind === 'denied' || found === undefined) return toResult(key, 'address_denied')
  const outcome = await deps.tryKey(target.url, found.privateKey)
  return toResult(key, outcome.ok ? 'ok' : classOf(outcome.failure.kind))
}

export function sshAddressNeeded(): DomainError {
  return new DomainError(
    'invalid',
    'ssh_address',
    { zh: 'SSH 密钥只能用于 SSH 地址', en: 'an SSH key is of use only for an SSH address' },
    {
      hint: {
        zh: '请使用 git@主机:组织/仓库.git 或 ssh://git@主机:端口/组织/仓库.git',
        en: 'write git@host:owner/repo.git or ssh://git@host:port/owner/repo.git',
      },
    },
  )
}

function toResult(key: SshKey, result: KeyTestClass): KeyTestResult {
  return { key, class: result, detail: DETAILS[result] }
}

// What is none of these looks the same, whether nothing listens there or something else does.
function classOf(kind: GitErrorKind): KeyTestClass {
  switch (kind) {
    case 'ssh_key_rejected':
      return 'key_rejected'
    case 'not_found':
    case 'auth':
      return 'repository_not_found'
    case 'host_key_unknown':
    case 'host_key_changed':
    case 'address_denied':
      return kind
    case 'dns':
      return 'unresolved'
    default:
      return 'unreachable'
  }
}

const DETAILS: Readonly<Record<KeyTestClass, Text>> = {
  ok: { zh: '密钥可以读取该仓库', en: 'the key may read this repository' },
  key_rejected: {
    zh: '服务器不接受该密钥：请在平台添加其公钥',
    en: 'the server does not take the key: add its public key there',
  },
  repository_not_found: {
    zh: '服务器接受该密钥，但仓库不存在，或该密钥无权访问',
    en: 'the server takes the key, but the repository is not there or the key may not read it',
  },
  host_key_unknown: {
    zh: '服务器的主机密钥尚未被信任：请先通过 POST /api/v1/host-keys 确认',
    en: 'the host key of the server is not trusted yet: confirm it first with POST /api/v1/host-keys',
  },
  host_key_changed: {
    zh: '服务器的主机密钥与以前不同：请先确认不是中间人攻击，再删除旧密钥',
    en: 'the server shows another host key than before: make sure it is genuine, then forget the old one',
  },
  address_denied: {
    zh: '不允许访问该地址，见 ALLOWED_HOSTS 与 DENIED_HOSTS',
    en: 'this address may not be contacted, see ALLOWED_HOSTS and DENIED_HOSTS',
  },
  unresolved: { zh: '无法解析主机名', en: 'the name of the host cannot be resolved' },
  unreachable: {
    zh: '该地址没有在限定时间内作为 git 的 SSH 服务器应答',
    en: 'no SSH server for git answers there in time',
  },
}
