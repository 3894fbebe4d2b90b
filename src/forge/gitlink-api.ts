import { z } from 'zod'
import { apiCall, apiId, readAnswer, withoutValue } from './api-call.ts'
import type { ApiCall } from './api-call.ts'
import type { ApiClient } from './api-client.ts'
import { ownerAndName } from './api-place.ts'
import { flag, text } from './fields.ts'
import type { ForgeApi, ForgeApiOutcome, ForgeApiTarget, RemoteHook, WantedHook } from './forge-api.ts'
import { judgeEnvelope, totalOf } from './gitlink-answer.ts'
import { missedTasks, reachesBackTo, Tasks } from './gitlink-history.ts'
import { inEither } from './gitlink-paths.ts'
import type { InEither } from './gitlink-paths.ts'
import { gitlinkRepository } from './gitlink-repository.ts'
import { readNumberedPages } from './numbered-pages.ts'

// GitLink (Forgeplus): hooks, test pushes and what could not be delivered; the repository itself is beside.

/** Undefined when the address names no repository of a GitLink. */
export function createGitlinkApi(deps: ApiClient, target: ForgeApiTarget): ForgeApi | undefined {
  const place = ownerAndName(target, '/api')
  if (place === undefined) return undefined
  const { token } = target
  const isPublic = target.apiUrl === undefined && /(?:^|\.)gitlink\.org\.cn$/.test(place.host)
  const send = apiCall(deps, {
    // Its git host has no API; and an address that was given may be that of the new paths.
    base: isPublic ? 'https://www.gitlink.org.cn/api' : place.base.replace(/\/v1$/, ''),
    headers: { authorization: `Bearer ${token}` },
    token,
  })
  const call: ApiCall = async (method, path, content = {}) =>
    judgeEnvelope(await send(method, path, content), [token, ...(content.secrets ?? [])])
  const either = inEither(place.owner, place.name)
  return {
    ...gitlinkRepository(call, place),
    listHooks: () => listHooks(call, either),
    createHook: async (wanted) =>
      readAnswer(await either(({ hooks }) => call('POST', hooks, contentOf(wanted))), Hook),
    updateHook: (id, wanted) => updateHook(call, either, id, wanted),
    deleteHook: async (id) => withoutValue(await either((paths) => call('DELETE', paths.hook(id)))),
    testHook: async (id) => withoutValue(await either((paths) => call('POST', paths.test(id)))),
    missedDeliveries: async (id, sinceMs) => {
      const tasks = await either(
        (paths) =>
          readNumberedPages(call, paths.history(id), {
            schema: Tasks,
            query: HISTORY_PAGE,
            totalOf,
            isEnough: reachesBackTo(sinceMs),
          }),
        ['not_found', 'unexpected'],
      )
      return tasks.ok ? { ok: true, value: missedTasks(tasks.value, sinceMs) } : tasks
    },
  }
}

// An entry of the history holds a whole payload and a whole answer.
const HISTORY_PAGE = { limit: '10' }
const HOOKS_PAGE = { limit: '50' }
const EVENTS = ['push', 'create', 'delete']

function contentOf({ url, secret }: WantedHook) {
  const body = {
    type: 'gitea',
    url,
    http_method: 'POST',
    content_type: 'json',
    secret,
    active: true,
    branch_filter: '*',
    events: EVENTS,
  }
  return { body, secrets: [secret] }
}

const Hook = z
  .object({
    id: apiId,
    url: z.string(),
    active: flag,
    is_active: flag,
    events: z.array(z.string()),
    branch_filter: text,
    last_status: text,
  })
  .transform((hook): RemoteHook => {
    const isForAllBranches = hook.branch_filter === undefined || hook.branch_filter === '*'
    return {
      id: hook.id,
      url: hook.url,
      isActive: hook.active ?? hook.is_active ?? true,
      hasEvents: isForAllBranches && EVENTS.every((event) => hook.events.includes(event)),
      problem: hook.last_status === 'fail' ? 'the last delivery failed' : null,
    }
  })

const ListedHooks = z
  .object({ webhooks: z.array(z.object({ id: apiId, type: text })) })
  .transform(({ webhooks }) => webhooks)

// The list leaves the events out, so every hook that could be ours is read by itself.
async function listHooks(call: ApiCall, either: InEither): Promise<ForgeApiOutcome<readonly RemoteHook[]>> {
  const listed = await either(
    ({ hooks }) => readNumberedPages(call, hooks, { schema: ListedHooks, query: HOOKS_PAGE, totalOf }),
    ['not_found', 'unexpected'],
  )
  if (!listed.ok) return listed
  const hooks: RemoteHook[] = []
  for (const { id } of listed.value.filter(({ type }) => type === undefined || type === 'gitea')) {
    const hook = await readHook(call, either, id)
    if (hook.ok) hooks.push(hook.value)
    // Otherwise somebody has deleted it since it was listed.
    else if (hook.failure.kind !== 'not_found') return hook
  }
  return { ok: true, value: hooks }
}

function readHook(call: ApiCall, either: InEither, id: string): Promise<ForgeApiOutcome<RemoteHook>> {
  return either(
    async (paths) => readAnswer(await call('GET', paths.detail(id)), Hook),
    ['not_found', 'unexpected'],
  )
}

// Under the old paths an update answers that it went well, but not with the hook.
async function updateHook(
  call: ApiCall,
  either: InEither,
  id: string,
  wanted: WantedHook,
): Promise<ForgeApiOutcome<RemoteHook>> {
  const updated = await either((paths) => call(paths.updateMethod, paths.hook(id), contentOf(wanted)))
  return updated.ok ? readHook(call, either, id) : updated
}
