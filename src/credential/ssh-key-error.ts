import type { Text } from '../domain-error.ts'
import { DomainError } from '../domain-error.ts'
import type { Misfit } from './private-key.ts'
import type { KeyUser } from './ssh-key.ts'

// What can be wrong with a request about SSH keys. No text repeats anything of a key.

export function sshKeyUnknown(id: number): DomainError {
  return new DomainError('not_found', 'ssh_key_unknown', {
    zh: `没有编号为 ${id} 的 SSH 密钥`,
    en: `there is no SSH key ${id}`,
  })
}

export function sshKeyExists(name: string): DomainError {
  return new DomainError(
    'already_exists',
    'ssh_key_exists',
    { zh: `已有名为“${name}”的 SSH 密钥`, en: `an SSH key named "${name}" exists` },
    { hint: { zh: '请更换名称，或轮换已有的密钥', en: 'choose another name, or rotate that key' } },
  )
}

export function sshKeyNameRefused(): DomainError {
  return new DomainError(
    'invalid',
    'ssh_key_name',
    { zh: 'SSH 密钥的名称不能使用', en: 'the name of the SSH key cannot be used' },
    {
      hint: {
        zh: '1 到 100 个可见字符，首尾不能是空格',
        en: 'use 1 to 100 printable characters, no space at either end',
      },
    },
  )
}

const LISTED_USERS = 10

export function sshKeyInUse(users: readonly KeyUser[]): DomainError {
  const listed = users
    .slice(0, LISTED_USERS)
    .map(({ type, name, place }) => `${type} "${name}"${place === null ? '' : ` (${place})`}`)
    .join(', ')
  const rest = users.length > LISTED_USERS ? ', …' : ''
  return new DomainError(
    'conflict',
    'ssh_key_in_use',
    { zh: `该密钥正在使用：${listed}${rest}`, en: `the key is used by ${listed}${rest}` },
    {
      hint: {
        zh: '请先为它们换用其他密钥；只想更换密钥内容时请使用轮换',
        en: 'give them another key first; to replace only what is in it, rotate it',
      },
    },
  )
}

export function sshKeySourceUnclear(): DomainError {
  return new DomainError(
    'invalid',
    'ssh_key_source',
    {
      zh: '请提供 private_key，或设置 generate 为 true，二者选一',
      en: 'give either a private_key or generate: true',
    },
    {
      hint: {
        zh: 'generate 会生成 Ed25519 密钥，并返回需要添加到平台的公钥',
        en: 'generate makes an Ed25519 key and answers with the public key to add at the forge',
      },
    },
  )
}

export function generatedTypeRefused(): DomainError {
  return new DomainError('invalid', 'ssh_key_generate', {
    zh: '只能生成 ed25519 类型的密钥',
    en: 'only keys of the type ed25519 are generated',
  })
}

const EXPORT_HINT: Text = {
  zh: '请粘贴以 -----BEGIN … PRIVATE KEY----- 开头的完整文件内容（OpenSSH、PEM 或 PKCS#8 格式）',
  en: 'paste the whole file that starts with -----BEGIN … PRIVATE KEY----- (OpenSSH, PEM or PKCS #8)',
}

const MISFITS: Readonly<Record<Misfit, readonly [Text, Text]>> = {
  empty: [{ zh: '私钥为空', en: 'the private key is empty' }, EXPORT_HINT],
  too_long: [
    { zh: '内容过长，不是私钥（最多 16 KB）', en: 'the text is too long for a private key (16 KB at most)' },
    EXPORT_HINT,
  ],
  public_key: [
    { zh: '这是公钥，不是私钥', en: 'this is a public key, not the private one' },
    {
      zh: '请粘贴没有 .pub 后缀的文件；公钥应添加到代码平台',
      en: 'paste the file without .pub; the public key belongs to the forge',
    },
  ],
  certificate: [{ zh: '这是证书，不是私钥', en: 'this is a certificate, not a private key' }, EXPORT_HINT],
  putty: [
    { zh: '不支持 PuTTY 格式的私钥', en: 'keys in the format of PuTTY are not supported' },
    {
      zh: '请用 puttygen key.ppk -O private-openssh-new -o key 转换',
      en: 'convert it: puttygen key.ppk -O private-openssh-new -o key',
    },
  ],
  path: [{ zh: '这是文件路径，不是私钥', en: 'this is the path of a file, not a private key' }, EXPORT_HINT],
  no_key: [{ zh: '内容不是私钥', en: 'the text is no private key' }, EXPORT_HINT],
  cut_off: [{ zh: '私钥不完整或已损坏', en: 'the private key is cut off or damaged' }, EXPORT_HINT],
}

export function noPrivateKey(misfit: Misfit): DomainError {
  const [detail, hint] = MISFITS[misfit]
  return new DomainError('invalid', `ssh_key_${misfit}`, detail, { hint })
}

export function passphraseMissing(): DomainError {
  return new DomainError(
    'invalid',
    'ssh_key_passphrase_missing',
    { zh: '该私钥有密码保护，但未提供密码', en: 'the key is protected by a passphrase, and none was given' },
    { hint: { zh: '请在 passphrase 中提供密码', en: 'give it as passphrase' } },
  )
}

export function passphraseWrong(): DomainError {
  return new DomainError('invalid', 'ssh_key_passphrase_wrong', {
    zh: '私钥的密码不正确',
    en: 'the passphrase does not open the key',
  })
}

export function keyUnreadable(): DomainError {
  return new DomainError(
    'invalid',
    'ssh_key_unreadable',
    {
      zh: '无法读取该私钥：内容已损坏，或本机的 ssh 不认识这种格式',
      en: 'the key cannot be read: it is damaged, or of a form that the ssh of this machine does not know',
    },
    {
      hint: {
        zh: '请用 ssh-keygen -p -f 文件 转换为 OpenSSH 格式后重试',
        en: 'bring it into the format of OpenSSH with ssh-keygen -p -f <file>, and try again',
      },
    },
  )
}

export function keyTypeRefused(): DomainError {
  return new DomainError(
    'invalid',
    'ssh_key_type',
    {
      zh: '不支持这种类型的密钥（DSA 已被淘汰，FIDO 密钥需要硬件）',
      en: 'keys of this type are of no use here: servers refuse DSA, and a FIDO key needs its device',
    },
    { hint: { zh: '请使用 ed25519、rsa 或 ecdsa', en: 'use ed25519, rsa or ecdsa' } },
  )
}
