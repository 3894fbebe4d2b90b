import type { Side } from '../binding/binding.ts'
import { holdMassChanges } from './brake.ts'
import type { SyncContext } from './context.ts'
import { measureDivergence } from './divergence.ts'
import type { Divergence } from './divergence.ts'
import { fetchHeads } from './fetch.ts'
import { listBoth } from './listing.ts'
import { withLookRepository } from './look.ts'
import { repositoryDir } from './mirror.ts'
import { conflictReason, NOTHING_SETTLED, outcomesAtRest } from './outcome.ts'
import type { Settled } from './outcome.ts'
import { mayBeUnrelated, planSync } from './plan.ts'
import type { PlannedRef } from './plan.ts'
import { checkRelated } from './related.ts'
import { otherSide, wayFrom } from './sides.ts'
import type { RefOutcome } from './sync.ts'

// What a sync would do, found out the way it would do it, up to where something would change. It works in a
// repository of its own that reads the objects of the mirror, so a sync that runs meanwhile notices nothing.

// Each costs two git processes.
const MOST_COMPARED = 200

/** One outcome per ref as the sync of `subject` would have it now, if nobody moves until then. */
export async function previewWhole(context: SyncContext, subject: string): Promise<Settled> {
  const { deps } = context
  context.log('INFO', '试运行，不做任何更改 / dry run, nothing is changed')
  return withLookRepository(deps.git, repositoryDir(deps.syncDir, subject), (mirror) =>
    preview({ ...context, mirror }),
  )
}

async function preview(context: SyncContext): Promise<Settled> {
  const listed = await listBoth(context)
  if (!listed.ok) return { ...NOTHING_SETTLED, failure: listed.failure }
  const { refs, defaultBranches } = listed
  const input = { ...context.request, refs, defaultBranches, now: context.deps.clock.now() }
  const planned = holdMassChanges(planSync(input))
  if (mayBeUnrelated(input)) {
    const failure = await checkRelated(context, refs)
    if (failure !== undefined) return { ...NOTHING_SETTLED, failure }
  }
  const compared = planned.filter(isCompared).slice(0, MOST_COMPARED)
  for (const side of ['internal', 'external'] as const) {
    const fetched = await fetchHeads(
      context,
      side,
      compared.map(({ pair }) => pair[side]),
    )
    if (!fetched.ok) return { ...NOTHING_SETTLED, failure: fetched.failure }
  }
  const outcomes: RefOutcome[] = []
  const isKnown = new Set<PlannedRef>(compared)
  await context.timed('compare', async () => {
    for (const entry of planned) {
      const heads = isKnown.has(entry) && isCompared(entry) ? headsOf(entry) : undefined
      const divergence = heads && (await measureDivergence(context, heads))
      outcomes.push(...foresee(entry, divergence, context))
    }
  })
  return { ...NOTHING_SETTLED, refs: outcomes, defaultBranches }
}

type Compared = Extract<PlannedRef, { readonly kind: 'send' | 'diverged' | 'tag_moved' }>

function isCompared(entry: PlannedRef): entry is Compared {
  if (entry.kind === 'send') return entry.before !== null
  return entry.kind === 'diverged' || entry.kind === 'tag_moved'
}

function headsOf(entry: Compared) {
  if (entry.kind === 'diverged') return { internal: entry.internal, external: entry.external }
  const { from, before, after } = entry
  if (before === null) return undefined
  return from === 'internal' ? { internal: after, external: before } : { internal: before, external: after }
}

function foresee(
  entry: PlannedRef,
  divergence: Divergence | undefined,
  { request }: SyncContext,
): readonly RefOutcome[] {
  const measured = divergence === undefined ? {} : { divergence }
  switch (entry.kind) {
    case 'equal':
    case 'missing':
    case 'undecided':
      return outcomesAtRest(entry, request.direction)
    case 'delete': {
      const { pair, from, before } = entry
      const common = { pair, direction: wayFrom(from), before, after: null, kind: null, reason: null }
      return [{ ...common, result: 'deleted', keepsBackup: true }]
    }
    case 'tag_moved': {
      if (entry.allowed === undefined) {
        return outcomesAtRest(entry, request.direction).map((outcome) => ({ ...outcome, ...measured }))
      }
      return [{ ...updateOf(entry), ...measured, keepsBackup: true }]
    }
    case 'send': {
      if (entry.before === null) return [{ ...updateOf(entry), result: 'created' }]
      return [{ ...foreseeSend(entry, divergence), ...measured }]
    }
    case 'diverged': {
      const from = winnerOf(divergence)
      const [before, after] =
        from === 'external' ? [entry.internal, entry.external] : [entry.external, entry.internal]
      const send = { kind: 'send', pair: entry.pair, from, before, after, allowed: undefined } as const
      return [{ ...foreseeSend(send, divergence), ...measured }]
    }
  }
}

type Send = Pick<
  Extract<PlannedRef, { readonly kind: 'send' }>,
  'pair' | 'from' | 'before' | 'after' | 'allowed'
>

function foreseeSend(entry: Send, divergence: Divergence | undefined): RefOutcome {
  const update = updateOf(entry)
  if (divergence === undefined) return { ...update, reason: 'not compared: too many refs differ' }
  if (divergence[otherSide(entry.from)].count === 0) return update
  if (entry.allowed !== undefined) return { ...update, keepsBackup: true }
  const reason = conflictReason('non_fast_forward', update.direction, entry.before, entry.after)
  return { ...update, result: 'conflict', kind: 'non_fast_forward', reason }
}

function updateOf({ pair, from, before, after }: Omit<Send, 'allowed'>): RefOutcome {
  return { pair, direction: wayFrom(from), before, after, result: 'updated', kind: null, reason: null }
}

/** Of two sides that both moved, the one that contains the other. */
function winnerOf(divergence: Divergence | undefined): Side {
  return divergence?.internal.count === 0 ? 'external' : 'internal'
}
