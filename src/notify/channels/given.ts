import type { z } from 'zod'
import { configRefused } from '../channel-error.ts'
import type { Settings } from './kind.ts'

// How every kind reads its part of a configuration: over what is stored, where a mask means "as it is".

export const MASK = '***'

/** What the schema makes of it; throws `channel_config` for the first misfit, without repeating it. */
export function readGiven<Schema extends z.ZodType>(
  schema: Schema,
  given: Readonly<Record<string, unknown>>,
): z.output<Schema> {
  const result = schema.safeParse(given)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const words = issue?.message ?? 'does not fit'
  throw configRefused(issue?.path.join('.') ?? '', { zh: words, en: words })
}

/** Undefined stays what is stored, so does a mask; an empty text takes it away. */
export function secretOver(given: string | undefined, stored: string | undefined): string | undefined {
  if (isKept(given)) return stored
  return given === '' ? undefined : given
}

/** Whether what is stored is to stay. */
export function isKept(given: string | undefined): boolean {
  return given === undefined || given === MASK
}

/** An address holds the token of its robot, so all that is shown of it is where it leads. */
export function maskAddress(address: string): string {
  return `${new URL(address).origin}/${MASK}`
}

/** The address to use. Throws `channel_config` when there is none, or none that can be called. */
export function addressOver(field: string, given: string | undefined, stored: Settings | undefined): string {
  const known = stored?.secrets['url']
  if (given === undefined || (known !== undefined && given === maskAddress(known))) {
    if (known === undefined) throw configRefused(field, { zh: '不能为空', en: 'is missing' })
    return known
  }
  const url = URL.canParse(given) ? new URL(given) : undefined
  const isPlain = url?.username === '' && url.password === '' && !given.includes(MASK)
  if (url === undefined || !isPlain || !/^https?:$/.test(url.protocol)) {
    throw configRefused(field, {
      zh: '必须是 http 或 https 地址，不含用户名和密码，且未被遮盖',
      en: 'must be a whole http or https address without user name or password',
    })
  }
  return url.href
}
