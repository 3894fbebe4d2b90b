import type { Text } from '../domain-error.ts'
import { bothLanguages } from '../domain-error.ts'
import type { AttemptEnd } from './run.ts'

// Where the advice of `hints.ts` names calls about bindings, that for a task has to be another one.

const BY_CODE: ReadonlyMap<number, Text> = new Map([
  [
    20005,
    {
      zh: '请更新远程地址中的令牌（git remote set-url），SSH 地址请为仓库设置 ssh_key_id',
      en: 'put a valid token into the address of the remote (git remote set-url); for an SSH address give the repository an ssh_key_id',
    },
  ],
  [
    20010,
    {
      zh: '目标有来源没有的提交：请合并后再推送，或选择保留一侧（POST /api/v1/sync/tasks/{id}/conflicts/{branch}/resolve），或设置 push_options=--force；被覆盖的提交会先备份',
      en: 'the target has commits that the source lacks: merge and push, take one side (POST /api/v1/sync/tasks/{id}/conflicts/{branch}/resolve), or set push_options to --force; what goes away is backed up',
    },
  ],
  [
    20103,
    {
      zh: '请确认两端是同一个项目；确认后可设置 push_options=--force',
      en: 'make sure that both ends are the same project; push_options --force overrides',
    },
  ],
  [
    20108,
    {
      zh: '目标缺少这些提交所需的 LFS 对象，任务不传输 LFS：请从有这些文件的克隆向目标执行 git lfs push --all，或改用启用 LFS 的绑定',
      en: 'the target lacks an LFS object of these commits, and tasks carry none: run git lfs push --all to the target from a clone that has it, or use a binding with LFS on',
    },
  ],
])

/** The end of a run of a task, with advice that fits one. */
export function withTaskHint(end: AttemptEnd): AttemptEnd {
  const hint = BY_CODE.get(end.code)
  return hint === undefined || end.hint === null ? end : { ...end, hint: bothLanguages(hint) }
}
