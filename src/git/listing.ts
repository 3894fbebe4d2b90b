import type { LimitDeps } from './limits.ts'
import { watchLimits } from './limits.ts'
import { collectRefs } from './ref-list.ts'
import type { RefList } from './ref-list.ts'
import type { RefName, RemoteUrl } from './refs.ts'
import { isMangled, toRefName } from './refs.ts'
import type { RuntimeDir } from './runtime-dir.ts'
import type { Reached } from './wire/open-repository.ts'
import { openRepository } from './wire/open-repository.ts'
import type { Wire } from './wire/wire.ts'
import { mistrust, requireVersion2, toDoubt } from './wire/wire.ts'

export type RefListing = RefList & {
  /** The default branch; null when the repository is empty or HEAD is detached. */
  readonly head: RefName | null
}

const PREFIXES = ['HEAD', 'refs/heads/', 'refs/tags/'] as const

/** Reads the branches and tags of a repository without git; undefined: only git can tell. */
export async function listWithoutGit(
  deps: LimitDeps & { readonly runtimeDir: RuntimeDir; readonly wire: Wire },
  url: RemoteUrl,
  reached: Reached,
  signal: AbortSignal,
): Promise<RefListing | undefined> {
  const { wire } = deps
  using limits = watchLimits(deps, 'the listing', signal)
  const watch = { signal: limits.signal, onProgress: limits.progress }
  await using repository = openRepository({ wire, runtimeDir: await deps.runtimeDir() }, url, reached, watch)
  if (repository === undefined || mistrust(wire, repository, 'reads') !== undefined) return undefined
  const collector = collectRefs()
  let head: RefName | null = null
  try {
    await requireVersion2(wire, repository)
    await repository.listRefs(PREFIXES, ({ name, sha, leadsTo }) => {
      collector.add(name, sha)
      if (name === 'HEAD' && leadsTo !== undefined) head = toHead(leadsTo)
    })
    return { ...collector.list(), head }
  } catch (error) {
    toDoubt(wire, error, { url, limits, secrets: reached.access.secrets })
    return undefined
  }
}

/** The branch that a HEAD leads to; null where it is none that travels. */
export function toHead(leadsTo: string): RefName | null {
  return isMangled(leadsTo) ? null : (toRefName(leadsTo) ?? null)
}
