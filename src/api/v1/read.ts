import type { Context } from 'hono'
import { z } from 'zod'
import { DomainError } from '../../domain-error.ts'
import type { Text } from '../../domain-error.ts'

/** What the schema makes of a query, path or body; throws a `DomainError` that names the first misfit. */
export function read<Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
  what = 'id',
): z.output<Schema> {
  const result = schema.safeParse(input)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const name = issue === undefined || issue.path.length === 0 ? what : issue.path.join('.')
  throw new DomainError('invalid', 'parameter', misfitOf(schema, input, name, issue), { cause: result.error })
}

const inChinese = { error: z.locales.zhCN().localeError }

function misfitOf(
  schema: z.ZodType,
  input: unknown,
  name: string,
  issue: z.core.$ZodIssue | undefined,
): Text {
  const en = issue?.message ?? ''
  if (en.endsWith('received undefined')) return { zh: `缺少参数 ${name}`, en: `${name} is missing` }
  const zh = schema.safeParse(input, inChinese).error?.issues[0]?.message ?? en
  return { zh: `参数 ${name} 有误：${zh}`, en: `${name} does not fit: ${en}` }
}

/** The JSON body through the schema; a body that is not there reads as an empty object. */
export async function readBody<Schema extends z.ZodType>(
  c: Context,
  schema: Schema,
): Promise<z.output<Schema>> {
  const text = await c.req.text()
  return read(schema, text.trim() === '' ? {} : parseJson(text), 'body')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new DomainError(
      'invalid',
      'json',
      { zh: '请求体不是有效的 JSON', en: 'the body is not JSON' },
      { cause },
    )
  }
}
