import { z } from 'zod'
import { hide } from './api-answer.ts'
import { apiCall, apiId, readAnswer, withoutValue } from './api-call.ts'
import type { ApiClient } from './api-client.ts'
import type { ForgeApi, ForgeApiTarget, RemoteHook, WantedHook } from './forge-api.ts'
import { flag, text } from './fields.ts'
import { readNumberedPages, totalInHeader } from './numbered-pages.ts'
import { ownerAndName, pathOf } from './api-place.ts'

// Gitee's API v5. Its hooks cannot be switched off, and it keeps no history of deliveries.

/** Undefined when the address names no repository of a Gitee. */
export function createGiteeApi(deps: ApiClient, target: ForgeApiTarget): ForgeApi | undefined {
  const repository = ownerAndName(target, '/api/v5')
  if (repository === undefined) return undefined
  const { base, owner, name } = repository
  const call = apiCall(deps, {
    base: `${base}${pathOf(['repos', owner, name, 'hooks'])}`,
    headers: { authorization: `token ${target.token}` },
    token: target.token,
  })
  return {
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
