import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { otherSide } from '../../src/binding/binding.ts'
import type { Direction, Side } from '../../src/binding/binding.ts'
import { isTagRef, toRefName, toSha } from '../../src/git/refs.ts'
import type { RefName, Sha } from '../../src/git/refs.ts'
import { isForced, mayBeUnrelated, planSync } from '../../src/sync/plan.ts'
import type { PlanInput, PlannedRef } from '../../src/sync/plan.ts'

describe('comparing both sides', () => {
  test('equal heads need nothing', () => {
    const input = plan({ internal: { main: 1 }, external: { main: 1 } })

    const planned = planSync(input)

    expect(planned).toEqual([{ kind: 'equal', pair: pair('main'), sha: sha(1) }])
  })

  test('a one-way sync sends what the source has and the target lacks', () => {
    const input = plan({ internal: { main: 2, dev: 3 }, external: { main: 1 } })

    const planned = planSync(input)

    expect(planned).toEqual([
      { kind: 'send', pair: pair('main'), from: 'internal', before: sha(1), mayForce: false },
      { kind: 'send', pair: pair('dev'), from: 'internal', before: null, mayForce: false },
    ])
  })

  test('a one-way sync leaves alone what only the target has', () => {
    const input = plan({ internal: { main: 1 }, external: { main: 1, theirs: 7 } })

    const planned = planSync(input)

    expect(planned.map((entry) => entry.pair.internal)).toEqual([ref('main')])
  })

  test('a one-way sync creates again what the target lost', () => {
    const input = plan({ internal: { main: 1 }, external: {}, agreed: { main: 1 } })

    const planned = planSync(input)

    expect(planned).toMatchObject([{ kind: 'send', from: 'internal', before: null }])
  })

  test('an empty source asks for nothing and deletes nothing', () => {
    const input = plan({ internal: {}, external: { main: 1, dev: 2 } })

    const planned = planSync(input)

    expect(planned).toEqual([])
  })

  test('a branch that the source deleted is kept on the target and said so', () => {
    const input = plan({ internal: {}, external: { main: 1 }, agreed: { main: 1 } })

    const planned = planSync(input)

    expect(planned).toEqual([
      { kind: 'missing', pair: pair('main'), on: 'internal', held: sha(1), wasAgreed: true },
    ])
  })

  test('a named branch that nobody has is missing at the source', () => {
    const input = plan({ direction: 'to_inter', scope: [pair('main')], internal: {}, external: {} })

    const planned = planSync(input)

    expect(planned).toEqual([
      { kind: 'missing', pair: pair('main'), on: 'external', held: null, wasAgreed: false },
    ])
  })

  test('a moved tag is never sent', () => {
    const input = plan({ internal: { 'tags/v1': 2 }, external: { 'tags/v1': 1 }, agreed: { 'tags/v1': 1 } })

    const planned = planSync(input)

    expect(planned).toMatchObject([
      { kind: 'tag_moved', from: 'internal', before: sha(1), after: sha(2), mayForce: false },
    ])
  })

  test('a branch pair with different names is compared across the names', () => {
    const mapped = { internal: ref('main'), external: ref('mirror/main') }
    const input = plan({ scope: [mapped], internal: { main: 2 }, external: { 'mirror/main': 1, main: 9 } })

    const planned = planSync(input)

    expect(planned).toEqual([
      { kind: 'send', pair: mapped, from: 'internal', before: sha(1), mayForce: false },
    ])
  })
})

describe('comparing both sides with what they agreed on', () => {
  test.each([
    { moved: 'internal' as const, internal: 2, external: 1 },
    { moved: 'external' as const, internal: 1, external: 2 },
  ])('the side that moved is followed: $moved', ({ moved, internal, external }) => {
    const input = plan({
      direction: 'both',
      internal: { main: internal },
      external: { main: external },
      agreed: { main: 1 },
    })

    const planned = planSync(input)

    expect(planned).toMatchObject([{ kind: 'send', from: moved, before: sha(1) }])
  })

  test.each([{ agreed: { main: 1 } }, { agreed: {} }])(
    'history has to tell when no side stayed',
    ({ agreed }) => {
      const input = plan({ direction: 'both', internal: { main: 2 }, external: { main: 3 }, agreed })

      const planned = planSync(input)

      expect(planned).toEqual([{ kind: 'diverged', pair: pair('main'), internal: sha(2), external: sha(3) }])
    },
  )

  test('a branch that is new on one side is created on the other', () => {
    const input = plan({ direction: 'both', internal: { a: 1 }, external: { b: 2 } })

    const planned = planSync(input)

    expect(planned).toMatchObject([
      { kind: 'send', pair: pair('a'), from: 'internal', before: null },
      { kind: 'send', pair: pair('b'), from: 'external', before: null },
    ])
  })

  test('a branch that was equal once and is gone on one side is kept on the other', () => {
    const input = plan({ direction: 'both', internal: { main: 1 }, external: {}, agreed: { main: 1 } })

    const planned = planSync(input)

    expect(planned).toEqual([
      { kind: 'missing', pair: pair('main'), on: 'external', held: sha(1), wasAgreed: true },
    ])
  })

  test('nobody can force two ways at once', () => {
    const request = { direction: 'both' as const, force: 'all' as const }

    const forced = isForced(request, pair('main'))

    expect(forced).toBe(false)
  })
})

describe('repositories that may have nothing to do with each other', () => {
  test('no common head and no common past is suspicious', () => {
    const input = plan({ internal: { main: 1 }, external: { master: 2 } })

    const suspicious = mayBeUnrelated(input)

    expect(suspicious).toBe(true)
  })

  test.each([
    { why: 'an empty side', change: { external: {} } },
    { why: 'one common head', change: { external: { main: 2, old: 1 } } },
    { why: 'an agreed head', change: { agreed: { main: 5 } } },
    { why: 'a person who allowed force', change: { force: 'all' as const } },
  ])('$why ends the suspicion', ({ change }) => {
    const input = plan({ internal: { main: 1 }, external: { main: 2 }, ...change })

    const suspicious = mayBeUnrelated(input)

    expect(suspicious).toBe(false)
  })
})

describe('any plan, carried out as plain pushes', () => {
  test('loses no commit, deletes no ref and has nothing left to do', () => {
    fc.assert(
      fc.property(worlds(), ({ input, isAncestor }) => {
        const after = carryOut(input, isAncestor)
        const again = carryOut(after, isAncestor)

        for (const side of ['internal', 'external'] as const) {
          for (const [name, head] of input.refs[side]) {
            const now = after.refs[side].get(name)
            expect(now !== undefined && isAncestor(head, now)).toBe(true)
            if (isTagRef(name)) expect(now).toBe(head)
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
          if (!('mayForce' in entry) || !entry.mayForce) continue
          expect(force).toContain(entry.pair.internal)
          expect(input.direction).not.toBe('both')
        }
      }),
    )
  })
})

type Heads = Readonly<Record<string, number>>

function plan(world: {
  readonly direction?: Direction
  readonly scope?: PlanInput['scope']
  readonly force?: PlanInput['force']
  readonly internal: Heads
  readonly external: Heads
  readonly agreed?: Heads
}): PlanInput {
  return {
    direction: world.direction ?? 'to_outer',
    scope: world.scope ?? 'all',
    force: world.force ?? 'none',
    agreed: listing(world.agreed ?? {}),
    refs: { internal: listing(world.internal), external: listing(world.external) },
  }
}

function listing(heads: Heads): ReadonlyMap<RefName, Sha> {
  return new Map(Object.entries(heads).map(([name, commit]) => [ref(name), sha(commit)]))
}

function ref(name: string): RefName {
  const full = toRefName(name.startsWith('tags/') ? `refs/${name}` : `refs/heads/${name}`)
  if (full === undefined) throw new Error(`${name} is no ref`)
  return full
}

function pair(name: string): { readonly internal: RefName; readonly external: RefName } {
  return { internal: ref(name), external: ref(name) }
}

function sha(commit: number): Sha {
  const oid = toSha((commit + 1).toString(16).padStart(40, '0'))
  if (oid === undefined) throw new Error(`${commit} is no commit`)
  return oid
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
