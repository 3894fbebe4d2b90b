import type { ForgeApiTarget } from './forge-api.ts'
import { repositoryPlace } from './repository-place.ts'

export type OwnerAndName = {
  readonly host: string
  /** Of the API, without a slash at its end. */
  readonly base: string
  readonly owner: string
  readonly name: string
}

/**
 * For forges that name a repository `owner/name`: the API is where the target says, else beside the web
 * pages, below the path that they are installed under. Undefined when the address names no repository.
 */
export function ownerAndName(
  { address, apiUrl }: Pick<ForgeApiTarget, 'address' | 'apiUrl'>,
  apiPath: string,
): OwnerAndName | undefined {
  const place = repositoryPlace(address)
  const [owner, name] = place?.segments.slice(-2) ?? []
  if (place === undefined || owner === undefined || name === undefined) return undefined
  const above = pathOf(place.segments.slice(0, -2))
  return { host: place.host, base: apiBase(apiUrl) ?? `${place.origin}${above}${apiPath}`, owner, name }
}

/** The address of the API as given, without the slash that would double before a path. */
export function apiBase(apiUrl: string | undefined): string | undefined {
  return apiUrl?.replace(/\/+$/, '')
}

/** `/a/b`, each part escaped; nothing for no parts. */
export function pathOf(segments: readonly string[]): string {
  return segments.map((segment) => `/${encodeURIComponent(segment)}`).join('')
}
