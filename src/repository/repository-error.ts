import type { Text } from '../domain-error.ts'
import { DomainError } from '../domain-error.ts'
import type { GitFailure } from '../git/git-error.ts'
import type { RepositoryProblem, RepositoryState } from './repository.ts'

// What can be wrong with a request about registered repositories and their branches.

export function repositoryUnknown(id: number): DomainError {
  return new DomainError('not_found', 'repository_unknown', {
    zh: `没有 ID 为 ${id} 的仓库`,
    en: `there is no repository with the id ${id}`,
  })
}

export function repositoryExists(what: 'name' | 'path', of: string): DomainError {
  return new DomainError(
    'already_exists',
    'repository_exists',
    what === 'name'
      ? { zh: `已有名为“${of}”的仓库`, en: `a repository named "${of}" is registered already` }
      : { zh: `该路径已登记为仓库“${of}”`, en: `this folder is registered already, as "${of}"` },
  )
}

export function repositoryNameRefused(): DomainError {
  return new DomainError(
    'invalid',
    'repository_name',
    { zh: '仓库名称不能使用', en: 'the name of the repository cannot be used' },
    {
      hint: {
        zh: '1 到 200 个可见字符，首尾不能是空格',
        en: 'use 1 to 200 printable characters without a space at either end',
      },
    },
  )
}

export function pathRefused(): DomainError {
  return new DomainError(
    'invalid',
    'repository_path',
    { zh: '路径不能使用', en: 'the path cannot be used' },
    { hint: { zh: '请给出本机上的绝对路径', en: 'give an absolute path on this machine' } },
  )
}

export function repositoryInUse(tasks: readonly string[]): DomainError {
  return new DomainError(
    'conflict',
    'repository_in_use',
    {
      zh: `仓库正被同步任务使用：${tasks.join('、')}`,
      en: `sync tasks use the repository: ${tasks.join(', ')}`,
    },
    { hint: { zh: '请先删除这些任务', en: 'delete these tasks first' } },
  )
}

export function repositoryBusy(): DomainError {
  return new DomainError(
    'conflict',
    'repository_busy',
    { zh: '仓库正在被使用', en: 'something else works on the repository right now' },
    { hint: { zh: '请稍后重试', en: 'try again in a moment' } },
  )
}

const PROBLEMS: Readonly<Record<RepositoryProblem, readonly [Text, Text]>> = {
  no_roots: [
    { zh: '不允许登记本地仓库', en: 'no local repository may be registered' },
    { zh: '请设置 REPO_ROOTS，或开启访问控制', en: 'set REPO_ROOTS, or switch access control on' },
  ],
  outside_roots: [
    { zh: '仓库不在允许的目录内', en: 'the repository is not inside a folder that is allowed' },
    { zh: '允许的目录由 REPO_ROOTS 设置', en: 'REPO_ROOTS lists the folders; links are followed first' },
  ],
  own_folder: [
    { zh: '该目录属于本服务', en: 'the folder belongs to this service' },
    { zh: '请登记自己的仓库', en: 'register a repository of your own' },
  ],
  missing: [
    { zh: '目录不存在', en: 'there is no such folder' },
    { zh: '请检查路径', en: 'check the path, and that this service may look into it' },
  ],
  not_git: [
    { zh: '该目录不是 git 仓库', en: 'the folder is not a git repository' },
    { zh: '请先运行 git init 或 git clone', en: 'run git init or git clone there first' },
  ],
  not_top: [
    { zh: '该目录在仓库内部', en: 'the folder is inside of a repository' },
    { zh: '请登记仓库的顶层目录', en: 'register the top folder of the repository' },
  ],
  foreign_owner: [
    {
      zh: '仓库不属于运行本服务的用户',
      en: 'the repository does not belong to the user this service runs as',
    },
    { zh: '请修改目录的所有者，或以该用户运行', en: 'change its owner, or run this service as that user' },
  ],
  moved: [
    { zh: '路径现在指向另一个目录', en: 'the path leads to another folder than when it was registered' },
    { zh: '请更新仓库的路径', en: 'update the path of the repository' },
  ],
  unreadable: [
    { zh: '无法读取仓库', en: 'git cannot read the repository' },
    { zh: '请在该目录运行 git status 查看原因', en: 'run git status there to see why' },
  ],
}

/** Why a repository cannot be worked with now; undefined when it can. */
export function describeState(state: RepositoryState): Text | undefined {
  return state === 'ok' || state === 'empty' || state === 'detached' ? undefined : PROBLEMS[state][0]
}

/** A path that must not be registered. */
export function placeRefused(problem: RepositoryProblem, cause?: GitFailure): DomainError {
  const isForbidden = ['no_roots', 'outside_roots', 'own_folder', 'foreign_owner'].includes(problem)
  return toError(isForbidden ? 'forbidden' : 'invalid', problem, cause)
}

/** A repository that was registered and cannot be worked with now. */
export function repositoryUnavailable(problem: RepositoryProblem): DomainError {
  return toError('conflict', problem)
}

function toError(
  kind: 'forbidden' | 'invalid' | 'conflict',
  problem: RepositoryProblem,
  cause?: GitFailure,
): DomainError {
  const [detail, hint] = PROBLEMS[problem]
  const said = cause === undefined ? '' : `: ${cause.detail}`
  return new DomainError(
    kind,
    `repository_${problem}`,
    { zh: `${detail.zh}${said}`, en: `${detail.en}${said}` },
    { hint },
  )
}

/** Git could not do it; what it says is free of secrets. */
export function gitRefused({ kind, detail }: GitFailure): DomainError {
  if (kind === 'mirror_busy' || kind === 'moved_meanwhile') return repositoryBusy()
  const isTemporary =
    kind === 'disk_full' || kind === 'canceled' || kind === 'stalled' || kind === 'timed_out'
  return new DomainError(isTemporary ? 'unavailable' : 'conflict', `git_${kind}`, {
    zh: `git 操作失败：${detail}`,
    en: `git refused: ${detail}`,
  })
}
