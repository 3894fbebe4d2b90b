import { z } from 'zod'
import { apiCall, apiId, callsBelow, readAnswer, withoutValue } from './api-call.ts'
import type { ApiCall } from './api-call.ts'
import type { ApiClient } from './api-client.ts'
import { readLinkedPages } from './api-paging.ts'
import { ownerAndName, pathOf } from './api-place.ts'
import { confirmDefaultBranch, plainRepository } from './default-branch.ts'
import { flag, text } from './fields.ts'
import type { ForgeApi, ForgeApiTarget, RemoteHook, WantedHook } from './forge-api.ts'

// Gitea and Forgejo, and what Gogs shares with them. None of them keeps a history that can be asked for.

/** Undefined when the address names no repository of a Gitea or Forgejo. */
export function createGiteaApi(deps: ApiClient, target: ForgeApiTarget): ForgeApi | undefined {
  const repository = giteaCall(deps, target)
  if (repository === undefined) return undefined
  const call = callsBelow(repository, '/hooks')
  const type = target.forge === 'forgejo' ? 'forgejo' : 'gitea'
  return {
    describeRepository: async () => readAnswer(await repository('GET', ''), GiteaRepository),
    setDefaultBranch: async (branch) => {
      const changed = await repository('PATCH', '', { body: { default_branch: branch } })
      // A branch that is not there is passed over in silence.
      return confirmDefaultBranch(readAnswer(changed, GiteaRepository), branch)
    },
    listHooks: () => readLinkedPages(call, '', { schema: z.array(GiteaHook), query: { limit: '50' } }),
    createHook: async (wanted) => {
      const content = { body: { type, ...giteaSettings(wanted) }, secrets: [wanted.secret] }
      return readAnswer(await call('POST', '', content), GiteaHook)
    },
    updateHook: async (id, wanted) => {
      const content = { body: giteaSettings(wanted), secrets: [wanted.secret] }
      return readAnswer(await call('PATCH', pathOf([id]), content), GiteaHook)
    },
    deleteHook: async (id) => withoutValue(await call('DELETE', pathOf([id]))),
    testHook: async (id) => withoutValue(await call('POST', pathOf([id, 'tests']))),
  }
}

/** Calls about the repository; undefined when the address names none. */
export function giteaCall(deps: ApiClient, target: ForgeApiTarget): ApiCall | undefined {
  const place = ownerAndName(target, '/api/v1')
  if (place === undefined) return undefined
  return apiCall(deps, {
    base: `${place.base}${pathOf(['repos', place.owner, place.name])}`,
    headers: { authorization: `token ${target.token}` },
    token: target.token,
  })
}

// Some tell of a new tag or a deleted branch with an event of its own and no push.
const EVENTS = ['push', 'create', 'delete']

/** Without the type, which a hook keeps for ever. */
export function giteaSettings({ url, secret }: WantedHook) {
  return { active: true, events: EVENTS, branch_filter: '*', config: { url, content_type: 'json', secret } }
}

export const GiteaRepository = z
  .object({ id: apiId, default_branch: text, empty: flag })
  .transform(({ id, default_branch: branch, empty }) => plainRepository(id, branch, empty ?? null))

export const GiteaHook = z
  .object({
    id: apiId,
    active: flag,
    events: z.array(z.string()).catch([]),
    /** Not told by older versions. */
    branch_filter: text,
    config: z.object({ url: z.string().catch('') }),
  })
  .transform(({ id, active, events, branch_filter: filter, config }): RemoteHook => ({
    id,
    url: config.url,
    isActive: active === true,
    hasEvents: EVENTS.every((event) => events.includes(event)) && (filter === undefined || filter === '*'),
    problem: null,
  }))
