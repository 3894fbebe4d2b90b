import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Side } from '../../src/binding/binding.ts'
import { otherSide } from '../../src/binding/binding.ts'
import { DEFAULT_RULES, placeRef, readRules, takesEverything } from '../../src/binding/rules.ts'
import type { Rules } from '../../src/binding/rules.ts'
import { checkRules } from '../../src/binding/rules-check.ts'
import { DomainError } from '../../src/domain-error.ts'
import { toRefName } from '../../src/git/refs.ts'
import type { RefName } from '../../src/git/refs.ts'

describe('the rules of a binding', () => {
  test('by default everything travels under its own name', () => {
    const placed = ['refs/heads/main', 'refs/tags/v1'].map((name) =>
      placeRef(DEFAULT_RULES, 'internal', ref(name)),
    )

    expect(placed).toEqual([pair('refs/heads/main'), pair('refs/tags/v1')])
    expect(takesEverything(DEFAULT_RULES)).toBe(true)
    expect(readRules('{}')).toEqual(DEFAULT_RULES)
  })

  test.each([
    ['refs/heads/main', { include: ['release/*'] }, 'include'],
    ['refs/heads/release/1', { include: ['release/*'] }, undefined],
    ['refs/heads/release/1-wip', { include: ['release/*'], exclude: ['*-wip'] }, 'exclude'],
    // What names branches only says nothing about tags, and the other way round.
    ['refs/tags/v1', { include: ['release/*'] }, undefined],
    ['refs/tags/v1', { include: ['refs/tags/v2*'] }, 'include'],
    ['refs/heads/main', { include: ['refs/tags/v2*'] }, undefined],
    ['refs/tags/nightly', { exclude: ['refs/tags/night*'] }, 'exclude'],
    ['refs/tags/v1', { tagPolicy: 'off' }, 'tags'],
  ] as const)('%s under %j is left out by %s', (name, changes, expected) => {
    const placed = placeRef({ ...DEFAULT_RULES, ...changes }, 'internal', ref(name))

    expect(placed).toEqual(expected ?? pair(name))
  })

  test('names change on the way, in both directions', () => {
    const rules = withRename(
      { internal: 'main', external: 'upstream' },
      { internal: 'release/*', external: 'vendor/*/stable' },
      { internal: 'refs/tags/v*', external: 'refs/tags/inner-v*' },
    )

    const outward = ['refs/heads/main', 'refs/heads/release/1/2', 'refs/tags/v3'].map((name) =>
      placeRef(rules, 'internal', ref(name)),
    )
    const inward = ['refs/heads/upstream', 'refs/heads/vendor/1/2/stable', 'refs/tags/inner-v3'].map((name) =>
      placeRef(rules, 'external', ref(name)),
    )

    expect(outward).toEqual([
      pair('refs/heads/main', 'refs/heads/upstream'),
      pair('refs/heads/release/1/2', 'refs/heads/vendor/1/2/stable'),
      pair('refs/tags/v3', 'refs/tags/inner-v3'),
    ])
    expect(inward).toEqual(outward)
  })

  test('a ref whose name another one takes on the other side stays at home', () => {
    const rules = withRename({ internal: 'main', external: 'upstream' })

    const placed = [
      placeRef(rules, 'internal', ref('refs/heads/upstream')),
      placeRef(rules, 'external', ref('refs/heads/main')),
    ]

    expect(placed).toEqual(['rename', 'rename'])
  })

  test('include and exclude speak of internal names', () => {
    const rules = { ...withRename({ internal: 'release/*', external: 'vendor/*' }), include: ['release/*'] }

    const placed = [
      placeRef(rules, 'external', ref('refs/heads/vendor/1')),
      placeRef(rules, 'external', ref('refs/heads/release/1')),
    ]

    expect(placed).toEqual([pair('refs/heads/release/1', 'refs/heads/vendor/1'), 'rename'])
  })

  test('whatever the rules are, two refs never meet in one, and the way back is the way there', () => {
    fc.assert(
      fc.property(anyRules(), fc.uniqueArray(anyName(), { minLength: 1 }), (rules, names) => {
        for (const side of ['internal', 'external'] as const) {
          const placed = names
            .map((name) => placeRef(rules, side, name))
            .filter((found) => typeof found !== 'string')
          const other: Side = otherSide(side)

          expect(new Set(placed.map((found) => found[other])).size).toBe(placed.length)
          for (const found of placed) expect(placeRef(rules, other, found[other])).toEqual(found)
        }
      }),
      { numRuns: 1000 },
    )
  })
})

describe('rules that cannot be used are refused', () => {
  test.each([
    [{ include: ['a b'] }],
    [{ include: [''] }],
    [{ exclude: ['-x..y'] }],
    [{ include: ['tags/v1'] }],
    [{ include: ['refs/pull/*'] }],
    [{ include: Array.from({ length: 101 }, (_, number) => `b${number}`) }],
    [{ include: ['x'.repeat(300)] }],
    [{ rename: [{ internal: 'a*', external: 'b' }] }],
    [{ rename: [{ internal: 'a*b*', external: 'c*d*' }] }],
    [{ rename: [{ internal: 'main', external: 'refs/tags/main' }] }],
    [{ rename: [{ internal: 'ma?n', external: 'main' }] }],
    [{ rename: [{ internal: 'main\u001b[2J', external: 'main' }] }],
  ] as const)('%j', (changes) => {
    const check = (): void => checkRules({ ...DEFAULT_RULES, ...changes }, 'to_outer')

    expect(check).toThrow(DomainError)
    expect(check).toThrow(/^rules: /)
    expect(check).not.toThrow(/\u001b/)
  })

  test('to mirror deletions a binding needs a source', () => {
    const rules = { ...DEFAULT_RULES, deletePolicy: 'mirror' } as const

    expect(() => checkRules(rules, 'both')).toThrow(/two-way/)
    expect(() => checkRules(rules, 'to_inter')).not.toThrow()
  })
})

function ref(text: string): RefName {
  const name = toRefName(text)
  if (name === undefined) throw new Error(text)
  return name
}

function pair(internal: string, external = internal) {
  return { internal: ref(internal), external: ref(external) }
}

function withRename(...rename: Rules['rename']): Rules {
  return { ...DEFAULT_RULES, rename }
}

function anyName(): fc.Arbitrary<RefName> {
  const part = fc.constantFrom('a', 'b', 'a/b', 'b/a', 'ab', 'aa/b')
  return fc.tuple(fc.constantFrom('heads', 'tags'), part).map(([kind, name]) => ref(`refs/${kind}/${name}`))
}

function anyRules(): fc.Arbitrary<Rules> {
  const pattern = fc.constantFrom('a', 'b', 'ab', 'a/*', 'b/*', '*', 'a*', '*b')
  const rename = fc
    .tuple(pattern, pattern)
    .filter(([internal, external]) => internal.includes('*') === external.includes('*'))
    .map(([internal, external]) => ({ internal, external }))
  return fc
    .record({
      include: fc.array(pattern, { maxLength: 2 }),
      exclude: fc.array(pattern, { maxLength: 2 }),
      rename: fc.array(rename, { maxLength: 3 }),
      tagPolicy: fc.constantFrom('new-only', 'follow', 'off'),
    })
    .map((drawn) => ({ ...DEFAULT_RULES, ...drawn }))
}
