import type { SelectQueryBuilder } from 'kysely'

// Pages of lists.

/** `page` counts from 1. */
export type Page = { readonly page: number; readonly pageSize: number }

/** How many rows of some kind have an id from `bucket * BUCKET_SIZE` up to the next bucket. */
export type Tally = { readonly bucket: number; readonly count: number }

/** Where a page of a tallied list is: after `offset` rows of those whose id is below `endId`, the newest first. */
export type PagePlace = { readonly total: number; readonly endId: number; readonly offset: number }

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

/** Finds a page without stepping over what stands before it: a page far back costs what the first one does. */
export function findPage(tallies: readonly Tally[], { page, pageSize }: Page): PagePlace {
  const total = tallies.reduce((sum, { count }) => sum + count, 0)
  let before = (page - 1) * pageSize
  for (const { bucket, count } of tallies.toSorted((a, b) => b.bucket - a.bucket)) {
    if (before < count) return { total, endId: (bucket + 1) * BUCKET_SIZE, offset: before }
    before -= count
  }
  return { total, endId: 0, offset: 0 }
}
