/** Where a repository is, as far as its address tells. */
export type RepositoryPlace = {
  /** Of the web side: `https://git.example.com:3000`. The port of an ssh address is not that of the web. */
  readonly origin: string
  readonly host: string
  /** An address of the web: its path starts where the instance is installed, that of ssh never does. */
  readonly isWeb: boolean
  /** Of the path, decoded, without `.git`: `['group', 'project']`. */
  readonly segments: readonly string[]
}

/** Undefined for a local path, and for a form that names no host. */
export function repositoryPlace(address: string): RepositoryPlace | undefined {
  const [, scpHost, scpPath] = /^(?:[^/:@]+@)?(\[[^\]/]+\]|[^/:@[\]]+):(?!\/\/)(.+)$/.exec(address) ?? []
  if (scpHost !== undefined && scpPath !== undefined) return place(`https://${scpHost}/${scpPath}`, false)
  const [, scheme, rest] = /^(https?|ssh):\/\/(.+)$/i.exec(address) ?? []
  if (scheme === undefined || rest === undefined) return undefined
  if (scheme.toLowerCase() !== 'ssh') return place(`${scheme}://${rest}`, true)
  return place(`https://${rest.replace(/^([^/]*?):\d*(?=\/)/, '$1')}`, false)
}

function place(url: string, isWeb: boolean): RepositoryPlace | undefined {
  if (!URL.canParse(url)) return undefined
  const { origin, hostname, pathname } = new URL(url)
  const segments = pathname.replace(/\/*(?:\.git)?\/*$/, '').split('/')
  const decoded = segments.filter((segment) => segment !== '').map(decode)
  if (decoded.some((segment) => segment === undefined)) return undefined
  return { origin, host: hostname, isWeb, segments: decoded.filter((segment) => segment !== undefined) }
}

function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment)
  } catch {
    return undefined
  }
}
