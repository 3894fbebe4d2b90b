import { sshKeyUnknown } from '../credential/ssh-key-error.ts'
import type { LocalEnd } from '../git/local-remote.ts'
import { folderUrl } from '../git/refs.ts'
import type { RemoteUrl } from '../git/refs.ts'
import type { RepositoryId } from '../ids.ts'
import type { Login } from './remote-address.ts'
import { splitLogin } from './remote-address.ts'
import { findGit, getRepository } from './repositories.ts'
import type { RepositoryDeps } from './repositories.ts'
import { gitRefused, repositoryUnavailable } from './repository-error.ts'

/** What a task needs of a repository, as it is now. */
export type RepositoryForTask = {
  readonly remotes: readonly {
    readonly name: string
    readonly urls: readonly string[]
    readonly pushUrls: readonly string[]
    readonly fetch: readonly string[]
  }[]
  /** Beginnings of addresses that git would replace. */
  readonly rewrites: readonly string[]
  readonly splitLogin: (address: string) => { readonly address: string; readonly login: Login | undefined }
  readonly privateKey: string | undefined
  readonly url: RemoteUrl
  readonly local: LocalEnd
}

/** Throws `repository_unknown`, or `repository_…` when its folder cannot be worked with. */
export async function openForTask(deps: RepositoryDeps, id: RepositoryId): Promise<RepositoryForTask> {
  const registered = await getRepository(deps.db, id)
  const found = await findGit(deps, registered)
  if (found.kind === 'refused') throw repositoryUnavailable(found.problem)
  const { repository } = found
  const read = await deps.git.readConfig(repository)
  if (!read.ok) throw gitRefused(read.failure)
  const { sshKeyId } = registered
  const key = sshKeyId === null ? undefined : await deps.findSshKey(deps.db, sshKeyId)
  // Another key than the one that was named would be a surprise.
  if (sshKeyId !== null && key === undefined) throw sshKeyUnknown(sshKeyId)
  return {
    remotes: read.config.remotes,
    rewrites: read.config.rewrites,
    splitLogin,
    privateKey: key?.privateKey,
    url: folderUrl(repository.path),
    local: { repository, exclusively: (work) => deps.locks.exclusively(id, work) },
  }
}
