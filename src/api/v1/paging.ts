import { z } from 'zod'

const DEFAULT_PAGE_SIZE = 20
const MAX_PAGE_SIZE = 100

/** `page` from 1, `page_size` up to 100 (a larger one is 100). */
export const Paging = {
  page: z.coerce.number().int().min(1).default(1),
  page_size: z.coerce
    .number()
    .int()
    .min(1)
    .default(DEFAULT_PAGE_SIZE)
    .transform((size) => Math.min(size, MAX_PAGE_SIZE)),
}

/** `2026-01-31T00:00:00.000Z`, as every time leaves this API. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString()
}

export function isoTimeOrNull(ms: number | null): string | null {
  return ms === null ? null : isoTime(ms)
}

/** A moment in ISO form, in UTC where it names no offset; a date alone is its first moment. */
export const Moment = momentText('T00:00:00')

/** The same for the end of a time span: a date alone is its last moment. */
export const LastMoment = momentText('T23:59:59.999')

function momentText(timeOfDate: string) {
  return z.string().transform((text, context): number => {
    const [, date = '', time = timeOfDate, offset = 'Z'] =
      /^(\d{4}-\d\d-\d\d)(?:([T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+ -]\d\d:?\d\d)?)?$/i.exec(text.trim()) ??
      []
    // A plus that nobody has escaped arrives as a space.
    const ms = Date.parse(`${date}${time.replace(' ', 'T')}${offset.replace(' ', '+')}`)
    if (!Number.isNaN(ms)) return ms
    context.addIssue({ code: 'custom', message: 'a time such as 2026-01-31T12:00:00Z' })
    return z.NEVER
  })
}
