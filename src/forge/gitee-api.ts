import { z } from 'zod'
import { hide } from './api-answer.ts'
import { apiCall, apiId, callsBelow, readAnswer, withoutValue } from './api-call.ts'
import type { ApiCall } from './api-call.ts'
import type { ApiClient } from './api-client.ts'
import { confirmDefaultBranch, plainRepository } from './default-branch.ts'
import type { ForgeApi, ForgeApiOutcome, ForgeApiTarget, RemoteHook, WantedHook } from './forge-api.ts'
import { flag, text } from './fields.ts'
import { readNumberedPages, totalInHeader } from './numbered-pages.ts'
import { ownerAndName, pathOf } from './api-place.ts'

// Gitee's API v5. Its hooks cannot be switched off, and it keeps no history of deliveries.

/** Undefined when the address names no repository of a Gitee. */
export function createGiteeApi(deps: ApiClient, target: ForgeApiTarget): ForgeApi | undefined {
  const place = ownerAndName(target, '/api/v5')
  if (place === undefined) return undefined
  const { base, owner, name } = place
  const repository = apiCall(deps, {
    base: `${base}${pathOf(['repos', owner, name])}`,
    headers: { authorization: `token ${target.token}` },
    token: target.token,
  })
  const call = callsBelow(repository, '/hooks')
  return {
    describeRepository: async () => readAnswer(await repository('GET', ''), Repository),
    setDefaultBranch: (branch) => setDefaultBranch(repository, branch),
    listHooks: () =>
      readNumberedPages(call, '', {
        schema: z.array(Hook),
        query: { per_page: '100' },
        totalOf: totalInHeader('total_count'),
      }),
    createHook: async (wanted) =>
      readAnswer(await call('POST', '', { body: hookBody(wanted), secrets: [wanted.secret] }), Hook),
    updateHook: async (id, wanted) =>
      readAnswer(
        await call('PATCH', pathOf([id]), { body: hookBody(wanted), secrets: [wanted.secret] }),
        Hook,
      ),
    deleteHook: async (id) => withoutValue(await call('DELETE', pathOf([id]))),
    testHook: async (id) => withoutValue(await call('POST', pathOf([id, 'tests']))),
  }
}

const Repository = z
  .object({ id: apiId, default_branch: text })
  .transform(({ id, default_branch: branch }) => plainRepository(id, branch))

// What a change must name, and what it documents a default for, so that leaving it out might change it.
const Settings = z.object({ name: z.string(), has_issues: flag, has_wiki: flag, can_comment: flag })

async function setDefaultBranch(repository: ApiCall, branch: string): Promise<ForgeApiOutcome<null>> {
  const settings = readAnswer(await repository('GET', ''), Settings)
  if (!settings.ok) return settings
  const body = { ...settings.value, default_branch: branch }
  return confirmDefaultBranch(readAnswer(await repository('PATCH', '', { body }), Repository), branch)
}

// Sign mode, so that the secret itself never travels with a delivery.
function hookBody({ url, secret }: WantedHook) {
  return { url, encryption_type: 1, password: secret, push_events: true, tag_push_events: true }
}

const Hook = z
  .object({
    id: apiId,
    url: z.string(),
    push_events: flag,
    tag_push_events: flag,
    /** Of the last delivery: the status of its answer, and words about it. */
    result_code: z.number().optional().catch(undefined),
    result: text,
  })
  .transform((hook): RemoteHook => ({
    id: hook.id,
    url: hook.url,
    isActive: true,
    hasEvents: hook.push_events === true && hook.tag_push_events === true,
    problem: lastDeliveryProblem(hook.result_code, hook.result),
  }))

function lastDeliveryProblem(code: number | undefined, words: string | undefined): string | null {
  if (code === undefined || code === 0 || (code >= 200 && code <= 299)) return null
  return `the last delivery was answered with ${code}${words === undefined ? '' : `: ${hide(words, [])}`}`
}
