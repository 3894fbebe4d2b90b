import { describe, expect, test } from 'vitest'
import { isForced, mayBeUnrelated, planSync } from '../../src/sync/plan.ts'
import { pair, plan, ref, sha } from './comparison.ts'

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
      { kind: 'send', pair: pair('main'), from: 'internal', before: sha(1), after: sha(2) },
      { kind: 'send', pair: pair('dev'), from: 'internal', before: null, after: sha(3) },
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
      { kind: 'missing', pair: pair('main'), on: 'internal', held: sha(1), because: 'never' },
    ])
  })

  test('a branch that both sides have deleted is no longer what they agree on', () => {
    const agreed = { main: 1, topic: 2, 'wip/x': 3 }
    const input = plan({
      internal: { main: 1 },
      external: { main: 1 },
      agreed,
      rules: { exclude: ['wip/*'] },
    })

    const planned = planSync(input)

    expect(planned.filter(({ kind }) => kind !== 'equal')).toEqual([
      { kind: 'missing', pair: pair('topic'), on: 'internal', held: null, because: 'gone' },
    ])
  })

  test.each([
    ['shows no refs', { internal: {}, external: { main: 1 } }],
    ['hides its default branch', { internal: { dev: 3 }, external: { main: 1, dev: 3 } }],
  ])('what is agreed stays agreed while a side %s', (_, refs) => {
    const input = plan({ ...refs, agreed: { main: 1, dev: 3, topic: 2 } })

    const planned = planSync(input)

    expect(planned.map((entry) => entry.pair.internal)).not.toContain(ref('topic'))
  })

  test('a named branch that nobody has is missing at the source', () => {
    const input = plan({ direction: 'to_inter', scope: [pair('main')], internal: {}, external: {} })

    const planned = planSync(input)

    expect(planned).toEqual([
      { kind: 'missing', pair: pair('main'), on: 'external', held: null, because: 'unknown' },
    ])
  })

  test('a moved tag is never sent', () => {
    const input = plan({ internal: { 'tags/v1': 2 }, external: { 'tags/v1': 1 }, agreed: { 'tags/v1': 1 } })

    const planned = planSync(input)

    expect(planned).toMatchObject([{ kind: 'tag_moved', from: 'internal', before: sha(1), after: sha(2) }])
  })

  test('a branch pair with different names is compared across the names', () => {
    const mapped = { internal: ref('main'), external: ref('mirror/main') }
    const input = plan({ scope: [mapped], internal: { main: 2 }, external: { 'mirror/main': 1, main: 9 } })

    const planned = planSync(input)

    expect(planned).toEqual([{ kind: 'send', pair: mapped, from: 'internal', before: sha(1), after: sha(2) }])
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
      { kind: 'missing', pair: pair('main'), on: 'external', held: sha(1), because: 'never' },
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
