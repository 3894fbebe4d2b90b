import type { Text } from '../domain-error.ts'
import { DomainError } from '../domain-error.ts'

// What can be wrong with a request about a branch of a registered repository.

export function branchUnknown(name: string, remoteNames: readonly string[] = []): DomainError {
  const [remote] = remoteNames
  const hint = {
    zh: `可先以 base_branch=${remote ?? ''} 创建本地分支`,
    en: `create it from ${remote ?? ''} first (base_branch)`,
  }
  return new DomainError(
    'not_found',
    'branch_unknown',
    { zh: `没有本地分支“${name}”`, en: `there is no local branch "${name}"` },
    remote === undefined ? {} : { hint },
  )
}

export function baseUnknown(name: string): DomainError {
  return new DomainError(
    'not_found',
    'base_unknown',
    { zh: `没有可作为起点的分支“${name}”`, en: `there is no branch "${name}" to start from` },
    {
      hint: {
        zh: '请给出本地分支，或形如 origin/main 的远程分支',
        en: 'name a local branch, or a remote one such as origin/main',
      },
    },
  )
}

export function branchNameRefused(): DomainError {
  return new DomainError(
    'invalid',
    'branch_name',
    { zh: '分支名称不能使用', en: 'the name of the branch cannot be used' },
    { hint: { zh: '请使用有效的 git 分支名', en: 'use a name that git accepts for a branch' } },
  )
}

export function branchExists(name: string): DomainError {
  return new DomainError('already_exists', 'branch_exists', {
    zh: `分支“${name}”已存在`,
    en: `there is a branch "${name}" already`,
  })
}

export function branchInTheWay(name: string, ref: string): DomainError {
  const other = ref.replace('refs/heads/', '')
  return new DomainError(
    'conflict',
    'branch_in_the_way',
    {
      zh: `分支“${other}”已存在，无法再创建“${name}”`,
      en: `"${name}" cannot be made beside the branch "${other}": a name cannot also be a folder of names`,
    },
    { hint: { zh: '请更换名称', en: 'choose another name' } },
  )
}

export function noCommit(): DomainError {
  return new DomainError(
    'conflict',
    'repository_empty',
    { zh: '仓库还没有任何提交', en: 'the repository has no commit yet' },
    { hint: { zh: '请先提交，或给出 base_branch', en: 'commit something, or name a base_branch' } },
  )
}

export function branchCurrent(name: string): DomainError {
  return new DomainError(
    'conflict',
    'branch_current',
    { zh: `“${name}”是当前分支，不能删除`, en: `"${name}" is the current branch and cannot be deleted` },
    { hint: { zh: '请先切换到其他分支', en: 'switch to another branch first' } },
  )
}

export function branchInUse(name: string, folder: string): DomainError {
  return new DomainError('conflict', 'branch_in_use', {
    zh: `分支“${name}”正被工作树 ${folder} 使用`,
    en: `the work tree ${folder} uses the branch "${name}"`,
  })
}

export function branchUnmerged(name: string, into: string): DomainError {
  return new DomainError(
    'conflict',
    'branch_unmerged',
    {
      zh: `分支“${name}”有尚未合并到 ${into} 的提交`,
      en: `the branch "${name}" has commits that ${into} does not have`,
    },
    {
      hint: {
        zh: '确认删除请加 ?force=true；提交会保留在 refs/reposync/deleted/ 下',
        en: 'add ?force=true to delete it anyway; its commits stay below refs/reposync/deleted/',
      },
    },
  )
}

const SHOWN_FILES = 50

/** Names every file, up to a number that a person reads. */
export function filesRefused(kind: 'dirty' | 'in_the_way', files: readonly string[]): DomainError {
  const shown = files.slice(0, SHOWN_FILES).map((file) => file.replace(/\p{Cc}/gu, '?'))
  const rest = files.length > SHOWN_FILES ? ` … +${files.length - SHOWN_FILES}` : ''
  const list = `${shown.join(', ')}${rest}`
  const [reason, detail, hint]: readonly [string, Text, Text] =
    kind === 'dirty'
      ? [
          'work_tree_dirty',
          {
            zh: `有 ${files.length} 个文件未提交：${list}`,
            en: `${files.length} files have uncommitted changes: ${list}`,
          },
          { zh: '请先提交或还原这些文件', en: 'commit or restore them first' },
        ]
      : [
          'files_in_the_way',
          {
            zh: `有 ${files.length} 个未跟踪的文件会被覆盖：${list}`,
            en: `${files.length} files that git does not know would be overwritten: ${list}`,
          },
          { zh: '请先移走或提交这些文件', en: 'move them away or commit them first' },
        ]
  return new DomainError('conflict', reason, detail, { hint })
}

const SWITCH_PROBLEMS = {
  sparse: {
    zh: '不支持稀疏检出的仓库',
    en: 'the work tree is a sparse one, which this service does not switch',
  },
  work_tree_elsewhere: {
    zh: '该仓库的工作树在其他目录（core.worktree）',
    en: 'the work tree of the repository is another folder (core.worktree)',
  },
  unreadable: { zh: '无法读取当前分支', en: 'the current branch cannot be read' },
} as const

export function switchRefused(problem: keyof typeof SWITCH_PROBLEMS): DomainError {
  return new DomainError('conflict', `switch_${problem}`, SWITCH_PROBLEMS[problem])
}

export function workUnfinished(work: string): DomainError {
  return new DomainError(
    'conflict',
    'work_unfinished',
    { zh: `仓库中有未完成的操作：${work}`, en: `a ${work} is under way in the repository` },
    { hint: { zh: '请先完成或中止该操作', en: 'finish or abort it first' } },
  )
}
