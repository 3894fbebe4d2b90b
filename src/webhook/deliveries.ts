import type { Selectable } from 'kysely'
import { z } from 'zod'
import type { Database } from '../db/database.ts'
import { countRows, newestFirst, placeOf, talliedPlaceOf } from '../db/page.ts'
import type { Page, Tally } from '../db/page.ts'
import type { DeliveryTable } from '../db/schema.ts'
import { DomainError } from '../domain-error.ts'
import type { Changes, ForgeRepository, Signature } from '../forge/forge.ts'
import { toRefName, toSha } from '../git/refs.ts'
import { DeliveryId, HookId, RunId } from '../ids.ts'
import { IGNORE_DETAILS } from './decide.ts'
import { decideAgain } from './knowledge.ts'
import { requestBindingRun } from './store.ts'
import type { StoreDeps } from './store.ts'

export const DELIVERY_STATUSES = ['accepted', 'ignored', 'rejected'] as const

export type Delivery = {
  readonly id: DeliveryId
  readonly forge: string
  readonly event: string | null
  readonly forgeDeliveryId: string | null
  readonly receivedAt: number
  readonly status: DeliveryTable['status']
  readonly reason: string | null
  readonly detail: string | null
  readonly signature: Signature
  readonly changes: Changes
  readonly repository: ForgeRepository | null
  readonly pusher: string | null
  /** The bindings that the repository is a side of, also when nothing was to be done. */
  readonly bindings: readonly string[]
  readonly runs: readonly RunId[]
  /** The hook it came to; null for an address that all share. */
  readonly hook: HookId | null
  /** JSON text as received, secrets redacted; null for a rejected delivery and in lists. */
  readonly payload: string | null
}

export type DeliveryFilter = {
  readonly forge?: string | undefined
  readonly status?: DeliveryTable['status'] | undefined
  readonly binding?: string | undefined
}

const COLUMNS = [
  'id',
  'forge',
  'event',
  'forge_delivery_id',
  'received_at',
  'status',
  'reason',
  'detail',
  'signature',
  'changes',
  'repository',
  'pusher',
  'bindings',
  'hook_id',
] as const

/** Newest first, without payloads. */
export async function listDeliveries(
  deps: { readonly db: Database },
  filter: DeliveryFilter,
  page: Page,
): Promise<{ readonly deliveries: readonly Delivery[]; readonly total: number }> {
  const { forge, status, binding } = filter
  let query = deps.db.selectFrom('delivery')
  if (forge !== undefined) query = query.where('forge', '=', forge)
  if (status !== undefined) query = query.where('status', '=', status)
  if (binding !== undefined) {
    query = query.where('id', 'in', (eb) =>
      eb
        .selectFrom('delivery_run')
        .innerJoin('run', 'run.id', 'delivery_run.run_id')
        .select('delivery_run.delivery_id')
        .where('run.subject_name', '=', binding),
    )
  }
  const place =
    binding === undefined
      ? talliedPlaceOf(await tallyDeliveries(deps.db, filter), page)
      : placeOf(await countRows(query), page)
  const found = await query
    .select(COLUMNS)
    .where('id', '<', place.endId)
    .orderBy('id', place.order)
    .limit(place.limit)
    .offset(place.offset)
    .execute()
  const rows = newestFirst(found, place)
  const runs = await runsOf(
    deps.db,
    rows.map(({ id }) => id),
  )
  return {
    deliveries: rows.map((row) => rowToDelivery({ ...row, payload: null }, runs.get(row.id) ?? [])),
    total: place.total,
  }
}

function tallyDeliveries(db: Database, { forge, status }: DeliveryFilter): Promise<readonly Tally[]> {
  let query = db.selectFrom('delivery_tally')
  if (forge !== undefined) query = query.where('forge', '=', forge)
  if (status !== undefined) query = query.where('status', '=', status)
  return query
    .select((eb) => ['bucket', eb.fn.sum<number>('count').as('count')])
    .groupBy('bucket')
    .execute()
}

/** Throws `delivery_not_found` when there is no such delivery. */
export async function getDelivery(deps: { readonly db: Database }, id: DeliveryId): Promise<Delivery> {
  const row = await deps.db
    .selectFrom('delivery')
    .select([...COLUMNS, 'payload'])
    .where('id', '=', id)
    .executeTakeFirst()
  if (row === undefined) {
    throw new DomainError('not_found', 'delivery_not_found', {
      zh: `未找到投递记录 ${id}`,
      en: `there is no delivery ${id}`,
    })
  }
  const runs = await runsOf(deps.db, [id])
  return rowToDelivery(row, runs.get(id) ?? [])
}

export type ReplayDeps = StoreDeps & { readonly wakeQueue: () => void }

/**
 * Asks again for the runs that the delivery's changes call for now, under the bindings of now.
 * Nothing is skipped as already done. Throws `delivery_rejected` for one that never proved its sender.
 */
export async function replayDelivery(deps: ReplayDeps, id: DeliveryId): Promise<Delivery> {
  const delivery = await getDelivery(deps, id)
  if (delivery.status === 'rejected') {
    throw new DomainError('conflict', 'delivery_rejected', {
      zh: '该投递未通过校验，不能重放',
      en: 'this delivery was rejected, so it cannot be replayed',
    })
  }
  if (delivery.changes !== 'all' && delivery.changes.length === 0) return delivery
  const now = deps.clock.now()
  await deps.db.transaction().execute(async (trx) => {
    const { requests, bindings, reason } = await decideAgain(trx, delivery)
    for (const { binding, work } of requests) {
      const run = await requestBindingRun(trx, deps, binding, work, now)
      await trx
        .insertInto('delivery_run')
        .values({ delivery_id: id, run_id: run })
        .onConflict((conflict) => conflict.doNothing())
        .execute()
    }
    // A delivery that found no binding may find one now, and then counts as accepted.
    await trx
      .updateTable('delivery')
      .set({
        status: reason === undefined ? 'accepted' : delivery.status,
        reason: reason ?? null,
        detail: reason === undefined ? null : IGNORE_DETAILS[reason],
        bindings: JSON.stringify(bindings),
      })
      .where('id', '=', id)
      .execute()
  })
  deps.wakeQueue()
  return getDelivery(deps, id)
}

async function runsOf(db: Database, ids: readonly number[]): Promise<ReadonlyMap<number, readonly RunId[]>> {
  const runs = new Map<number, RunId[]>()
  if (ids.length === 0) return runs
  const rows = await db
    .selectFrom('delivery_run')
    .selectAll()
    .where('delivery_id', 'in', ids)
    .orderBy('run_id')
    .execute()
  for (const row of rows) {
    const known = runs.get(row.delivery_id) ?? []
    known.push(RunId.parse(row.run_id))
    runs.set(row.delivery_id, known)
  }
  return runs
}

const StoredChange = z.object({
  ref: z.string(),
  before: z.string().nullable(),
  after: z.string().nullable(),
  created: z.boolean(),
  deleted: z.boolean(),
  forced: z.boolean(),
})
const StoredRepository = z.object({
  fullName: z.string().nullable(),
  cloneUrl: z.string().nullable(),
  sshUrl: z.string().nullable(),
  htmlUrl: z.string().nullable(),
  defaultBranch: z.string().nullable(),
  otherUrls: z.array(z.string()).default([]),
})

function readChanges(text: string): Changes {
  const stored = z.union([z.literal('all'), z.array(StoredChange)]).parse(JSON.parse(text))
  if (stored === 'all') return stored
  return stored.flatMap(({ ref, before, after, ...flags }) => {
    const name = toRefName(ref)
    return name === undefined
      ? []
      : [{ ...flags, ref: name, before: toSha(before ?? '') ?? null, after: toSha(after ?? '') ?? null }]
  })
}

function rowToDelivery(
  row: Pick<Selectable<DeliveryTable>, (typeof COLUMNS)[number] | 'payload'>,
  runs: readonly RunId[],
): Delivery {
  return {
    id: DeliveryId.parse(row.id),
    forge: row.forge,
    event: row.event,
    forgeDeliveryId: row.forge_delivery_id,
    receivedAt: row.received_at,
    status: row.status,
    reason: row.reason,
    detail: row.detail,
    signature: row.signature,
    changes: readChanges(row.changes),
    repository: row.repository === null ? null : StoredRepository.parse(JSON.parse(row.repository)),
    pusher: row.pusher,
    bindings: z.array(z.string()).parse(JSON.parse(row.bindings)),
    runs,
    hook: row.hook_id === null ? null : HookId.parse(row.hook_id),
    payload: row.payload,
  }
}
