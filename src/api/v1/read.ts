import type { z } from 'zod'
import { DomainError } from '../../domain-error.ts'

/** What the schema makes of a query, path or body; throws a `DomainError` that names the first misfit. */
export function read<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const result = schema.safeParse(input)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const name = issue === undefined || issue.path.length === 0 ? 'id' : issue.path.join('.')
  throw new DomainError(
    'invalid',
    'parameter',
    { zh: `参数 ${name} 有误：${issue?.message ?? ''}`, en: `${name} does not fit: ${issue?.message ?? ''}` },
    { cause: result.error },
  )
}
