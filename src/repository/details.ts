import { isBranchRef } from '../git/refs.ts'
import type { RepositoryId } from '../ids.ts'
import { withoutLogin } from './remote-address.ts'
import { findGit, getRepository, lookAt } from './repositories.ts'
import type { RepositoryDeps } from './repositories.ts'
import type { Repository, RepositoryStatus } from './repository.ts'

export type RepositoryDetails = Repository &
  RepositoryStatus & {
    /** Addresses without what could log in. */
    readonly remotes: readonly ShownRemote[]
    /** Bytes that its objects take; null where git cannot tell. */
    readonly sizeBytes: number | null
    /** The last commit of the current branch. */
    readonly head: ShownCommit | null
    /** What stops the current branch from being switched, e.g. `merge`. */
    readonly unfinishedWork: string | null
  }

export type ShownRemote = {
  readonly name: string
  readonly url: string | null
  readonly pushUrl: string | null
}

export type ShownCommit = {
  readonly subject: string
  readonly author: string
  readonly committedAt: number | null
}

const NOTHING = { remotes: [], sizeBytes: null, head: null, unfinishedWork: null }

/** Everything that can be seen of it; what cannot is null. Throws `repository_unknown`. */
export async function describeRepository(deps: RepositoryDeps, id: RepositoryId): Promise<RepositoryDetails> {
  const repository = await getRepository(deps.db, id)
  const status = await lookAt(deps, repository)
  const found = await findGit(deps, repository)
  if (found.kind === 'refused') return { ...repository, ...status, ...NOTHING }
  const { git } = deps
  const head = await git.readHead(found.repository)
  const ref = head.kind === 'branch' && isBranchRef(head.ref) ? [head.ref] : []
  const [config, size, described, work] = await Promise.all([
    git.readConfig(found.repository),
    git.sizeOf(found.repository),
    git.describe(found.repository, ref),
    git.unfinishedWork(found.repository),
  ])
  const commit = described.ok ? described.details.get(ref[0] ?? '') : undefined
  return {
    ...repository,
    ...status,
    remotes: config.ok ? config.config.remotes.map(toShown) : [],
    sizeBytes: size.ok ? size.bytes : null,
    head: commit ?? null,
    unfinishedWork: work ?? null,
  }
}

function toShown({
  name,
  urls,
  pushUrls,
}: {
  readonly name: string
  readonly urls: readonly string[]
  readonly pushUrls: readonly string[]
}): ShownRemote {
  const shown = (url: string | undefined): string | null => (url === undefined ? null : withoutLogin(url))
  return { name, url: shown(urls[0]), pushUrl: shown(pushUrls[0]) }
}
