import { DomainError } from '../domain-error.ts'

// What can be wrong with a request about SSH host keys.

export function hostKeyMissing(host: string): DomainError {
  return new DomainError('not_found', 'host_key_unknown', {
    zh: `没有 ${host} 的主机密钥`,
    en: `no host key of ${host} is kept`,
  })
}

export function hostKeyBuiltIn(host: string): DomainError {
  return new DomainError('conflict', 'host_key_built_in', {
    zh: `${host} 的主机密钥是内置的，不能删除`,
    en: `the host key of ${host} is built in and cannot be forgotten`,
  })
}

/** Another key of the same type is trusted already. */
export function hostKeyDiffers(host: string): DomainError {
  return new DomainError(
    'conflict',
    'host_key_differs',
    { zh: `${host} 已有另一个同类型的主机密钥`, en: `another host key of this type is trusted for ${host}` },
    {
      hint: {
        zh: '请先确认新密钥属实，再删除旧密钥：DELETE /api/v1/host-keys/<主机>',
        en: 'make sure that the new one is genuine, then forget the old one: DELETE /api/v1/host-keys/<host>',
      },
    },
  )
}

export function fingerprintNotShown(host: string, shown: readonly string[]): DomainError {
  return new DomainError('conflict', 'host_key_fingerprint', {
    zh: `${host} 出示的主机密钥不是这个指纹，而是 ${shown.join('、')}`,
    en: `${host} shows no host key of that fingerprint, but ${shown.join(', ')}`,
  })
}

export function publicKeyRefused(): DomainError {
  return new DomainError(
    'invalid',
    'host_key_line',
    { zh: 'public_key 不是主机公钥', en: 'public_key is no public host key' },
    {
      hint: {
        zh: '例如：ssh-ed25519 AAAAC3Nza…，即服务器上 /etc/ssh/ssh_host_ed25519_key.pub 的内容',
        en: 'such as ssh-ed25519 AAAAC3Nza…, as the server has it in /etc/ssh/ssh_host_ed25519_key.pub',
      },
    },
  )
}

export function hostNotScanned(host: string): DomainError {
  return new DomainError(
    'unavailable',
    'host_key_scan',
    { zh: `${host} 没有作为 SSH 服务器应答`, en: `no SSH server answers at ${host}` },
    {
      hint: {
        zh: '请检查主机名和端口，或直接提供 public_key',
        en: 'check host and port, or give the public_key itself',
      },
    },
  )
}

export function hostDenied(host: string): DomainError {
  return new DomainError('invalid', 'host_denied', {
    zh: `不允许访问 ${host}，见 ALLOWED_HOSTS 与 DENIED_HOSTS`,
    en: `${host} may not be contacted, see ALLOWED_HOSTS and DENIED_HOSTS`,
  })
}
