import type { ApiClient } from './api-client.ts'
import { createAzureApi } from './azure-api.ts'
import { createBitbucketApi } from './bitbucket-api.ts'
import { createBitbucketServerApi } from './bitbucket-server-api.ts'
import { createCodeupApi } from './codeup-api.ts'
import type { ForgeName } from './forge.ts'
import type { ForgeApi, ForgeApiTarget } from './forge-api.ts'
import { createGiteaApi } from './gitea-api.ts'
import { createGiteeApi } from './gitee-api.ts'
import { createGithubApi } from './github-api.ts'
import { createGitlabApi } from './gitlab-api.ts'
import { createGitlinkApi } from './gitlink-api.ts'
import { createGogsApi } from './gogs-api.ts'
import { repositoryPlace } from './repository-place.ts'

type CreateApi = (deps: ApiClient, target: ForgeApiTarget) => ForgeApi | undefined

/** Undefined where a forge offers no such API. */
const createApiByForge: Readonly<Record<ForgeName, CreateApi | undefined>> = {
  github: createGithubApi,
  gitlab: createGitlabApi,
  gitea: createGiteaApi,
  forgejo: createGiteaApi,
  gogs: createGogsApi,
  gitlink: createGitlinkApi,
  gitee: createGiteeApi,
  bitbucket: createBitbucketApi,
  'bitbucket-server': createBitbucketServerApi,
  azure: createAzureApi,
  codeup: createCodeupApi,
  coding: undefined,
  generic: undefined,
}

/** The REST side of the repository's forge; undefined when it has none, or the address names no repository. */
export function forgeApi(deps: ApiClient, target: ForgeApiTarget): ForgeApi | undefined {
  return createApiByForge[target.forge]?.(deps, target)
}

const FORGE_BY_HOST: readonly (readonly [host: RegExp, forge: ForgeName])[] = [
  [/^(?:(?:www|ssh)\.)?github\.com$|\.ghe\.com$/, 'github'],
  [/^(?:altssh\.)?gitlab\.com$/, 'gitlab'],
  [/^gitee\.com$/, 'gitee'],
  [/^(?:(?:www|code)\.)?gitlink\.org\.cn$/, 'gitlink'],
  [/^(?:altssh\.)?bitbucket\.org$/, 'bitbucket'],
  [/^(?:ssh\.)?dev\.azure\.com$|\.visualstudio\.com$/, 'azure'],
  [/^codeup\.aliyun\.com$/, 'codeup'],
  [/^codeberg\.org$/, 'forgejo'],
  [/^gitea\.com$/, 'gitea'],
]

/** The forge of a well-known host; undefined for one that anybody may run. */
export function forgeOfAddress(address: string): ForgeName | undefined {
  const host = repositoryPlace(address)?.host
  return FORGE_BY_HOST.find(([known]) => host !== undefined && known.test(host))?.[1]
}
