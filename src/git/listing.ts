import type { LimitDeps } from './limits.ts'
import { watchLimits } from './limits.ts'
import { collectRefs } from './ref-list.ts'
import type { RefList } from './ref-list.ts'
import type { RefName } from './refs.ts'
import { isMangled, toRefName } from './refs.ts'
import type { WireRepository } from './wire/smart-http.ts'
import { listWireRefs } from './wire/smart-http.ts'
import type { Wire } from './wire/wire.ts'
import { mistrust, requireVersion2, toDoubt } from './wire/wire.ts'

export type RefListing = RefList & {
  /** The default branch; null when the repository is empty or HEAD is detached. */
  readonly head: RefName | null
}

const PREFIXES = ['HEAD', 'refs/heads/', 'refs/tags/'] as const

/** Reads the branches and tags of a repository without git; undefined: only git can tell. */
export async function listWithoutGit(
  deps: LimitDeps & { readonly wire: Wire },
  repository: WireRepository,
  secrets: readonly string[],
  signal: AbortSignal,
): Promise<RefListing | undefined> {
  const { wire } = deps
  if (mistrust(wire, repository) !== undefined) return undefined
  using limits = watchLimits(deps, 'the listing', signal)
  const options = { client: wire.client, signal: limits.signal, onProgress: limits.progress }
  const collector = collectRefs()
  let head: RefName | null = null
  try {
    await requireVersion2(wire, options, repository)
    await listWireRefs(options, repository, PREFIXES, ({ name, sha, leadsTo }) => {
      collector.add(name, sha)
      if (name === 'HEAD' && leadsTo !== undefined) head = toHead(leadsTo)
    })
    return { ...collector.list(), head }
  } catch (error) {
    toDoubt(wire, error, { url: repository.url, limits, secrets })
    return undefined
  }
}

/** The branch that a HEAD leads to; null where it is none that travels. */
export function toHead(leadsTo: string): RefName | null {
  return isMangled(leadsTo) ? null : (toRefName(leadsTo) ?? null)
}
