import type { Binding, Side } from '../binding/binding.ts'
import { judgeDefaults } from '../binding/default-branch.ts'
import type { DefaultBranchLook } from '../binding/default-branch.ts'
import { readDefaultBranches } from '../binding/default-branches.ts'
import type { FollowProblem } from '../binding/default-branches.ts'
import type { Database } from '../db/database.ts'
import { bothLanguages } from '../domain-error.ts'
import type { Text } from '../domain-error.ts'
import type { RefName } from '../git/refs.ts'
import type { Inspection } from '../sync/inspect.ts'

// How the default branches of a binding stand now, for a person who asks.

export type DefaultsStatus = {
  /** Null: a side shows none. */
  readonly areEqual: boolean | null
  /** Why a side that is to follow the other one does not. */
  readonly problem: DefaultsProblem | null
}

export type DefaultsProblem = FollowProblem & {
  /** The side that is to follow; null: nobody can say which. */
  readonly side: Side | null
  readonly wanted: RefName | null
  /** When the difference was first seen; null: it is new. */
  readonly since: number | null
  /** When the forge was asked last; null: it was not. */
  readonly triedAt: number | null
  readonly nextTryAt: number | null
}

export async function defaultsStatus(
  db: Database,
  binding: Binding,
  { sides, refs }: Inspection,
): Promise<DefaultsStatus> {
  const shown = { internal: sides.internal.defaultBranch, external: sides.external.defaultBranch }
  const { agreed, differing, tries } = await readDefaultBranches(db, binding.id)
  const look = judgeDefaults(binding, shown, agreed)
  const isShown = shown.internal !== null && shown.external !== null
  const areEqual = isShown ? isEqual(look, shown) : null
  if (binding.rules.defaultBranch !== 'follow') return { areEqual, problem: null }

  const isKnown = differing?.shown.internal === shown.internal && differing.shown.external === shown.external
  const common = {
    side: 'target' in look ? look.target : null,
    wanted: look.kind === 'differs' ? look.wanted : null,
    since: isKnown ? (differing?.since ?? null) : null,
    triedAt: null,
    nextTryAt: null,
  }
  switch (look.kind) {
    case 'unknown':
      return binding.granularity === 'one' && areEqual === false
        ? { areEqual, problem: { ...common, ...toProblem('single_branches') } }
        : { areEqual, problem: null }
    case 'equal':
      return { areEqual, problem: null }
    case 'undecided':
    case 'left_out':
      return { areEqual, problem: { ...common, ...toProblem(look.kind) } }
    case 'differs': {
      const held = refs.find(({ pair }) => pair[look.target] === look.wanted)
      if (held?.heads[look.target] === null) {
        return { areEqual, problem: { ...common, ...toProblem('branch_missing') } }
      }
      const last = tries[look.target]
      // The next look sees to it.
      if (last?.wanted !== look.wanted) return { areEqual, problem: null }
      const { triedAt, nextTryAt } = last
      if (last.problem === null && triedAt === null) return { areEqual, problem: null }
      const problem = last.problem ?? toProblem('waiting')
      return { areEqual, problem: { ...common, ...problem, triedAt, nextTryAt } }
    }
  }
}

// What does not travel has no partner that it could be compared with.
function isEqual(
  { kind }: DefaultBranchLook,
  { internal, external }: Readonly<Record<Side, RefName | null>>,
) {
  return kind === 'equal' || (kind !== 'differs' && kind !== 'undecided' && internal === external)
}

const TEXTS = {
  undecided: {
    detail: {
      zh: '两侧的默认分支不同，无法判断哪一侧应跟随另一侧',
      en: 'the default branches differ, and nothing tells which side is to follow the other',
    },
    hint: {
      zh: '请在平台上将两侧改为一致；此后某一侧改变时，另一侧会跟随',
      en: 'make them the same at the forges once; from then on a side follows when the other one changes',
    },
  },
  left_out: {
    detail: {
      zh: '源侧的默认分支不在同步范围内，目标侧无法跟随',
      en: 'the default branch of the source does not travel, so the target cannot follow',
    },
    hint: {
      zh: '请检查 include、exclude 与 rename，或将 default_branch 设为 report',
      en: 'see include, exclude and rename, or set default_branch to report',
    },
  },
  single_branches: {
    detail: {
      zh: '按分支粒度的绑定不会更改默认分支',
      en: 'a binding of single branches does not change the default branch',
    },
    hint: {
      zh: '请在平台上手动更改，或将 granularity 设为 all',
      en: 'change it at the forge by hand, or set granularity to all',
    },
  },
  waiting: {
    detail: {
      zh: '已要求平台更改默认分支，但平台仍显示另一个分支',
      en: 'the forge was asked for it, and still or again shows another branch',
    },
    hint: {
      zh: '之后会再次设置；如果有人有意改回，请将 default_branch 设为 report',
      en: 'it is asked again later; if somebody sets it back on purpose, set default_branch to report',
    },
  },
  branch_missing: {
    detail: { zh: '目标侧还没有该分支', en: 'the target does not have the branch yet' },
    hint: { zh: '请查看最近一次同步为何没有带去该分支', en: 'see why the last run has not carried it over' },
  },
} as const satisfies Record<string, { readonly detail: Text; readonly hint: Text }>

function toProblem(reason: keyof typeof TEXTS): FollowProblem {
  const { detail, hint } = TEXTS[reason]
  return { reason, detail: bothLanguages(detail), hint: bothLanguages(hint) }
}
