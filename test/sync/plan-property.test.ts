import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Direction, Side } from '../../src/binding/binding.ts'
import { isTagRef } from '../../src/git/refs.ts'
import type { Sha } from '../../src/git/refs.ts'
import { planSync } from '../../src/sync/plan.ts'
import type { PlanInput, PlannedRef } from '../../src/sync/plan.ts'
import { otherSide } from '../../src/sync/sides.ts'
import { plan, ref, sha } from './comparison.ts'
import type { Heads } from './comparison.ts'

describe('any plan, carried out as plain pushes', () => {
  test('loses no commit, deletes no ref and has nothing left to do', () => {
    fc.assert(
      fc.property(worlds(), ({ input, isAncestor }) => {
        const after = carryOut(input, isAncestor)
        const again = carryOut(after, isAncestor)

        for (const side of ['internal', 'external'] as const) {
          for (const [name, head] of input.refs[side]) {
            const now = after.refs[side].get(name)
            expect(now !== undefined && (isTagRef(name) ? now === head : isAncestor(head, now))).toBe(true)
          }
        }
        expect(again.refs).toEqual(after.refs)
      }),
      { numRuns: 2000 },
    )
  })

  test('offers force only where a person allowed it', () => {
    fc.assert(
      fc.property(worlds(), fc.subarray([ref('a'), ref('b'), ref('tags/t')]), ({ input }, force) => {
        const planned = planSync({ ...input, force })

        for (const entry of planned) {
          if (!('allowed' in entry) || entry.allowed === undefined) continue
          expect(force).toContain(entry.pair.internal)
          expect(input.direction).not.toBe('both')
        }
      }),
    )
  })
})

type IsAncestor = (older: Sha, newer: Sha) => boolean

/** A history of up to eight commits, and heads that point anywhere into it. */
function worlds(): fc.Arbitrary<{ readonly input: PlanInput; readonly isAncestor: IsAncestor }> {
  const parents = fc.array(fc.array(fc.nat(7), { maxLength: 2 }), { minLength: 1, maxLength: 8 })
  const heads = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'tags/t'), fc.nat(7), { maxKeys: 4 })
  const direction = fc.constantFrom<Direction>('to_outer', 'to_inter', 'both')
  return fc.record({ parents, internal: heads, external: heads, agreed: heads, direction }).map((drawn) => {
    const clip = (world: Heads): Heads =>
      Object.fromEntries(Object.entries(world).map(([name, head]) => [name, head % drawn.parents.length]))
    const input = plan({
      direction: drawn.direction,
      internal: clip(drawn.internal),
      external: clip(drawn.external),
      agreed: clip(drawn.agreed),
    })
    return { input, isAncestor: ancestry(drawn.parents) }
  })
}

function ancestry(parents: readonly (readonly number[])[]): IsAncestor {
  // A parent is always older than its child, so one pass in order of birth sees all ancestors.
  const past: Set<Sha>[] = []
  for (const [commit, own] of parents.entries()) {
    const older = own.filter((parent) => parent < commit).flatMap((parent) => [...(past[parent] ?? [])])
    past.push(new Set([sha(commit), ...older]))
  }
  return (older, newer) => past[parents.findIndex((_, commit) => sha(commit) === newer)]?.has(older) === true
}

/** What servers that accept fast-forwards only make of a plan. */
function carryOut(input: PlanInput, isAncestor: IsAncestor): PlanInput {
  const refs = { internal: new Map(input.refs.internal), external: new Map(input.refs.external) }
  const agreed = new Map(input.agreed)
  for (const entry of planSync(input)) {
    if (entry.kind === 'equal') agreed.set(entry.pair.internal, entry.sha)
    for (const from of offers(entry)) {
      const head = refs[from].get(entry.pair[from])
      const held = refs[otherSide(from)].get(entry.pair[otherSide(from)])
      if (head === undefined || (held !== undefined && !isAncestor(held, head))) continue
      refs[otherSide(from)].set(entry.pair[otherSide(from)], head)
      agreed.set(entry.pair.internal, head)
    }
  }
  return { ...input, refs, agreed }
}

function offers(entry: PlannedRef): readonly Side[] {
  if (entry.kind === 'send') return [entry.from]
  return entry.kind === 'diverged' ? ['internal', 'external'] : []
}
