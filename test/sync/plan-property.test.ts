import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Direction, Side } from '../../src/binding/binding.ts'
import { isTagRef } from '../../src/git/refs.ts'
import type { Sha } from '../../src/git/refs.ts'
import { planSync } from '../../src/sync/plan.ts'
import type { PlanInput, PlannedRef } from '../../src/sync/plan.ts'
import { holdMassChanges } from '../../src/sync/brake.ts'
import { otherSide, wayFrom } from '../../src/sync/sides.ts'
import { NOW, plan, ref, rules, sha } from './comparison.ts'
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

describe('any plan of a binding whose deletions travel', () => {
  test('deletes only what is certain, exactly as it was seen, and never a default branch', () => {
    fc.assert(
      fc.property(worlds(), deletions(), ({ input }, { policy, evidence, defaults, agreedOnly }) => {
        if (policy === 'mirror' && input.direction === 'both') return
        const planned = planSync({
          ...input,
          rules: rules({ deletePolicy: policy }),
          evidence,
          defaultBranches: defaults,
          agreed: agreedOnly ? new Map(input.refs.external) : input.agreed,
        })
        const agreed = agreedOnly ? input.refs.external : input.agreed

        for (const entry of planned) {
          if (entry.kind !== 'delete') continue
          const { pair, from, before } = entry
          const target = otherSide(from)
          const look = evidence.missing.get(pair.internal)
          const isReported = evidence.deleted.get(pair.internal) === from
          const isSeenTwice = look?.side === from && NOW - look.since >= evidence.secondLookAfterMs
          const head = defaults[from]

          expect(policy).not.toBe('never')
          expect(isReported || isSeenTwice).toBe(true)
          expect(input.refs[target].get(pair[target])).toBe(before)
          expect(input.refs[from].has(pair[from])).toBe(false)
          expect(head !== null && input.refs[from].has(head)).toBe(true)
          expect(defaults[target]).not.toBe(pair[target])
          expect(policy === 'mirror' || agreed.get(pair.internal) === before).toBe(true)
          expect(['both', wayFrom(from)]).toContain(input.direction)
        }
      }),
      { numRuns: 3000 },
    )
  })

  test('takes away little, or waits for a person', () => {
    const sizes = fc.record({ kept: fc.nat(60), gone: fc.nat(30) })

    fc.assert(
      fc.property(sizes, ({ kept, gone }) => {
        const names = (count: number, prefix: string): readonly string[] =>
          Array.from({ length: count }, (_, number) => `${prefix}${number}`)
        const entries = (all: readonly string[]): Heads => Object.fromEntries(all.map((name) => [name, 1]))
        const staying = ['main', ...names(kept, 'kept')]
        const leaving = names(gone, 'gone')
        const input = plan({
          internal: entries(staying),
          external: entries([...staying, ...leaving]),
          agreed: entries([...staying, ...leaving]),
          rules: { deletePolicy: 'tracked' },
          evidence: { deleted: new Map(leaving.map((name) => [ref(name), 'internal'])) },
        })

        const planned = holdMassChanges(planSync(input))

        const deleted = planned.filter(({ kind }) => kind === 'delete').length
        const held = planned.filter((entry) => entry.kind === 'undecided' && entry.why === 'held').length
        expect(deleted + held).toBe(gone)
        expect(Math.min(deleted, held)).toBe(0)
        const isMuch = gone > 10 || (gone > 2 && gone > 0.2 * (1 + kept + gone))
        expect(held > 0).toBe(isMuch)
      }),
    )
  })
})

function deletions() {
  const branch = fc.constantFrom(ref('a'), ref('b'), ref('c'), ref('tags/t'))
  const side = fc.constantFrom<Side>('internal', 'external')
  const head = fc.option(fc.constantFrom(ref('a'), ref('b')))
  const look = fc.record({ side, since: fc.constantFrom(NOW - 120_000, NOW - 30_000) })
  return fc.record({
    policy: fc.constantFrom('never', 'tracked', 'mirror'),
    agreedOnly: fc.boolean(),
    defaults: fc.record({ internal: head, external: head }),
    evidence: fc.record({
      secondLookAfterMs: fc.constant(60_000),
      deleted: fc.array(fc.tuple(branch, side)).map((entries) => new Map(entries)),
      missing: fc.array(fc.tuple(branch, look)).map((entries) => new Map(entries)),
    }),
  })
}

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
