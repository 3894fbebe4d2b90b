import type { Direction } from '../../src/binding/binding.ts'
import { DEFAULT_RULES, placeRef, takesEverything } from '../../src/binding/rules.ts'
import type { RefPair, Rules } from '../../src/binding/rules.ts'
import { toRefName, toSha } from '../../src/git/refs.ts'
import type { RefName, Sha } from '../../src/git/refs.ts'
import type { PlanInput } from '../../src/sync/plan.ts'
import type { Evidence, SyncRules } from '../../src/sync/sync.ts'

// What a plan is made from, written with small numbers for commits: `plan({ internal: { main: 2 }, external: { main: 1 } })`.

export type Heads = Readonly<Record<string, number>>

export function plan(world: {
  readonly direction?: Direction
  readonly scope?: PlanInput['scope']
  readonly force?: PlanInput['force']
  readonly internal: Heads
  readonly external: Heads
  readonly agreed?: Heads
  readonly rules?: Partial<Rules>
  readonly evidence?: Partial<Evidence>
  readonly decided?: PlanInput['decided']
  /** `main` on both sides unless said otherwise. */
  readonly defaultBranches?: PlanInput['defaultBranches']
}): PlanInput {
  return {
    direction: world.direction ?? 'to_outer',
    scope: world.scope ?? 'all',
    force: world.force ?? 'none',
    agreed: listing(world.agreed ?? {}),
    refs: { internal: listing(world.internal), external: listing(world.external) },
    rules: rules(world.rules),
    evidence: { ...NO_EVIDENCE, ...world.evidence },
    decided: world.decided ?? new Map(),
    defaultBranches: world.defaultBranches ?? { internal: ref('main'), external: ref('main') },
    now: NOW,
  }
}

export const NOW = Date.UTC(2026, 0, 31, 12)

export const NO_EVIDENCE: Evidence = { deleted: new Map(), missing: new Map(), secondLookAfterMs: 60_000 }

/** The rules of a binding as a sync takes them. */
export function rules(changes: Partial<Rules> = {}): SyncRules {
  const all = { ...DEFAULT_RULES, ...changes }
  return {
    pairOf: (side, name) => {
      const placed = placeRef(all, side, name)
      return typeof placed === 'string' ? undefined : placed
    },
    takesEverything: takesEverything(all),
    tagPolicy: all.tagPolicy,
    deletePolicy: all.deletePolicy,
  }
}

function listing(heads: Heads): ReadonlyMap<RefName, Sha> {
  return new Map(Object.entries(heads).map(([name, commit]) => [ref(name), sha(commit)]))
}

export function ref(name: string): RefName {
  const full = toRefName(name.startsWith('tags/') ? `refs/${name}` : `refs/heads/${name}`)
  if (full === undefined) throw new Error(`${name} is no ref`)
  return full
}

export function pair(internal: string, external = internal): RefPair {
  return { internal: ref(internal), external: ref(external) }
}

export function sha(commit: number): Sha {
  const oid = toSha((commit + 1).toString(16).padStart(40, '0'))
  if (oid === undefined) throw new Error(`${commit} is no commit`)
  return oid
}
