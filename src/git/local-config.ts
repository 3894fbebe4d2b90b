import { join } from 'node:path'
import type { RunDeps } from './git.ts'
import { runGit } from './git.ts'
import type { GitOutcome } from './git-error.ts'
import type { LocalRepository } from './local-repository.ts'
import type { ObjectFormat } from './mirror-repository.ts'

// What the configuration of a repository on this machine says, read as a text of keys and values. Nothing in it
// takes effect by being read; files that it includes are left out.

export type LocalRemote = {
  readonly name: string
  /** As written, perhaps with a password in it; the first is where git fetches from. */
  readonly urls: readonly string[]
  readonly pushUrls: readonly string[]
  readonly fetch: readonly string[]
}

export type LocalConfig = {
  readonly objectFormat: ObjectFormat
  readonly remotes: readonly LocalRemote[]
  /** Prefixes of addresses that git would replace by others. */
  readonly rewrites: readonly string[]
  /** Objects may be missing; git would fetch them when it needs them. */
  readonly isPartial: boolean
  /** Only some of the files are in the work tree. */
  readonly isSparse: boolean
  /** Where the work tree is, when that is said at all. */
  readonly workTree: string | undefined
  /** The few settings that decide how files are written, for `-c` of one call. */
  readonly fileSettings: readonly string[]
}

/** Reads `config`, and `config.worktree` above it where that is in use. */
export async function readLocalConfig(
  deps: RunDeps,
  repository: LocalRepository,
  signal: AbortSignal,
): Promise<GitOutcome<{ readonly config: LocalConfig }>> {
  const common = await readConfigFile(deps, join(repository.commonDir, 'config'), signal)
  if (!common.ok) return common
  const usesOwn = isTrue(common.values.get('extensions.worktreeconfig')?.at(-1))
  const own = usesOwn
    ? await readConfigFile(deps, join(repository.gitDir, 'config.worktree'), signal)
    : undefined
  const values = new Map([...common.values, ...(own?.ok === true ? own.values : [])])
  return { ok: true, config: toConfig(values) }
}

type Values = ReadonlyMap<string, readonly string[]>

async function readConfigFile(
  deps: RunDeps,
  file: string,
  signal: AbortSignal,
): Promise<GitOutcome<{ readonly values: Values }>> {
  const args = ['config', '--file', file, '--no-includes', '--null', '--list']
  const result = await runGit(deps, { operation: 'config', args, signal })
  if (result.kind === 'stopped' || result.exitCode !== 0) return { ok: false, failure: result.failure }
  const values = new Map<string, string[]>()
  for (const entry of result.stdout.split('\0')) {
    if (entry === '') continue
    const end = entry.indexOf('\n')
    // A key without a value is true.
    const [key, value] = end < 0 ? [entry, 'true'] : [entry.slice(0, end), entry.slice(end + 1)]
    const known = values.get(key)
    if (known === undefined) values.set(key, [value])
    else known.push(value)
  }
  return { ok: true, values }
}

function toConfig(values: Values): LocalConfig {
  const last = (key: string): string | undefined => values.get(key)?.at(-1)
  const keys = [...values.keys()]
  return {
    objectFormat: last('extensions.objectformat')?.toLowerCase() === 'sha256' ? 'sha256' : 'sha1',
    remotes: toRemotes(values),
    rewrites: keys
      .filter((key) => /^url\..*\.(?:push)?insteadof$/s.test(key))
      .flatMap((key) => values.get(key) ?? []),
    isPartial:
      last('extensions.partialclone') !== undefined ||
      keys.some((key) => /^remote\..*\.promisor$/s.test(key) && isTrue(last(key))),
    isSparse: isTrue(last('core.sparsecheckout')),
    workTree: last('core.worktree'),
    fileSettings: FILE_SETTINGS.flatMap(([key, allowed]) => {
      const value = last(key)?.toLowerCase()
      return value !== undefined && allowed.test(value) ? [`${key}=${value}`] : []
    }),
  }
}

const BOOLEAN = /^(?:true|false|yes|no|on|off|0|1)$/
const FILE_SETTINGS: readonly (readonly [key: string, allowed: RegExp])[] = [
  ['core.autocrlf', /^(?:true|false|input)$/],
  ['core.eol', /^(?:lf|crlf|native)$/],
  ['core.filemode', BOOLEAN],
  ['core.ignorecase', BOOLEAN],
  ['core.symlinks', BOOLEAN],
  ['core.trustctime', BOOLEAN],
  ['core.checkstat', /^(?:default|minimal)$/],
]

function toRemotes(values: Values): readonly LocalRemote[] {
  const remotes = new Map<string, LocalRemote>()
  for (const [key, all] of values) {
    const [, name, field] = /^remote\.(.+)\.(url|pushurl|fetch)$/s.exec(key) ?? []
    if (name === undefined) continue
    const known = remotes.get(name) ?? { name, urls: [], pushUrls: [], fetch: [] }
    const property = field === 'url' ? 'urls' : field === 'pushurl' ? 'pushUrls' : 'fetch'
    remotes.set(name, { ...known, [property]: all })
  }
  return [...remotes.values()].filter(({ urls, pushUrls }) => urls.length + pushUrls.length > 0)
}

function isTrue(value: string | undefined): boolean {
  return value !== undefined && /^(?:true|yes|on|1)$/i.test(value)
}
