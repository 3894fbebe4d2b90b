import { SECOND } from '../clock.ts'
import { DomainError } from '../domain-error.ts'
import type { DomainErrorKind, Text } from '../domain-error.ts'
import type { ForgeApiFailure } from '../forge/forge-api.ts'
import type { HookId } from '../ids.ts'

// What can be wrong with a request about hooks, here or at the forge.

export function hookUnknown(id: HookId): DomainError {
  return new DomainError('not_found', 'hook_unknown', {
    zh: `该仓库没有编号为 ${id} 的 Webhook`,
    en: `the binding has no hook ${id}`,
  })
}

export function publicUrlMissing(): DomainError {
  return new DomainError(
    'conflict',
    'public_url',
    { zh: '未设置 PUBLIC_URL，平台无法访问本服务', en: 'PUBLIC_URL is not set, so no forge could deliver' },
    {
      hint: {
        zh: '请将 PUBLIC_URL 设置为平台可以访问的本服务地址，然后重启',
        en: 'set PUBLIC_URL to the address at which the forge reaches this service, and restart it',
      },
    },
  )
}

export function forgeUnclear(): DomainError {
  return new DomainError(
    'invalid',
    'forge_unclear',
    {
      zh: '无法从仓库地址判断是哪个平台',
      en: 'the address of the repository does not tell which forge it is',
    },
    { hint: { zh: '请用 forge 参数指明平台', en: 'name the forge in the parameter "forge"' } },
  )
}

export function noHookApi(forge: string): DomainError {
  return new DomainError(
    'invalid',
    'hook_api',
    {
      zh: `无法通过接口在 ${forge} 上管理该仓库的 Webhook`,
      en: `the hooks of this repository cannot be managed through an API of ${forge}`,
    },
    {
      hint: {
        zh: '请检查地址和 api_url；或使用 "manual": true 获取地址和密钥，在平台上手动添加',
        en: 'check the address and api_url; or get an address and a secret with "manual": true and add them at the forge by hand',
      },
    },
  )
}

export function apiTokenMissing(): DomainError {
  return new DomainError(
    'invalid',
    'api_token',
    { zh: '缺少 api_token', en: 'api_token is missing' },
    {
      hint: {
        zh: '请提供可以管理该仓库 Webhook 的令牌；平台或地址改变后需要重新提供',
        en: 'give a token that may manage the webhooks of the repository; also after the forge or an address has changed',
      },
    },
  )
}

export function hookUnregistered(): DomainError {
  return new DomainError(
    'conflict',
    'hook_unregistered',
    { zh: '该 Webhook 不是由本服务在平台上创建的', en: 'this service has not made this hook at the forge' },
    { hint: { zh: '请提供 api_token 重新注册', en: 'register it again, with an api_token' } },
  )
}

export function noHookTest(forge: string): DomainError {
  return new DomainError(
    'conflict',
    'hook_test',
    { zh: `${forge} 没有发送测试投递的接口`, en: `${forge} has no call that sends a test delivery` },
    { hint: { zh: '请推送一次提交来测试', en: 'push a commit to test it' } },
  )
}

const KIND_BY_FAILURE: Readonly<Record<ForgeApiFailure['kind'], DomainErrorKind>> = {
  unauthorized: 'invalid',
  forbidden: 'invalid',
  not_found: 'invalid',
  refused: 'conflict',
  rate_limited: 'too_many',
  server_error: 'unavailable',
  unreachable: 'unavailable',
  tls: 'unavailable',
  proxy: 'unavailable',
  unexpected: 'unavailable',
}

const TEXT_BY_FAILURE: Readonly<Record<ForgeApiFailure['kind'], Text>> = {
  unauthorized: { zh: '平台不接受该令牌', en: 'the forge does not accept the token' },
  forbidden: {
    zh: '该令牌没有管理该仓库或其 Webhook 的权限',
    en: 'the token may not manage the repository or its webhooks',
  },
  not_found: { zh: '平台上找不到该仓库或 Webhook', en: 'the forge finds no such repository or hook' },
  refused: { zh: '平台拒绝了请求', en: 'the forge refused the request' },
  rate_limited: { zh: '平台限制了请求频率', en: 'the forge has had too many requests' },
  server_error: { zh: '平台出错', en: 'the forge failed' },
  unreachable: { zh: '无法连接平台', en: 'the forge cannot be reached' },
  tls: { zh: '平台的证书不受信任', en: 'the certificate of the forge is not trusted' },
  proxy: { zh: '代理拒绝了请求', en: 'the proxy refused the request' },
  unexpected: { zh: '平台的回答无法理解', en: 'the answer of the forge cannot be understood' },
}

const HINT_BY_FAILURE: Readonly<Record<ForgeApiFailure['kind'], Text>> = {
  unauthorized: { zh: '请提供有效的 api_token', en: 'give a valid api_token' },
  forbidden: {
    zh: '请使用可以管理该仓库及其 Webhook 的令牌',
    en: 'use a token that may manage the repository and its webhooks',
  },
  not_found: {
    zh: '请检查仓库地址、api_url 和令牌可见的仓库',
    en: 'check the address, api_url, and which repositories the token can see',
  },
  refused: { zh: '请按平台的说明修改', en: 'change what the forge complains of' },
  rate_limited: { zh: '请稍后重试', en: 'try again later' },
  server_error: { zh: '请稍后重试', en: 'try again later' },
  unreachable: {
    zh: '请检查 api_url、网络以及 ALLOWED_HOSTS、DENIED_HOSTS 和 HOST_PROXY',
    en: 'check api_url, the network, and ALLOWED_HOSTS, DENIED_HOSTS and HOST_PROXY',
  },
  tls: {
    zh: '请检查证书是否有效；私有 CA 请用 HOST_CA 为该主机指定证书文件',
    en: 'check that the certificate is valid; for a private authority name its certificates in HOST_CA',
  },
  proxy: {
    zh: '请检查 HOST_PROXY 及其中的用户名和密码',
    en: 'check HOST_PROXY and the user name and password in it',
  },
  unexpected: { zh: '请检查 forge 和 api_url 是否正确', en: 'check that forge and api_url are right' },
}

/** The failure of a call to the forge, as an answer to the person who asked for it. */
export function forgeFailed({ kind, detail, retryAfterMs }: ForgeApiFailure, also?: Text): DomainError {
  const text = TEXT_BY_FAILURE[kind]
  const seconds = retryAfterMs === null ? undefined : Math.ceil(retryAfterMs / SECOND)
  const hint =
    seconds === undefined
      ? HINT_BY_FAILURE[kind]
      : { zh: `请在 ${seconds} 秒后重试`, en: `try again in ${seconds} seconds` }
  return new DomainError(
    KIND_BY_FAILURE[kind],
    `forge_${kind}`,
    { zh: `${text.zh}：${detail}`, en: `${text.en}: ${detail}` },
    {
      hint: also === undefined ? hint : { zh: `${hint.zh}；${also.zh}`, en: `${hint.en}; ${also.en}` },
    },
  )
}
