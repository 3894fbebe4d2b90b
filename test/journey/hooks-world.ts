import { z } from 'zod'
import type { ForgeName } from '../../src/forge/forge.ts'
import type { Answer } from '../rig/daemon.ts'
import { defaultBranchOf } from '../rig/fake-default-branch.ts'
import { startFakeAzure } from '../rig/fake-forge-azure.ts'
import { startFakeBitbucket } from '../rig/fake-forge-bitbucket.ts'
import { startFakeBitbucketServer } from '../rig/fake-forge-bitbucket-server.ts'
import { startFakeCodeup } from '../rig/fake-forge-codeup.ts'
import { startFakeGitea } from '../rig/fake-forge-gitea.ts'
import { startFakeGitee } from '../rig/fake-forge-gitee.ts'
import { startFakeGithub } from '../rig/fake-forge-github.ts'
import { startFakeGitlab } from '../rig/fake-forge-gitlab.ts'
import { startFakeGitlink } from '../rig/fake-forge-gitlink.ts'
import type { FakeHookForge, FakeHookForgeOptions } from '../rig/fake-hooks.ts'
import { startJourney } from '../rig/journey.ts'
import type { BoundPair, Journey } from '../rig/journey.ts'
import { freePort } from '../rig/free-port.ts'

// A journey whose daemon forges can reach at PUBLIC_URL, also after a restart, and forges with an API.

export const TOKEN = 'token-that-nobody-may-see'

export type ApiForge = {
  readonly forge: ForgeName
  readonly start: (options: FakeHookForgeOptions) => Promise<FakeHookForge>
  readonly apiPath: string
  /** Where the forge has the repository, and what its API calls it; default: `team/app` both. */
  readonly path?: string
  readonly fullName?: string
  readonly hasTest: boolean
}

export const GITHUB: ApiForge = { forge: 'github', start: startFakeGithub, apiPath: '/api/v3', hasTest: true }
export const GITLAB: ApiForge = { forge: 'gitlab', start: startFakeGitlab, apiPath: '/api/v4', hasTest: true }
export const GITLINK: ApiForge = { forge: 'gitlink', start: startFakeGitlink, apiPath: '/api', hasTest: true }
export const AZURE: ApiForge = {
  forge: 'azure',
  start: startFakeAzure,
  apiPath: '/fabrikam',
  path: 'fabrikam/team/_git/app',
  // There a `.git` at the end is part of the name.
  fullName: 'team/app.git',
  hasTest: true,
}
export const GITEA = giteaKin('gitea')
export const GOGS = giteaKin('gogs')
export const API_FORGES: readonly ApiForge[] = [
  GITHUB,
  GITLAB,
  GITEA,
  giteaKin('forgejo'),
  GOGS,
  GITLINK,
  { forge: 'gitee', start: startFakeGitee, apiPath: '/api/v5', hasTest: true },
  { forge: 'bitbucket', start: startFakeBitbucket, apiPath: '/2.0', hasTest: false },
  { forge: 'bitbucket-server', start: startFakeBitbucketServer, apiPath: '/rest/api/1.0', hasTest: true },
  AZURE,
  {
    forge: 'codeup',
    start: startFakeCodeup,
    apiPath: '/oapi/v1/codeup',
    path: '60de7a6852743a5162b5f957/team/app',
    fullName: 'team/app',
    hasTest: false,
  },
]

function giteaKin(kind: 'gitea' | 'forgejo' | 'gogs'): ApiForge {
  return {
    forge: kind,
    start: (options) => startFakeGitea({ ...options, kind }),
    apiPath: '/api/v1',
    hasTest: kind !== 'gogs',
  }
}

export async function startHookJourney(env: Readonly<Record<string, string>> = {}): Promise<Journey> {
  const port = String(await freePort())
  return startJourney({ PORT: port, PUBLIC_URL: `http://127.0.0.1:${port}`, ...env })
}

/** Binds `app`, with its internal side where the forge would have it. */
export async function bindApp(
  journey: Journey,
  { path }: ApiForge,
  options: Readonly<Record<string, unknown>> = {},
): Promise<BoundPair> {
  if (path === undefined) return journey.bind('app', options)
  const inner = await journey.inner.createRepository(path)
  return { ...(await journey.bind('app', { internal_repo_address: inner.url, ...options })), inner }
}

/** The API side of a repository that the journey serves with git. */
export function apiOf({ start, fullName }: ApiForge, repository: BoundPair['inner']): Promise<FakeHookForge> {
  return start({
    token: TOKEN,
    fullName: fullName ?? repository.name,
    cloneUrl: repository.url,
    defaultBranch: defaultBranchOf(repository),
  })
}

const Hook = z.looseObject({
  id: z.number(),
  forge_hook_id: z.string().nullable(),
  url: z.string(),
  problem: z.string().nullable(),
  last_status: z.string().nullable(),
  last_delivery_at: z.string().nullable(),
})
export type HookOnWire = z.infer<typeof Hook>

/** Asks the daemon for a hook at the forge; the answer as it came, and the hook in it. */
export async function register(
  { daemon }: Pick<Journey, 'daemon'>,
  binding: string,
  { forge, apiPath }: ApiForge,
  fake: Pick<FakeHookForge, 'origin'>,
  changes: Readonly<Record<string, unknown>> = {},
): Promise<Answer & { readonly hook: HookOnWire }> {
  const answer = await daemon.call('POST', `/api/v1/bindings/${binding}/hooks`, {
    side: 'internal',
    forge,
    api_token: TOKEN,
    api_url: `${fake.origin}${apiPath}`,
    ...changes,
  })
  const read = z.object({ data: Hook }).safeParse(answer.body)
  if (!read.success) throw new Error(`no hook in the answer ${JSON.stringify(answer.body)}`)
  return { ...answer, hook: read.data.data }
}

/** The hooks of a binding, as the daemon and the forges have them. */
export async function hooksOf(
  { daemon }: Pick<Journey, 'daemon'>,
  binding: string,
): Promise<readonly HookOnWire[]> {
  const { body } = await daemon.call('GET', `/api/v1/bindings/${binding}/hooks`)
  return z.object({ data: z.object({ items: z.array(Hook) }) }).parse(body).data.items
}

/** What an answer that is a refusal says to people. */
export function wordsOf({ body }: Answer): string {
  const { detail, hint } = z.object({ detail: z.string(), hint: z.string().nullable() }).parse(body)
  return `${detail} ${hint ?? ''}`
}
