import type { Insertable, Selectable } from 'kysely'
import { bindingSubject, runSubjectOf } from '../binding/binding.ts'
import type { Binding } from '../binding/binding.ts'
import type { Clock } from '../clock.ts'
import type { Database, Executor } from '../db/database.ts'
import type { DeliveryTable } from '../db/schema.ts'
import type { Changes, Signature } from '../forge/forge.ts'
import { redactPayload } from '../forge/redact.ts'
import { recordArrivals } from '../hook/endpoint.ts'
import { DeliveryId } from '../ids.ts'
import type { HookId, RunId } from '../ids.ts'
import { requestRun } from '../run/request.ts'
import type { Work } from '../run/run.ts'
import { IGNORE_DETAILS } from './decide.ts'
import type { Decision, IgnoreReason } from './decide.ts'
import { decideAll } from './knowledge.ts'
import type { ReadableDelivery } from './knowledge.ts'

/** An authentic, readable delivery on its way into the store. */
export type Arrival = {
  readonly forge: string
  readonly parsed: ReadableDelivery
  readonly signature: Signature
  /** The body as it may be kept: secrets redacted. */
  readonly payload: string
  readonly dedupeKey: string | null
  readonly remoteAddress: string | null
  /** The hook it came to; null for an address that all share. */
  readonly hook: HookId | null
}

export type Stored =
  | {
      readonly kind: 'accepted'
      readonly delivery: DeliveryId
      readonly changes: Changes
      readonly bindings: readonly string[]
      readonly runs: readonly RunId[]
    }
  | {
      readonly kind: 'ignored'
      readonly delivery: DeliveryId
      readonly reason: IgnoreReason
      readonly detail: string
    }
  | { readonly kind: 'duplicate'; readonly delivery: DeliveryId }

export type StoreDeps = {
  readonly db: Database
  readonly clock: Clock
  /** Attempts of a run that a delivery asks for. */
  readonly attemptLimit: number
}

/**
 * Stores deliveries and the runs they ask for in one transaction; when it resolves they survive
 * a crash and a power failure. Results are in the order of the arrivals.
 */
export async function storeArrivals(
  deps: StoreDeps,
  arrivals: readonly Arrival[],
): Promise<readonly Stored[]> {
  const now = deps.clock.now()
  return deps.db.transaction().execute(async (trx) => {
    const repeats = await findRepeats(trx, arrivals)
    const fresh = arrivals.filter((_, position) => repeats[position] === undefined)
    const decisions = await decideAll(trx, fresh)
    const ids = await insertDeliveries(trx, fresh, decisions, now)
    const runs = await requestRuns(trx, deps, ids, decisions, now)
    const stored = fresh.map((arrival, position) => {
      const id = ids[position]
      const decision = decisions[position]
      if (id === undefined || decision === undefined) throw new Error('a stored delivery has no id')
      return toStored(id, arrival, decision, runs.get(id) ?? [])
    })
    let next = 0
    const firstByKey = new Map<string, DeliveryId>()
    const results = arrivals.map((arrival, position): Stored => {
      const repeat = repeats[position]
      if (repeat === 'in_group') {
        const first = firstByKey.get(arrival.dedupeKey ?? '')
        if (first === undefined) throw new Error('a duplicate has no original')
        return { kind: 'duplicate', delivery: first }
      }
      if (repeat !== undefined) return repeat
      const result = stored[next]
      next += 1
      if (result === undefined) throw new Error('a delivery was not stored')
      if (arrival.dedupeKey !== null) firstByKey.set(arrival.dedupeKey, result.delivery)
      return result
    })
    const outcomes = arrivals.flatMap(({ hook }, position) => {
      const status = results[position]?.kind
      return status === undefined ? [] : [{ hook, status }]
    })
    await recordArrivals(trx, outcomes, now)
    return results
  })
}

/**
 * Per arrival: the answer of the delivery it repeats, `in_group` when that is in this group, or undefined when
 * it is to be stored.
 */
async function findRepeats(
  trx: Executor,
  arrivals: readonly Arrival[],
): Promise<readonly (Stored | 'in_group' | undefined)[]> {
  const keys = arrivals.flatMap(({ dedupeKey }) => (dedupeKey === null ? [] : [dedupeKey]))
  const known = new Map<string, Stored | 'in_group'>()
  if (keys.length > 0) {
    const rows = await trx
      .selectFrom('delivery')
      .select(['id', 'dedupe_key', 'reason'])
      .where('dedupe_key', 'in', keys)
      .execute()
    const failed = await failedDeliveries(
      trx,
      rows.map(({ id }) => id),
    )
    const decisions = await decideRefusedAgain(trx, arrivals, rows)
    for (const row of rows) {
      if (row.dedupe_key === null) continue
      const delivery = DeliveryId.parse(row.id)
      const decision = decisions.get(row.dedupe_key)
      const reason = decision?.reason
      if (reason !== undefined && reason === row.reason) {
        known.set(row.dedupe_key, { kind: 'ignored', delivery, reason, detail: IGNORE_DETAILS[reason] })
      } else if (decision === undefined && !failed.has(row.id)) {
        known.set(row.dedupe_key, { kind: 'duplicate', delivery })
      } else {
        // Sent again because it failed, or because there is a binding for it now: the new one takes the key over.
        await trx.updateTable('delivery').set({ dedupe_key: null }).where('id', '=', row.id).execute()
      }
    }
  }
  return arrivals.map(({ dedupeKey }) => {
    if (dedupeKey === null) return undefined
    const first = known.get(dedupeKey)
    if (first === undefined) known.set(dedupeKey, 'in_group')
    return first
  })
}

// What a person changes before having the forge send a delivery again.
const CURABLE: ReadonlySet<string | null> = new Set<IgnoreReason>(['unbound', 'disabled'])

/** By dedupe key: what is decided now about deliveries that were ignored for want of an enabled binding. */
async function decideRefusedAgain(
  trx: Executor,
  arrivals: readonly Arrival[],
  rows: readonly Pick<Selectable<DeliveryTable>, 'dedupe_key' | 'reason'>[],
): Promise<ReadonlyMap<string | null, Decision | undefined>> {
  const keys = new Set(rows.flatMap((row) => (CURABLE.has(row.reason) ? [row.dedupe_key] : [])))
  if (keys.size === 0) return new Map()
  const refused = arrivals.filter(({ dedupeKey }) => keys.has(dedupeKey))
  const decisions = await decideAll(trx, refused)
  return new Map(refused.map(({ dedupeKey }, position) => [dedupeKey, decisions[position]]))
}

async function failedDeliveries(trx: Executor, ids: readonly number[]): Promise<ReadonlySet<number>> {
  if (ids.length === 0) return new Set()
  const rows = await trx
    .selectFrom('delivery_run')
    .innerJoin('run', 'run.id', 'delivery_run.run_id')
    .select('delivery_run.delivery_id')
    .distinct()
    .where('delivery_run.delivery_id', 'in', ids)
    .where('run.status', 'in', ['failed', 'conflict', 'canceled'])
    .execute()
  return new Set(rows.map((row) => row.delivery_id))
}

async function insertDeliveries(
  trx: Executor,
  arrivals: readonly Arrival[],
  decisions: readonly Decision[],
  now: number,
): Promise<readonly DeliveryId[]> {
  if (arrivals.length === 0) return []
  const rows = arrivals.map((arrival, position): Insertable<DeliveryTable> => {
    const { parsed } = arrival
    const decision = decisions[position]
    const reason = decision?.reason ?? null
    return {
      forge: arrival.forge,
      event: parsed.event,
      forge_delivery_id: parsed.deliveryId,
      dedupe_key: arrival.dedupeKey,
      received_at: now,
      remote_address: arrival.remoteAddress,
      status: reason === null ? 'accepted' : 'ignored',
      reason,
      detail: reason === null ? null : IGNORE_DETAILS[reason],
      signature: arrival.signature,
      changes: JSON.stringify(parsed.kind === 'changes' ? parsed.changes : []),
      repository: parsed.repository === null ? null : redactPayload(JSON.stringify(parsed.repository)),
      pusher: parsed.pusher,
      bindings: JSON.stringify(decision?.bindings ?? []),
      payload: arrival.payload,
      hook_id: arrival.hook,
    }
  })
  const inserted = await trx.insertInto('delivery').values(rows).returning('id').execute()
  // RETURNING promises no order, but ids are given in the order of the rows.
  return inserted
    .map(({ id }) => id)
    .sort((a, b) => a - b)
    .map((id) => DeliveryId.parse(id))
}

/** One request per subject, however many deliveries of the group concern it. */
async function requestRuns(
  trx: Executor,
  deps: StoreDeps,
  ids: readonly DeliveryId[],
  decisions: readonly Decision[],
  now: number,
): Promise<ReadonlyMap<DeliveryId, readonly RunId[]>> {
  const wanted = new Map<string, { binding: Binding; work: Work; deliveries: DeliveryId[] }>()
  decisions.forEach(({ requests }, position) => {
    const id = ids[position]
    if (id === undefined) return
    for (const { binding, work } of requests) {
      const subject = bindingSubject(binding.id)
      const known = wanted.get(subject) ?? { binding, work: [], deliveries: [] }
      known.work = [...known.work, ...work]
      known.deliveries.push(id)
      wanted.set(subject, known)
    }
  })
  const runsByDelivery = new Map<DeliveryId, RunId[]>()
  const links: { delivery_id: number; run_id: number }[] = []
  for (const { binding, work, deliveries } of wanted.values()) {
    const run = await requestBindingRun(trx, deps, binding, work, now)
    for (const delivery of deliveries) {
      links.push({ delivery_id: delivery, run_id: run })
      runsByDelivery.set(delivery, [...(runsByDelivery.get(delivery) ?? []), run])
    }
  }
  if (links.length > 0) await trx.insertInto('delivery_run').values(links).execute()
  return runsByDelivery
}

/** Requests a run on behalf of a delivery. */
export async function requestBindingRun(
  trx: Executor,
  deps: Pick<StoreDeps, 'attemptLimit'>,
  binding: Binding,
  work: Work,
  now: number,
): Promise<RunId> {
  return requestRun(
    trx,
    {
      of: runSubjectOf(binding),
      trigger: 'webhook',
      work,
      attemptLimit: deps.attemptLimit,
    },
    now,
  )
}

function toStored(
  delivery: DeliveryId,
  { parsed }: Arrival,
  { requests, reason }: Decision,
  runs: readonly RunId[],
): Stored {
  if (reason !== undefined) return { kind: 'ignored', delivery, reason, detail: IGNORE_DETAILS[reason] }
  return {
    kind: 'accepted',
    delivery,
    changes: parsed.kind === 'changes' ? parsed.changes : [],
    bindings: requests.map(({ binding }) => binding.name),
    runs,
  }
}
