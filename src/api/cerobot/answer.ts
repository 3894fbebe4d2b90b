import type { Context } from 'hono'
import { bothLanguages, DomainError } from '../../domain-error.ts'
import type { Refusal } from '../../refusal.ts'
import { SUCCESS } from '../../run/codes.ts'
import { codeOf } from './codes.ts'
import { ParameterError } from './parameters.ts'

// The documented envelope. What the table of codes names travels with HTTP 200; `detail` and `hint` are ours.

export type Failure = {
  readonly code: number
  readonly message: string
  readonly detail: string | null
  readonly hint: string | null
}

export function succeed(c: Context, data: unknown, total: number | null = null): Response {
  return c.json({ code_status: 0, data, total, msg: SUCCESS.message })
}

/** The work goes on after the answer. */
export function accept(c: Context, data: unknown): Response {
  c.header('Preference-Applied', 'respond-async')
  return c.json({ code_status: 0, data, total: null, msg: SUCCESS.message }, 202)
}

export function fail(c: Context, failure: Failure): Response {
  return c.json(failureToEnvelope(failure))
}

/** Answers what the document has an answer for; throws everything else on. */
export function answerError(c: Context, error: unknown): Response {
  if (error instanceof ParameterError) {
    const { problems } = error
    return c.json({ code: 422, data: problems, msg: '请求参数有误', success: false, finished: true }, 422)
  }
  const coded = error instanceof DomainError ? codeOf(error.reason) : undefined
  if (!(error instanceof DomainError) || coded === undefined) throw error
  const { detail, hint } = error
  return fail(c, {
    code: coded.code,
    message: coded.text,
    detail: bothLanguages(detail),
    hint: hint === undefined ? null : bothLanguages(hint),
  })
}

/** Answers what was refused before or around a route; it has no number of its own but 10000 + HTTP status. */
export function answerRefusal(c: Context, { status, message, detail, hint }: Refusal): Response {
  const failure = {
    code: 10000 + status,
    message: message.zh,
    detail: bothLanguages(detail),
    hint: hint === undefined ? null : bothLanguages(hint),
  }
  return c.json(failureToEnvelope(failure), status)
}

function failureToEnvelope({ code, message, detail, hint }: Failure) {
  return { code_status: code, data: null, total: null, msg: message, detail, hint }
}
