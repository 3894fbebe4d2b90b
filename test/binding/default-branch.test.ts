import { expect, test } from 'vitest'
import { judgeDefaults } from '../../src/binding/default-branch.ts'
import type { DefaultBranches, EqualDefaults } from '../../src/binding/default-branch.ts'
import { DEFAULT_RULES } from '../../src/binding/rules.ts'
import type { Rules } from '../../src/binding/rules.ts'
import type { Direction } from '../../src/binding/binding.ts'
import { toRefName } from '../../src/git/refs.ts'
import type { RefName } from '../../src/git/refs.ts'

function ref(branch: string): RefName {
  const name = toRefName(`refs/heads/${branch}`)
  if (name === undefined) throw new Error(`${branch} is no branch`)
  return name
}

type Case = readonly [
  direction: Direction,
  shown: readonly [internal: string | null, external: string | null],
  agreed: readonly [internal: string, external: string] | null,
  look: unknown,
  rules?: Partial<Rules>,
]

const RENAME: Partial<Rules> = { rename: [{ internal: '*', external: 'vendor/*' }] }
const EXCLUDE: Partial<Rules> = { exclude: ['develop'] }
const equal = { kind: 'equal' }
const unknown = { kind: 'unknown' }
const undecided = { kind: 'undecided' }
const outer = (branch: string) => ({ kind: 'differs', target: 'external', wanted: ref(branch) })
const inner = (branch: string) => ({ kind: 'differs', target: 'internal', wanted: ref(branch) })

const cases: readonly Case[] = [
  ['to_outer', ['main', 'main'], null, equal],
  ['to_outer', ['develop', 'main'], null, outer('develop')],
  ['to_outer', ['develop', 'main'], ['develop', 'develop'], outer('develop')],
  ['to_inter', ['main', 'develop'], null, inner('develop')],
  ['to_outer', [null, 'main'], null, unknown],
  ['to_outer', ['main', null], null, outer('main')],
  ['to_outer', ['main', null], null, unknown, { defaultBranch: 'report' }],
  ['to_outer', ['develop', 'main'], null, outer('develop'), { defaultBranch: 'report' }],
  ['both', ['main', 'main'], null, equal],
  ['both', ['develop', 'main'], null, undecided],
  ['both', ['develop', 'main'], ['main', 'main'], outer('develop')],
  ['both', ['main', 'develop'], ['main', 'main'], inner('develop')],
  ['both', ['develop', 'trunk'], ['main', 'main'], undecided],
  ['both', ['develop', 'develop'], ['main', 'main'], equal],
  ['both', ['main', 'trunk'], ['main', 'trunk'], undecided],
  ['both', [null, 'main'], ['main', 'main'], unknown],
  ['both', ['main', null], null, unknown],
  ['to_outer', ['main', 'vendor/main'], null, equal, RENAME],
  ['to_outer', ['main', 'main'], null, outer('vendor/main'), RENAME],
  ['both', ['main', 'vendor/develop'], ['main', 'vendor/main'], inner('develop'), RENAME],
  // On the other side that is a name which nothing here has.
  ['both', ['main', 'develop'], ['main', 'vendor/main'], { kind: 'left_out', target: 'internal' }, RENAME],
  ['to_outer', ['develop', 'main'], null, { kind: 'left_out', target: 'external' }, EXCLUDE],
  ['to_outer', ['develop', 'main'], null, unknown, { ...EXCLUDE, defaultBranch: 'report' }],
  ['to_inter', ['develop', 'main'], null, inner('main'), EXCLUDE],
]

test.for(cases)('%s: %j after %j is %j', ([direction, shown, agreed, look, rules]) => {
  const binding = {
    direction,
    granularity: 'all',
    rules: { ...DEFAULT_RULES, defaultBranch: 'follow', ...rules },
  } as const

  const judged = judgeDefaults(binding, toSides(shown), agreed === null ? undefined : toEqual(agreed))

  expect(judged).toEqual(look)
})

test('single branches say nothing of the default one', () => {
  const binding = { direction: 'to_outer', granularity: 'one', rules: DEFAULT_RULES } as const

  const judged = judgeDefaults(binding, toSides(['develop', 'main']), undefined)

  expect(judged).toEqual(unknown)
})

function toSides([internal, external]: Case[1]): DefaultBranches {
  return {
    internal: internal === null ? null : ref(internal),
    external: external === null ? null : ref(external),
  }
}

function toEqual([internal, external]: NonNullable<Case[2]>): EqualDefaults {
  return { internal: ref(internal), external: ref(external) }
}
