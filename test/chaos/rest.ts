import { z } from 'zod'
import { SECOND } from '../../src/clock.ts'
import type { Side } from '../../src/binding/binding.ts'
import type { Sha } from '../../src/git/refs.ts'
import { listAll } from '../rig/journey.ts'
import { shaOf } from '../rig/repository.ts'
import { until } from './until.ts'
import type { Bound, Chaos } from './world.ts'

// How a world comes to rest: whatever can heal has healed, and what cannot is shown.

const head = z
  .string()
  .nullable()
  .transform((text) => (text === null ? null : shaOf(text)))
const ConflictOnWire = z.looseObject({
  ref: z.string(),
  kind: z.string(),
  internal: z.looseObject({ sha: head }),
  external: z.looseObject({ sha: head }),
})
export type ConflictOnWire = z.infer<typeof ConflictOnWire>

export function openConflicts(
  chaos: Pick<Chaos, 'daemon'>,
  { name }: Bound,
): Promise<readonly ConflictOnWire[]> {
  return listAll(chaos.daemon(), `/api/v1/bindings/${name}/conflicts`, ConflictOnWire)
}

type Heads = Readonly<Record<Side, ReadonlyMap<string, Sha>>>

/** Whether a difference that is no conflict is as it should be, for what the sides hold. */
export type MayDiffer = (bound: Bound, heads: Heads) => (ref: string) => boolean

/** Refs that are neither equal on both sides nor shown as a conflict of just these heads. */
async function unsettledRefs(
  chaos: Pick<Chaos, 'daemon' | 'heads'>,
  bound: Bound,
  mayDiffer: MayDiffer,
): Promise<readonly string[]> {
  const conflicts = await openConflicts(chaos, bound)
  const heads = {
    internal: await chaos.heads(bound, 'internal'),
    external: await chaos.heads(bound, 'external'),
  }
  const { internal, external } = heads
  const isMeant = mayDiffer(bound, heads)
  const refs = new Set([...internal.keys(), ...external.keys(), ...conflicts.map(({ ref }) => ref)])
  return [...refs].filter((ref) => {
    const [inside, outside] = [internal.get(ref) ?? null, external.get(ref) ?? null]
    const conflict = conflicts.find((one) => one.ref === ref)
    if (conflict !== undefined) return conflict.internal.sha !== inside || conflict.external.sha !== outside
    return inside !== outside && !isMeant(ref)
  })
}

// Retries within seconds, servers that are left alone, comparisons, and bindings that are tried once an hour.
const JUMPS = [5, 10, 20, 40, 60, 120, 300, 600, 1200, 2400, 3600, 3600, 3600].map(
  (seconds) => seconds * SECOND,
)

/** Moves time on until every ref of the bindings is settled; throws what is not, when that never happens. */
export async function comeToRest(
  chaos: Chaos,
  bounds: readonly Bound[],
  mayDiffer: MayDiffer = () => () => false,
): Promise<void> {
  let unsettled: readonly string[] = []
  for (const jumpMs of [0, ...JUMPS]) {
    if (jumpMs > 0) await chaos.jump(jumpMs)
    await nothingRuns(chaos)
    const found = await Promise.all(
      bounds.map(async (bound) => {
        const refs = await unsettledRefs(chaos, bound, mayDiffer)
        return refs.map((ref) => `${bound.name} ${ref}`)
      }),
    )
    unsettled = found.flat()
    if (unsettled.length === 0) return
  }
  throw new Error(`never came to rest: ${unsettled.join(', ')}`)
}

// What is due begins at once, unless its server is left alone.
const CALM_MS = 20
const PARKED_MS = 300

/** Resolves when nothing runs and nothing is about to. */
export async function nothingRuns(chaos: Pick<Chaos, 'daemon'>): Promise<void> {
  let calmSince: number | undefined
  await until(async () => {
    const { body } = await chaos.daemon().call('GET', '/api/v1/runs?page_size=100')
    const states = Newest.parse(body).data.items.map(({ status }) => status)
    const now = performance.now()
    calmSince = states.includes('running') ? undefined : (calmSince ?? now)
    const enough = states.includes('queued') ? PARKED_MS : CALM_MS
    return calmSince !== undefined && now - calmSince >= enough ? { value: undefined } : undefined
  })
}

const Newest = z.object({ data: z.object({ items: z.array(z.object({ status: z.string() })) }) })
