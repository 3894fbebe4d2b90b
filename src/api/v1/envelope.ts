import type { Context } from 'hono'
import { bothLanguages } from '../../domain-error.ts'
import type { Refusal } from '../../refusal.ts'

// The one form of every answer under /api/v1: `{code, message, data}`, where a code other than 0 is the HTTP status.

export function ok(c: Context, data: unknown, status: 200 | 201 | 202 = 200): Response {
  return c.json({ code: 0, message: 'success', data }, status)
}

/** One page of a list; `key` names a second field with the same array, for clients that look for it there. */
export function page(
  c: Context,
  list: {
    readonly items: readonly unknown[]
    readonly total: number
    readonly page: number
    readonly pageSize: number
  },
  key?: string,
): Response {
  const { items, total, pageSize } = list
  const named = key === undefined ? {} : { [key]: items }
  return ok(c, { items, ...named, total, page: list.page, page_size: pageSize })
}

export function errorAnswer(c: Context, { status, message, detail, hint }: Refusal): Response {
  const body = {
    code: status,
    message: bothLanguages(message),
    data: null,
    detail: bothLanguages(detail),
    hint: hint === undefined ? null : bothLanguages(hint),
  }
  return c.json(body, status)
}
