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
