import type { Text } from '../domain-error.ts'

// Options of `git push` that a task may name. Clients know them from a service that put them on a command line;
// here they are words from a list, and none of them ever reaches git.

const PLAIN = [
  '--force',
  '--tags',
  '--no-verify',
  '--quiet',
  '--verbose',
  '--progress',
  '--porcelain',
] as const
export type PushOption = (typeof PLAIN)[number]

export type ParsedPushOptions =
  | { readonly kind: 'ok'; readonly options: readonly PushOption[] }
  | { readonly kind: 'refused'; readonly option: string; readonly reason: Text }

// `-n` is a dry run for push, other than for commit.
const SAME: ReadonlyMap<string, PushOption> = new Map([
  ['-f', '--force'],
  ['--force-with-lease', '--force'],
  ['--follow-tags', '--tags'],
  ['-q', '--quiet'],
  ['-v', '--verbose'],
])

const DELETES: Text = {
  zh: '同步任务不会删除分支',
  en: 'a task never deletes branches',
}
const REASONS: ReadonlyMap<string, Text> = new Map([
  ['--mirror', DELETES],
  ['--prune', DELETES],
  ['--delete', DELETES],
  ['-d', DELETES],
  ['--all', { zh: '请使用 sync_mode=all-branch', en: 'use the sync_mode all-branch' }],
  [
    '--set-upstream',
    { zh: '任务不修改仓库的配置', en: 'a task does not change the configuration of the repository' },
  ],
  ['-u', { zh: '任务不修改仓库的配置', en: 'a task does not change the configuration of the repository' }],
])
const UNKNOWN: Text = { zh: '不支持此选项', en: 'this option is not known here' }

/** Options as one text or one by one; the same option twice counts once. */
export function parsePushOptions(given: string | readonly string[]): ParsedPushOptions {
  const words = typeof given === 'string' ? given.split(/\s+/) : given.map((word) => word.trim())
  const options = new Set<PushOption>()
  for (const word of words) {
    if (word === '') continue
    const option = SAME.get(word) ?? PLAIN.find((plain) => plain === word)
    if (option === undefined) {
      const [name = ''] = word.split('=')
      return { kind: 'refused', option: name.slice(0, 100), reason: REASONS.get(name) ?? UNKNOWN }
    }
    options.add(option)
  }
  return { kind: 'ok', options: [...options] }
}

/** Whether tags travel beside the branches; one that the target holds differently stays and is a conflict. */
export function takesTags(options: readonly PushOption[]): boolean {
  return options.includes('--tags')
}

/** Whether what the target holds may be overwritten: exactly what was seen there, and after it was kept. */
export function forces(options: readonly PushOption[]): boolean {
  return options.includes('--force')
}
