import type { SelectQueryBuilder } from 'kysely'

// Pages of lists.

/** `page` counts from 1. */
export type Page = { readonly page: number; readonly pageSize: number }

/** How many rows of some kind have an id from `bucket * BUCKET_SIZE` up to the next bucket. */
export type Tally = { readonly bucket: number; readonly count: number }

/**
 * Where a page of a list is whose newest row, the one with the largest id, comes first: `limit` rows after `offset`
 * in this order of ids, all below `endId`.
 */
export type PagePlace = {
  readonly total: number
  readonly order: 'asc' | 'desc'
  readonly offset: number
  readonly limit: number
  readonly endId: number
}

const BUCKET_SIZE = 1024

export async function countRows<Tables, Table extends keyof Tables>(
  query: SelectQueryBuilder<Tables, Table, object>,
): Promise<number> {
  const { total } = await query
    .select((eb) => eb.fn.countAll().as('total'))
    .$castTo<{ total: number }>()
    .executeTakeFirstOrThrow()
  return Number(total)
}

/** Counts from the nearer end of the list: what stands before a page is stepped over, but never more than half. */
export function placeOf(total: number, { page, pageSize }: Page): PagePlace {
  const start = Math.min((page - 1) * pageSize, total)
  const limit = Math.min(pageSize, total - start)
  const behind = total - start - limit
  const end = { total, limit, endId: Number.MAX_SAFE_INTEGER }
  return start <= behind ? { ...end, order: 'desc', offset: start } : { ...end, order: 'asc', offset: behind }
}

/** Steps over no more than one bucket: a page far back costs what the first one does. */
export function talliedPlaceOf(tallies: readonly Tally[], { page, pageSize }: Page): PagePlace {
  const total = tallies.reduce((sum, { count }) => sum + count, 0)
  let before = (page - 1) * pageSize
  for (const { bucket, count } of tallies.toSorted((a, b) => b.bucket - a.bucket)) {
    if (before < count) {
      return { total, order: 'desc', offset: before, limit: pageSize, endId: (bucket + 1) * BUCKET_SIZE }
    }
    before -= count
  }
  return { total, order: 'desc', offset: 0, limit: 0, endId: 0 }
}

/** Rows that were read in the order of their place, the newest first. */
export function newestFirst<Row>(rows: readonly Row[], { order }: PagePlace): readonly Row[] {
  return order === 'asc' ? rows.toReversed() : rows
}
