import { failure, hide } from './api-answer.ts'
import type { ForgeApiOutcome, RemoteRepository } from './forge-api.ts'

const HEADS = 'refs/heads/'

/** What forges say of a repository whose mirrors and emptiness they do not tell, or not in a way to rely on. */
export function plainRepository(
  id: string,
  defaultBranch: string | null | undefined,
  isEmpty: boolean | null = null,
): RemoteRepository {
  return { id, defaultBranch: defaultBranch ?? null, isEmpty, mirror: null, mirrorProblem: null }
}

/** Some forges answer that all went well and keep the default branch that they had. */
export function confirmDefaultBranch(
  repository: ForgeApiOutcome<Pick<RemoteRepository, 'defaultBranch'>>,
  wanted: string,
): ForgeApiOutcome<null> {
  if (!repository.ok) return repository
  const { defaultBranch } = repository.value
  if (defaultBranch === wanted) return { ok: true, value: null }
  const kept = defaultBranch === null ? 'shows none' : `kept ${defaultBranch}`
  return failure('refused', hide(`the forge took ${wanted} for its default branch but ${kept}`, []))
}

export function toFullName(branch: string): string {
  return `${HEADS}${branch}`
}

export function toShortName(ref: string | undefined): string | null {
  if (ref === undefined) return null
  return ref.startsWith(HEADS) ? ref.slice(HEADS.length) : ref
}
