import { z } from 'zod'
import { apiId, callsBelow, readAnswer, readPages, withoutValue } from './api-call.ts'
import type { ApiCall } from './api-call.ts'
import type { ApiClient } from './api-client.ts'
import { apiBase, ownerAndName, pathOf } from './api-place.ts'
import { bitbucketCall } from './bitbucket-call.ts'
import { confirmDefaultBranch, plainRepository } from './default-branch.ts'
import { flag, part } from './fields.ts'
import type { ForgeApi, ForgeApiOutcome, ForgeApiTarget, RemoteHook, WantedHook } from './forge-api.ts'

// Bitbucket Cloud. It can neither be asked for a test delivery nor for what it has sent.

/** Undefined when the address names no repository of Bitbucket. */
export function createBitbucketApi(deps: ApiClient, target: ForgeApiTarget): ForgeApi | undefined {
  const place = ownerAndName(target, '')
  if (place === undefined) return undefined
  const { owner: workspace, name: slug } = place
  const repository = bitbucketCall(deps, {
    base: `${apiBase(target.apiUrl) ?? 'https://api.bitbucket.org/2.0'}${pathOf(['repositories', workspace, slug])}`,
    token: target.token,
  })
  const call = callsBelow(repository, '/hooks')
  return {
    describeRepository: async () => readAnswer(await repository('GET', ''), Repository),
    setDefaultBranch: (branch) => setDefaultBranch(repository, branch),
    listHooks: () => readPages<RemoteHook, Query>({ pagelen: '100' }, (query) => readPage(call, query)),
    createHook: async (wanted) => readAnswer(await call('POST', '', contentOf(wanted)), Hook),
    updateHook: async (id, wanted) => readAnswer(await call('PUT', pathOf([id]), contentOf(wanted)), Hook),
    deleteHook: async (id) => withoutValue(await call('DELETE', pathOf([id]))),
  }
}

const Repository = z
  .object({ uuid: apiId, mainbranch: part({ name: z.string() }) })
  .transform(({ uuid, mainbranch }) => plainRepository(uuid, mainbranch?.name))

// The same call makes a repository that is not there, so that is looked at first.
async function setDefaultBranch(repository: ApiCall, branch: string): Promise<ForgeApiOutcome<null>> {
  const known = readAnswer(await repository('GET', ''), Repository)
  if (!known.ok) return known
  const body = { mainbranch: { type: 'branch', name: branch } }
  return confirmDefaultBranch(readAnswer(await repository('PUT', '', { body }), Repository), branch)
}

function contentOf({ url, secret }: WantedHook) {
  const body = {
    description: 'reposync',
    url,
    secret,
    active: true,
    events: ['repo:push'],
    skip_cert_verification: false,
  }
  return { body, secrets: [secret] }
}

const Hook = z
  .object({
    uuid: apiId,
    url: z.string(),
    active: flag,
    events: z.array(z.string()).catch([]),
    secret_set: flag,
  })
  .transform((hook): RemoteHook => ({
    id: hook.uuid,
    url: hook.url,
    isActive: hook.active !== false,
    hasEvents: hook.events.includes('repo:push'),
    problem: hook.secret_set === false ? 'the hook has no secret' : null,
  }))
const Page = z.object({ values: z.array(Hook), next: z.string().optional().catch(undefined) })
type Query = Readonly<Record<string, string>>

// Of the address of the next page only the query is taken: where the token goes is not for an answer to say.
async function readPage(call: ApiCall, query: Query) {
  const page = readAnswer(await call('GET', '', { query }), Page)
  if (!page.ok) return page
  const { values: items, next = '' } = page.value
  const nextQuery = URL.canParse(next) ? Object.fromEntries(new URL(next).searchParams) : undefined
  return { ok: true, value: { items, next: nextQuery } } as const
}
