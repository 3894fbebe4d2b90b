import { DomainError } from '../domain-error.ts'
import type { Refusal } from './address-refusal.ts'
import type { Side } from './binding.ts'

// What can be wrong with a request about bindings; the reason is the word that edges map to their codes.

export function bindingUnknown(name: string): DomainError {
  return new DomainError(
    'not_found',
    'binding_unknown',
    { zh: `没有名为“${name}”的仓库`, en: `there is no binding named "${name}"` },
    { hint: { zh: '请先绑定仓库', en: 'bind the repository first' } },
  )
}

export function bindingExists(name: string): DomainError {
  return new DomainError(
    'already_exists',
    'binding_exists',
    { zh: `已有名为“${name}”的仓库`, en: `a binding named "${name}" exists` },
    { hint: { zh: '请更换名称，或先解绑', en: 'choose another name, or delete that binding first' } },
  )
}

export function bindingNameRefused(): DomainError {
  return new DomainError(
    'invalid',
    'binding_name',
    { zh: '仓库名称不能使用', en: 'the name of the binding cannot be used' },
    {
      hint: {
        zh: '1 到 200 个可见字符，首尾不能是空格，也不能是 . 或 ..',
        en: 'use 1 to 200 printable characters, no space at either end, and neither . nor ..',
      },
    },
  )
}

export function addressRefused(
  side: 'internal' | 'external',
  { reason, detail, hint }: Refusal,
): DomainError {
  const sideName =
    side === 'internal' ? { zh: '内部仓库', en: 'internal' } : { zh: '外部仓库', en: 'external' }
  return new DomainError(
    'invalid',
    `address_${reason}`,
    { zh: `${sideName.zh}：${detail.zh}`, en: `${sideName.en} repository: ${detail.en}` },
    { hint },
  )
}

/** For an address that belongs to no binding. */
export function addressRefusedAlone({ reason, detail, hint }: Refusal): DomainError {
  return new DomainError('invalid', `address_${reason}`, detail, { hint })
}

export function sameRepository(): DomainError {
  return new DomainError(
    'invalid',
    'address_same',
    { zh: '内部和外部地址是同一个仓库', en: 'both addresses name the same repository' },
    { hint: { zh: '请绑定两个不同的仓库', en: 'bind two different repositories' } },
  )
}

export function tokenRefused(): DomainError {
  return new DomainError(
    'invalid',
    'token',
    { zh: '令牌含有控制字符或过长', en: 'the token contains control characters or is too long' },
    {
      hint: {
        zh: '可以是令牌、“用户名:密码”或 PEM 格式的 SSH 私钥',
        en: 'give a token, user:password, or an SSH private key in PEM form',
      },
    },
  )
}

export function tokenWouldMove(side: 'internal' | 'external'): DomainError {
  return new DomainError(
    'forbidden',
    'token_would_move',
    {
      zh: `${side === 'internal' ? '内部' : '外部'}地址指向另一台服务器，已保存的令牌不会发送到那里`,
      en: `the ${side} address names another server, and the stored token is not sent there`,
    },
    {
      hint: {
        zh: '请在同一次调用中给出该侧的令牌（空值表示移除），或请管理员修改地址',
        en: 'send the token of this side in the same call (an empty one to drop it), or ask an admin to change the address',
      },
    },
  )
}

export function bindingDisabled(name: string): DomainError {
  return new DomainError(
    'disabled',
    'binding_disabled',
    { zh: `仓库“${name}”未启用`, en: `the binding "${name}" is disabled` },
    { hint: { zh: '请先启用仓库', en: 'enable the binding first' } },
  )
}

export function branchUnknown(branch: string): DomainError {
  return new DomainError(
    'not_found',
    'branch_unknown',
    { zh: `分支“${branch}”未绑定`, en: `the branch "${branch}" is not bound` },
    {
      hint: {
        zh: '由内到外同步时使用内部分支名，由外到内同步时使用外部分支名',
        en: 'name the internal branch when the direction is to_outer, the external one when it is to_inter',
      },
    },
  )
}

export function branchExists(side: Side, branch: string): DomainError {
  return new DomainError(
    'already_exists',
    'branch_exists',
    {
      zh: `${side === 'internal' ? '内部' : '外部'}分支“${branch}”已绑定`,
      en: `the ${side} branch "${branch}" is bound already`,
    },
    { hint: { zh: '每个分支只能绑定一次', en: 'a branch can be bound once per side' } },
  )
}

export function branchNameRefused(): DomainError {
  return new DomainError(
    'invalid',
    'branch_name',
    { zh: '分支名称不能使用', en: 'the name of the branch cannot be used' },
    { hint: { zh: '请使用有效的 git 分支名', en: 'use a name that git accepts for a branch' } },
  )
}

export function branchDisabled(branch: string): DomainError {
  return new DomainError(
    'disabled',
    'branch_disabled',
    { zh: `分支“${branch}”未启用`, en: `the branch binding "${branch}" is disabled` },
    { hint: { zh: '请先启用分支', en: 'enable the branch binding first' } },
  )
}

export function noBranchEnabled(name: string): DomainError {
  return new DomainError(
    'invalid',
    'no_branch_enabled',
    { zh: `仓库“${name}”没有启用的分支`, en: `the binding "${name}" has no enabled branch` },
    { hint: { zh: '请先绑定或启用分支', en: 'bind a branch, or enable one' } },
  )
}

/** `use` tells apart what the caller wanted of branches that a whole-repository binding does not have. */
export function wholeRepository(name: string, use: 'add' | 'remove' | 'read'): DomainError {
  return new DomainError(
    'conflict',
    `whole_repository_${use}`,
    {
      zh: `仓库“${name}”按仓库粒度同步所有分支`,
      en: `the binding "${name}" syncs the whole repository and has no branch bindings`,
    },
    {
      hint: {
        zh: '如需按分支同步，请以 sync_granularity=2 重新绑定',
        en: 'bind it again with sync_granularity=2 to choose branches',
      },
    },
  )
}

export function keyNeedsSsh(): DomainError {
  return new DomainError(
    'invalid',
    'ssh_key_address',
    {
      zh: '该侧的地址不是 SSH 地址，不能使用 SSH 密钥',
      en: 'the address of this side is no SSH address, so an SSH key is of no use there',
    },
    {
      hint: {
        zh: '请先把地址改为 git@主机:组织/仓库.git 的形式',
        en: 'give it an address such as git@host:owner/repo.git first',
      },
    },
  )
}
