import { DomainError } from '../domain-error.ts'

// What can be wrong with a request about tokens.

export function tokenMissing(id: number): DomainError {
  return new DomainError('not_found', 'token_missing', {
    zh: `没有编号为 ${id} 的令牌`,
    en: `there is no token ${id}`,
  })
}

export function tokenExists(name: string): DomainError {
  return new DomainError(
    'already_exists',
    'token_exists',
    { zh: `已有名为“${name}”的令牌`, en: `a token named "${name}" exists` },
    {
      hint: {
        zh: '审计日志按名称记录操作者，请更换名称',
        en: 'the audit log tells who acted by this name: choose another one',
      },
    },
  )
}

export function tokenLast(): DomainError {
  return new DomainError(
    'conflict',
    'token_last',
    {
      zh: '这是最后一个有效的 admin 令牌，删除后将无人能管理本服务',
      en: 'this is the last valid token of the role admin: without it nobody could manage this service',
    },
    {
      hint: {
        zh: '请先创建另一个 admin 令牌，或设置 API_TOKEN',
        en: 'make another admin token first, or set API_TOKEN',
      },
    },
  )
}

export function tokenNameRefused(): DomainError {
  return new DomainError(
    'invalid',
    'token_name',
    { zh: '令牌的名称不能使用', en: 'the name of the token cannot be used' },
    {
      hint: {
        zh: '1 到 100 个可见字符，首尾不能是空格，也不能是 API_TOKEN、local、system 或 reposync',
        en: 'use 1 to 100 printable characters, no space at either end, and none of API_TOKEN, local, system and reposync',
      },
    },
  )
}

export function expiryRefused(): DomainError {
  return new DomainError('invalid', 'token_expiry', {
    zh: '令牌的到期时间必须在将来',
    en: 'the time at which the token expires must lie ahead',
  })
}
