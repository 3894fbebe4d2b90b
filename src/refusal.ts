import { HTTPException } from 'hono/http-exception'
import type { DomainErrorKind, Text } from './domain-error.ts'
import { DomainError } from './domain-error.ts'

const STATUSES = [400, 401, 403, 404, 409, 413, 421, 422, 429, 500, 503] as const
type RefusalStatus = (typeof STATUSES)[number]

/** Why a request is not answered as asked; each API family puts it into its own envelope. */
export type Refusal = {
  readonly status: RefusalStatus
  /** The same for every refusal of this status, for people who read one line only. */
  readonly message: Text
  /** One word for machines. */
  readonly reason: string
  readonly detail: Text
  readonly hint: Text | undefined
}

const STATUS_BY_KIND: Readonly<Record<DomainErrorKind, RefusalStatus>> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  already_exists: 409,
  disabled: 409,
  conflict: 409,
  too_many: 429,
  unavailable: 503,
}

const TEXT_BY_STATUS: Readonly<Record<RefusalStatus, Text>> = {
  400: { zh: '请求参数错误', en: 'the request cannot be read' },
  401: { zh: '未授权', en: 'a token is needed' },
  403: { zh: '禁止访问', en: 'this is not allowed' },
  404: { zh: '资源不存在', en: 'there is no such resource' },
  409: { zh: '资源冲突', en: 'it conflicts with what is there' },
  413: { zh: '请求体过大', en: 'the request body is too large' },
  421: { zh: '主机名不匹配', en: 'this server does not answer for that host' },
  422: { zh: '请求内容不符合要求', en: 'the request body does not fit' },
  429: { zh: '请求过于频繁', en: 'there were too many requests' },
  500: { zh: '服务器内部错误', en: 'the server failed; its log tells why' },
  503: { zh: '服务暂不可用', en: 'the service is not available now' },
}

/** What a caller may know of an error: all of a refusal that was meant for people, nothing of a failure. */
export function toRefusal(error: unknown): Refusal {
  if (error instanceof DomainError) {
    const { reason, detail, hint } = error
    const status = STATUS_BY_KIND[error.kind]
    return { status, reason, message: TEXT_BY_STATUS[status], detail, hint }
  }
  if (error instanceof HTTPException) return refuse(toStatus(error.status), error.message)
  return refuse(500)
}

/** A refusal that its HTTP status explains, or the given sentence. */
export function refuse(status: RefusalStatus, sentence = ''): Refusal {
  const message = TEXT_BY_STATUS[status]
  const detail = sentence === '' || status >= 500 ? message : { zh: message.zh, en: sentence }
  return { status, reason: `http_${status}`, message, detail, hint: undefined }
}

function toStatus(status: number): RefusalStatus {
  return STATUSES.find((known) => known === status) ?? (status >= 500 ? 500 : 400)
}
