// Which call a request means. The documented paths overlap: a repository may be called `branch` or
// `repo`, a branch may hold slashes or be called `repo_addr`. So the path is taken apart here, still
// encoded as it was sent, and where it has two meanings the given parameters decide:
//
//   POST /repo/branch             with branch names: bind a branch of `repo`;      else: sync `branch`
//   PUT  /repo/branch/repo_addr   with enable only:  toggle branch `repo_addr` of `repo`;
//                                 else: new addresses for `branch`

export type Call =
  | { readonly kind: 'create_repo' | 'list_repos' }
  | {
      readonly kind:
        | 'sync_repo'
        | 'set_repo_enabled'
        | 'delete_repo'
        | 'update_addresses'
        | 'create_branch'
        | 'list_branches'
      readonly repo: string
    }
  | {
      readonly kind: 'sync_branch' | 'set_branch_enabled' | 'delete_branch'
      readonly repo: string
      readonly branch: string
    }
  | { readonly kind: 'list_logs'; readonly repo: string | undefined }

/** `path` is what follows the mount point, as sent; undefined when it is no call. */
export function resolveCall(method: string, path: string, given: ReadonlySet<string>): Call | undefined {
  const segments = splitPath(path)
  if (segments === undefined) return undefined
  const [first, second, third] = segments
  if (first === undefined) return undefined
  if (first === 'repo') {
    const call = resolveRepoCall(method, segments, given)
    if (call !== undefined) return call
  }
  if (second !== 'branch') return undefined
  if (third === undefined) {
    if (method === 'POST') return { kind: 'create_branch', repo: first }
    return method === 'GET' ? { kind: 'list_branches', repo: first } : undefined
  }
  const branch = segments.slice(2).join('/')
  if (method === 'POST') return { kind: 'sync_branch', repo: first, branch }
  if (method === 'PUT') return { kind: 'set_branch_enabled', repo: first, branch }
  return method === 'DELETE' ? { kind: 'delete_branch', repo: first, branch } : undefined
}

function resolveRepoCall(
  method: string,
  [, repo, action, ...rest]: readonly string[],
  given: ReadonlySet<string>,
): Call | undefined {
  if (repo === undefined) {
    if (method === 'POST') return { kind: 'create_repo' }
    return method === 'GET' ? { kind: 'list_repos' } : undefined
  }
  if (action === undefined) return resolveOneRepoCall(method, repo, given)
  if (rest.length > 0) return undefined
  if (method === 'GET' && action === 'logs') return { kind: 'list_logs', repo }
  if (method !== 'PUT' || action !== 'repo_addr') return undefined
  const isToggle =
    repo === 'branch' && given.has('enable') && !ADDRESS_PARAMETERS.some((name) => given.has(name))
  return isToggle ? undefined : { kind: 'update_addresses', repo }
}

function resolveOneRepoCall(method: string, repo: string, given: ReadonlySet<string>): Call | undefined {
  switch (method) {
    case 'POST':
      if (repo === 'branch' && BRANCH_PARAMETERS.some((name) => given.has(name))) return undefined
      return { kind: 'sync_repo', repo }
    case 'PUT':
      return { kind: 'set_repo_enabled', repo }
    case 'DELETE':
      return { kind: 'delete_repo', repo }
    case 'GET':
      return repo === 'logs' ? { kind: 'list_logs', repo: undefined } : undefined
    default:
      return undefined
  }
}

const BRANCH_PARAMETERS = ['internal_branch_name', 'external_branch_name']
const ADDRESS_PARAMETERS = ['internal_repo_address', 'external_repo_address', 'inter_token', 'exter_token']

// A name of a repository is one segment, its slashes written as %2F; a slash at the end means nothing.
function splitPath(path: string): readonly string[] | undefined {
  const segments = path.split('/').slice(1)
  const length = segments.findLastIndex((segment) => segment !== '') + 1
  try {
    return segments.slice(0, length).map(decodeURIComponent)
  } catch {
    return undefined
  }
}
