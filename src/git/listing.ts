import type { LimitDeps } from './limits.ts'
import { watchLimits } from './limits.ts'
import type { RefName, RemoteUrl, Sha } from './refs.ts'
import { toRefName } from './refs.ts'
import type { Reached } from './wire/open-repository.ts'
import { openRepository } from './wire/open-repository.ts'
import type { Wire } from './wire/wire.ts'
import { mistrust, requireVersion2, toDoubt } from './wire/wire.ts'

export type RefListing = {
  readonly refs: ReadonlyMap<RefName, Sha>
  /** The default branch; null when the repository is empty or HEAD is detached. */
  readonly head: RefName | null
}

const PREFIXES = ['HEAD', 'refs/heads/', 'refs/tags/'] as const

/** Reads the branches and tags of a repository without git; undefined: only git can tell. */
export async function listWithoutGit(
  deps: LimitDeps & { readonly runtimeDir: string; readonly wire: Wire },
  url: RemoteUrl,
  reached: Reached,
  signal: AbortSignal,
): Promise<RefListing | undefined> {
  const { wire } = deps
  using limits = watchLimits(deps, 'the listing', signal)
  const watch = { signal: limits.signal, onProgress: limits.progress }
  await using repository = openRepository(deps, url, reached, watch)
  if (repository === undefined || mistrust(wire, repository, 'reads') !== undefined) return undefined
  const refs = new Map<RefName, Sha>()
  let head: RefName | null = null
  try {
    await requireVersion2(wire, repository)
    await repository.listRefs(PREFIXES, ({ name, sha, leadsTo }) => {
      const ref = toRefName(name)
      if (ref !== undefined) refs.set(ref, sha)
      if (name === 'HEAD' && leadsTo !== undefined) head = toRefName(leadsTo) ?? null
    })
    return { refs, head }
  } catch (error) {
    toDoubt(wire, error, { url, limits, secrets: reached.access.secrets })
    return undefined
  }
}
