/** Where a repository is, as far as its address tells. */
export type RepositoryPlace = {
  /** Of the web side: `https://git.example.com:3000`. The port of an ssh address is not that of the web. */
  readonly origin: string
  readonly host: string
  /** Of the path, decoded, without `.git`: `['group', 'project']`. */
  readonly segments: readonly string[]
}

/** Undefined for a local path, and for a form that names no host. */
export function repositoryPlace(address: string): RepositoryPlace | undefined {
  const [, scpHost, scpPath] = /^(?:[^/:@]+@)?(\[[^\]/]+\]|[^/:@[\]]+):(?!\/\/)(.+)$/.exec(address) ?? []
  if (scpHost !== undefined && scpPath !== undefined) return place(`https://${scpHost}/${scpPath}`)
  const [, scheme, rest] = /^(https?|ssh):\/\/(.+)$/i.exec(address) ?? []
  if (scheme === undefined || rest === undefined) return undefined
  if (scheme.toLowerCase() !== 'ssh') return place(`${scheme}://${rest}`)
  return place(`https://${rest.replace(/^([^/]*?):\d*(?=\/)/, '$1')}`)
}

function place(url: string): RepositoryPlace | undefined {
  if (!URL.canParse(url)) return undefined
  const { origin, hostname, pathname } = new URL(url)
  const segments = pathname.replace(/\/*(?:\.git)?\/*$/, '').split('/')
  const decoded = segments.filter((segment) => segment !== '').map(decode)
  if (decoded.some((segment) => segment === undefined)) return undefined
  return { origin, host: hostname, segments: decoded.filter((segment) => segment !== undefined) }
}

function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment)
  } catch {
    return undefined
  }
}
