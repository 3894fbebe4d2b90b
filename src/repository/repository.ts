import type { LocalRepository } from '../git/local-repository.ts'
import type { RepositoryId, SshKeyId } from '../ids.ts'
import type { PlaceProblem } from './place.ts'

// A repository is a git repository on this machine that somebody has registered by its path. It stays theirs:
// what is here today may be gone, moved or half merged tomorrow, and that is a state and no error.

export type Repository = {
  readonly id: RepositoryId
  readonly name: string
  /** As it was given. */
  readonly path: string
  /** Where that led when it was registered. */
  readonly realPath: string
  /** What logs in over SSH to its remotes; null: the keys of the account this service runs as. */
  readonly sshKeyId: SshKeyId | null
  readonly createdAt: number
  readonly updatedAt: number
}

/** `moved`: the path leads to another folder now. */
export type RepositoryProblem = PlaceProblem | 'moved' | 'unreadable'

/** `empty`: the current branch has no commit yet; `detached`: no branch is current. */
export type RepositoryState = 'ok' | 'empty' | 'detached' | RepositoryProblem

export type RepositoryStatus = {
  readonly state: RepositoryState
  readonly currentBranch: string | null
  readonly headSha: string | null
  /** Null when the folder cannot be looked at. */
  readonly isBare: boolean | null
}

/** Whether git can work there, and where. */
export type Found =
  | { readonly kind: 'ok'; readonly repository: LocalRepository }
  | { readonly kind: 'refused'; readonly problem: RepositoryProblem }
