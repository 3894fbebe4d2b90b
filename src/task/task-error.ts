import type { Text } from '../domain-error.ts'
import { DomainError } from '../domain-error.ts'
import type { EndProblem } from './ends.ts'

// What can be wrong with a request about tasks.

export function taskUnknown(id: number): DomainError {
  return new DomainError('not_found', 'task_unknown', {
    zh: `没有 ID 为 ${id} 的同步任务`,
    en: `there is no sync task with the id ${id}`,
  })
}

export function taskExists(name: string): DomainError {
  return new DomainError(
    'already_exists',
    'task_exists',
    { zh: `已有名为“${name}”的同步任务`, en: `a sync task named "${name}" exists` },
    { hint: { zh: '请更换名称', en: 'choose another name' } },
  )
}

export function taskNameRefused(): DomainError {
  return new DomainError(
    'invalid',
    'task_name',
    { zh: '任务名称不能使用', en: 'the name of the task cannot be used' },
    {
      hint: {
        zh: '1 到 200 个可见字符，首尾不能是空格',
        en: 'use 1 to 200 printable characters without a space at either end',
      },
    },
  )
}

export function taskDisabled(name: string): DomainError {
  return new DomainError(
    'disabled',
    'task_disabled',
    { zh: `同步任务“${name}”未启用`, en: `the sync task "${name}" is disabled` },
    { hint: { zh: '请先启用任务', en: 'enable the task first' } },
  )
}

export function branchMissing(field: 'source_branch' | 'target_branch'): DomainError {
  return new DomainError(
    'invalid',
    'task_branch',
    { zh: `${field} 不是有效的分支名`, en: `${field} is no name of a branch` },
    {
      hint: {
        zh: '请给出分支名，或使用 sync_mode=all-branch 同步所有分支',
        en: 'name a branch, or use the sync_mode all-branch for all of them',
      },
    },
  )
}

export function sameEnds(): DomainError {
  return new DomainError(
    'invalid',
    'task_same',
    { zh: '来源和目标是同一个分支', en: 'source and target are the same' },
    { hint: { zh: '请选择不同的远程或分支', en: 'choose another remote or another branch' } },
  )
}

export function cronRefused({ zh, en }: Text): DomainError {
  return new DomainError(
    'invalid',
    'cron',
    { zh: `cron 表达式有误：${zh}`, en: `the cron expression cannot be used: ${en}` },
    { hint: { zh: '例如 0 */2 * * *（每两小时）', en: 'for example 0 */2 * * * for every second hour' } },
  )
}

export function timezoneRefused(name: string): DomainError {
  return new DomainError(
    'invalid',
    'timezone',
    { zh: `未知时区“${name}”`, en: `there is no time zone "${name}"` },
    { hint: { zh: '例如 Asia/Shanghai', en: 'for example Europe/Berlin' } },
  )
}

export function pushOptionRefused(option: string, { zh, en }: Text): DomainError {
  return new DomainError(
    'invalid',
    'push_option',
    { zh: `不能使用推送选项“${option}”：${zh}`, en: `the push option "${option}" cannot be used: ${en}` },
    {
      hint: {
        zh: '--force 会在备份后覆盖目标；--no-verify、--quiet、--verbose 可以保留但没有作用',
        en: '--force overwrites the target after keeping what was there; --no-verify, --quiet and --verbose may stay and do nothing',
      },
    },
  )
}

export function endRefused(problem: EndProblem, detail: Text, hint: Text | undefined): DomainError {
  return new DomainError('invalid', problem, detail, hint === undefined ? {} : { hint })
}
