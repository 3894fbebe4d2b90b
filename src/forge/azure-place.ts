import { apiBase, pathOf } from './api-place.ts'
import type { ForgeApiTarget } from './forge-api.ts'
import { repositoryPlace } from './repository-place.ts'

/** A repository of Azure DevOps; `base` is that of its organization, or of its collection on a server. */
export type AzurePlace = {
  readonly base: string
  readonly project: string
  readonly repository: string
}

/** Undefined when the address names no repository of Azure DevOps. */
export function azurePlace({
  address,
  apiUrl,
}: Pick<ForgeApiTarget, 'address' | 'apiUrl'>): AzurePlace | undefined {
  const place = repositoryPlace(address)
  if (place === undefined) return undefined
  const { host, origin } = place
  const segments = withLiteralSuffix(place.segments, address)
  const marker = segments.findIndex((segment) => /^_(?:git|ssh)$/i.test(segment))
  const isCloud =
    host === 'dev.azure.com' || host === 'ssh.dev.azure.com' || host.endsWith('.visualstudio.com')
  if (isCloud && marker === -1) {
    const [version, organization, project, repository] = segments
    if (version !== 'v3' || organization === undefined || project === undefined) return undefined
    return repository === undefined
      ? undefined
      : { base: apiBase(apiUrl) ?? cloudBase(organization), project, repository }
  }
  const repository = segments[marker + 1]
  if (marker === -1 || repository === undefined) return undefined
  const before = segments
    .slice(0, marker)
    .filter((segment) => !isCloud || !/^defaultcollection$/i.test(segment))
  if (!isCloud) {
    const project = before.at(-1) ?? repository
    return { base: apiBase(apiUrl) ?? `${origin}${pathOf(before.slice(0, -1))}`, project, repository }
  }
  const [organization = '', project = repository] =
    host === 'dev.azure.com' ? before : [host.slice(0, -'.visualstudio.com'.length), ...before]
  return { base: apiBase(apiUrl) ?? cloudBase(organization), project, repository }
}

function cloudBase(organization: string): string {
  return `https://dev.azure.com${pathOf([organization])}`
}

// At Azure a `.git` at the end is part of the name.
function withLiteralSuffix(segments: readonly string[], address: string): readonly string[] {
  const last = segments.at(-1)
  return last === undefined || !/\.git\/*$/i.test(address)
    ? segments
    : [...segments.slice(0, -1), `${last}.git`]
}
