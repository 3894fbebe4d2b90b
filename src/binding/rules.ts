import { z } from 'zod'
import { matchesGlob } from '../glob.ts'
import { isTagRef, toRefName } from '../git/refs.ts'
import type { RefName } from '../git/refs.ts'
import { otherSide } from './binding.ts'
import type { Side } from './binding.ts'

// Which refs of a whole repository travel, under which names, and what may happen to them on the way.
// Pure; branch bindings name their pairs themselves, so for them only the policies count.

export const TAG_POLICIES = ['new-only', 'follow', 'off'] as const
export const DELETE_POLICIES = ['never', 'tracked', 'mirror'] as const
export const DEFAULT_BRANCH_POLICIES = ['report', 'follow'] as const

/** `new-only`: a moved tag is a conflict; `follow`: the target's tag is moved too; `off`: tags stay at home. */
export type TagPolicy = (typeof TAG_POLICIES)[number]
/** `tracked`: only refs that both sides once had equal; `mirror`: whatever the source of a one-way binding lacks. */
export type DeletePolicy = (typeof DELETE_POLICIES)[number]
/** Whether the default branch of the target is only compared with the source's, or set to it at the forge. */
export type DefaultBranchPolicy = (typeof DEFAULT_BRANCH_POLICIES)[number]

/** Names on both sides; one `*` on each stands for the same text. */
export type Rename = Readonly<Record<Side, string>>

export type Rules = {
  /**
   * Globs for branches by their internal short name (`release/*`), or for tags (`refs/tags/v*`). Of a kind that
   * no include names, everything travels; what an exclude names never does.
   */
  readonly include: readonly string[]
  readonly exclude: readonly string[]
  /** The first that fits decides. */
  readonly rename: readonly Rename[]
  readonly tagPolicy: TagPolicy
  readonly deletePolicy: DeletePolicy
  readonly defaultBranch: DefaultBranchPolicy
  /** Carry LFS objects along. */
  readonly lfs: boolean
}

export type RefPair = Readonly<Record<Side, RefName>>

/** Why a ref does not travel. */
export type LeftOut = 'include' | 'exclude' | 'rename' | 'tags'

export const DEFAULT_RULES: Rules = {
  include: [],
  exclude: [],
  rename: [],
  tagPolicy: 'new-only',
  deletePolicy: 'never',
  defaultBranch: 'report',
  lfs: false,
}

const StoredRules = z.object({
  include: z.array(z.string()).default([]),
  exclude: z.array(z.string()).default([]),
  rename: z.array(z.object({ internal: z.string(), external: z.string() })).default([]),
  tagPolicy: z.enum(TAG_POLICIES).default('new-only'),
  deletePolicy: z.enum(DELETE_POLICIES).default('never'),
  defaultBranch: z.enum(DEFAULT_BRANCH_POLICIES).default('report'),
  lfs: z.boolean().default(false),
})

/** From the text of the database. */
export function readRules(text: string): Rules {
  return StoredRules.parse(JSON.parse(text))
}

/** The two names of a ref that is found on one side, or why it does not travel. */
export function placeRef(rules: Rules, side: Side, ref: RefName): RefPair | LeftOut {
  if (rules.tagPolicy === 'off' && isTagRef(ref)) return 'tags'
  const other = otherName(rules, side, ref)
  // Another ref of this side has that name over there: two refs must not meet in one.
  if (other === undefined || otherName(rules, otherSide(side), other) !== ref) return 'rename'
  const pair: RefPair =
    side === 'internal' ? { internal: ref, external: other } : { internal: other, external: ref }
  return leftOut(rules, pair.internal) ?? pair
}

/** Whether every branch and tag travels under its own name. */
export function takesEverything(rules: Rules): boolean {
  const { include, exclude, rename, tagPolicy } = rules
  return include.length === 0 && exclude.length === 0 && rename.length === 0 && tagPolicy !== 'off'
}

/** Whether both name the same pairs, so that what was agreed under the one holds under the other. */
export function pairsAlike(one: Rules, other: Rules): boolean {
  return JSON.stringify(one.rename) === JSON.stringify(other.rename)
}

function leftOut({ include, exclude }: Rules, ref: RefName): LeftOut | undefined {
  const matches = (glob: string): boolean => matchesGlob(fullName(glob), ref)
  if (exclude.some(matches)) return 'exclude'
  const ofKind = include.filter((glob) => isTagGlob(glob) === isTagRef(ref))
  return ofKind.length === 0 || ofKind.some(matches) ? undefined : 'include'
}

function otherName({ rename }: Rules, side: Side, ref: RefName): RefName | undefined {
  for (const rule of rename) {
    const middle = middleOf(fullName(rule[side]), ref)
    if (middle !== undefined) return toRefName(fullName(rule[otherSide(side)]).replace('*', () => middle))
  }
  return ref
}

/** What the star stands for; empty where the pattern has none and is the ref itself. */
function middleOf(pattern: string, ref: RefName): string | undefined {
  const star = pattern.indexOf('*')
  if (star < 0) return pattern === ref ? '' : undefined
  const [head, tail] = [pattern.slice(0, star), pattern.slice(star + 1)]
  const fits = ref.startsWith(head) && ref.endsWith(tail) && ref.length >= head.length + tail.length
  return fits ? ref.slice(head.length, ref.length - tail.length) : undefined
}

function isTagGlob(glob: string): boolean {
  return glob.startsWith('refs/tags/')
}

function fullName(pattern: string): string {
  return pattern.startsWith('refs/') ? pattern : `refs/heads/${pattern}`
}
