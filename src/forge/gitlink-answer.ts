import { z } from 'zod'
import { failure, hide } from './api-answer.ts'
import type { ApiAnswer } from './api-client.ts'
import { text } from './fields.ts'
import type { ForgeApiFailure, ForgeApiOutcome } from './forge-api.ts'

// What GitLink's answers mean: a failure may come with HTTP 200, and a list knows its length.

const Envelope = z.object({ status: z.number(), message: text })
const SUCCESSES: ReadonlySet<number> = new Set([0, 1, 200])
const KINDS: ReadonlyMap<number, ForgeApiFailure['kind']> = new Map([
  [401, 'unauthorized'],
  [403, 'forbidden'],
  [404, 'not_found'],
])

/** The answer, or the failure that its body tells of. */
export function judgeEnvelope(
  outcome: ForgeApiOutcome<ApiAnswer>,
  secrets: readonly string[],
): ForgeApiOutcome<ApiAnswer> {
  if (!outcome.ok) return outcome
  const envelope = Envelope.safeParse(outcome.value.json)
  if (!envelope.success || SUCCESSES.has(envelope.data.status)) return outcome
  const { status, message = 'no reason given' } = envelope.data
  return failure(
    KINDS.get(status) ?? 'refused',
    hide(`the forge answered with status ${status}: ${message}`, secrets),
  )
}

const Total = z.object({ total_count: z.number() })

export function totalOf({ json }: ApiAnswer): number | undefined {
  const total = Total.safeParse(json)
  return total.success ? total.data.total_count : undefined
}
