import type { Side } from '../binding/binding.ts'
import { openHttp } from '../git/exchange.ts'
import { askLfs, BATCH_SIZE } from '../git/lfs-batch.ts'
import type { LfsAnswer } from '../git/lfs-batch.ts'
import type { LfsOperation } from '../git/lfs-endpoint.ts'
import type { LfsPointer } from '../git/lfs-pointers.ts'
import type { SyncContext } from './context.ts'
import { narrateObjects } from './narrate.ts'
import { carryObject } from './lfs-object.ts'
import type { Carrier, ObjectAnswers } from './lfs-object.ts'
import { openStore } from './lfs-store.ts'
import { failedOn } from './outcome.ts'
import type { Failed } from './outcome.ts'
import { otherSide } from './sides.ts'
import type { SyncFailure } from './sync.ts'

// Brings LFS objects from one side to the other: the target is asked what it lacks, the source for exactly
// that. What is wrong with one object does not stop the others; a server that cannot be talked to does.

/** What became of an object: the target had it, or has it now, or why not. */
export type ObjectResult = 'held' | 'brought' | SyncFailure

type Batch = {
  readonly results: ReadonlyMap<string, ObjectResult>
  /** Why the work cannot go on. */
  readonly brokenBy: SyncFailure | undefined
}

type Job = { readonly object: LfsPointer; readonly answers: ObjectAnswers }

const AT_ONCE = 4
// A server that fails so often does not have trouble with single objects.
const MOST_SERVER_ERRORS = 8

/** Sees to it that the target has the objects; resolves to one result per object id. Rejects when the disk refuses. */
export async function carryObjects(
  context: SyncContext,
  from: Side,
  objects: readonly LfsPointer[],
): Promise<ReadonlyMap<string, ObjectResult>> {
  using http = openHttp(context.deps.git)
  const store = await openStore(context)
  await store.removeOld()
  const carrier = { context, http, store, from }
  const results = new Map<string, ObjectResult>()
  for (let start = 0; start < objects.length; start += BATCH_SIZE) {
    const batch = await carryBatch(carrier, objects.slice(start, start + BATCH_SIZE))
    for (const [oid, result] of batch.results) results.set(oid, result)
    if (batch.brokenBy === undefined) continue
    // Of the rest it is not known whether the target has them.
    for (const { oid } of objects) results.set(oid, results.get(oid) ?? batch.brokenBy)
    return results
  }
  return results
}

export function isFailure(result: ObjectResult): result is SyncFailure {
  return typeof result === 'object'
}

async function carryBatch(carrier: Carrier, objects: readonly LfsPointer[]): Promise<Batch> {
  const to = otherSide(carrier.from)
  const wanted = await ask(carrier, to, 'upload', objects)
  if (!wanted.ok) return { results: new Map(), brokenBy: wanted.failure }
  const results = new Map<string, ObjectResult>()
  const lacking: LfsPointer[] = []
  for (const object of objects) {
    const answer = wanted.answers.get(object.oid)
    if (answer?.kind === 'link') lacking.push(object)
    else if (answer?.kind === 'refused') results.set(object.oid, { side: to, ...answer.failure })
    else results.set(object.oid, 'held')
  }
  const sources = await ask(carrier, carrier.from, 'download', lacking)
  if (!sources.ok) return { results, brokenBy: sources.failure }
  const jobs = lacking.flatMap((object): Job[] => {
    const upload = wanted.answers.get(object.oid)
    const download = sources.answers.get(object.oid)
    return upload === undefined || download === undefined ? [] : [{ object, answers: { upload, download } }]
  })
  narrateObjects(carrier.context.log, to, lacking)
  const moved = await moveAll(carrier, jobs)
  return { results: new Map([...results, ...moved.results]), brokenBy: moved.brokenBy }
}

async function ask(
  { context, http }: Carrier,
  side: Side,
  operation: LfsOperation,
  objects: readonly LfsPointer[],
): Promise<{ readonly ok: true; readonly answers: ReadonlyMap<string, LfsAnswer> } | Failed> {
  const { deps, request, signal } = context
  const asked = await askLfs(deps.git, http, request.remotes[side], operation, objects, signal)
  return asked.ok ? asked : failedOn(side, asked.failure)
}

async function moveAll(carrier: Carrier, jobs: readonly Job[]): Promise<Batch> {
  const results = new Map<string, ObjectResult>()
  let brokenBy: SyncFailure | undefined
  let serverErrors = 0
  const queue = jobs.values()
  const work = async (): Promise<void> => {
    for (const { object, answers } of queue) {
      const failure = await carryObject(carrier, object, answers)
      results.set(object.oid, failure ?? 'brought')
      if (failure?.kind === 'server_error') serverErrors += 1
      if (failure !== undefined && (!isOfOneObject(failure) || serverErrors >= MOST_SERVER_ERRORS)) {
        brokenBy ??= failure
      }
      if (brokenBy !== undefined) return
    }
  }
  const workers = Array.from({ length: AT_ONCE }, work)
  // All of them end before a file error of one is passed on: nothing may go on behind the caller's back.
  await Promise.allSettled(workers)
  await Promise.all(workers)
  return { results, brokenBy }
}

function isOfOneObject({ kind }: SyncFailure): boolean {
  return ['lfs_missing', 'bad_objects', 'too_large', 'hook_declined', 'disk_full', 'server_error'].includes(
    kind,
  )
}
