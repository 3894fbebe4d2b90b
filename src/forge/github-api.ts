import { z } from 'zod'
import { hide } from './api-answer.ts'
import { apiCall, apiId, callsBelow, readAnswer, withoutValue } from './api-call.ts'
import type { ApiCall } from './api-call.ts'
import type { ApiClient } from './api-client.ts'
import { readLinkedPages } from './api-paging.ts'
import { apiBase, pathOf } from './api-place.ts'
import { confirmDefaultBranch, plainRepository } from './default-branch.ts'
import { missedIn } from './delivery-history.ts'
import type { Attempt } from './delivery-history.ts'
import { flag, part, text } from './fields.ts'
import type { ForgeApi, ForgeApiTarget, RemoteHook, WantedHook } from './forge-api.ts'
import { repositoryPlace } from './repository-place.ts'
import type { RepositoryPlace } from './repository-place.ts'

// GitHub, its enterprise server and its enterprise cloud.

/** Undefined when the address names no repository of a GitHub. */
export function createGithubApi(deps: ApiClient, target: ForgeApiTarget): ForgeApi | undefined {
  const place = repositoryPlace(target.address)
  if (place?.segments.length !== 2) return undefined
  const repository = apiCall(deps, {
    base: `${apiBase(target.apiUrl) ?? apiOf(place)}${pathOf(['repos', ...place.segments])}`,
    headers: {
      authorization: `Bearer ${target.token}`,
      accept: 'application/vnd.github+json',
      'x-github-api-version': '2022-11-28',
    },
    token: target.token,
  })
  const call = callsBelow(repository, '/hooks')
  return {
    describeRepository: async () => readAnswer(await repository('GET', ''), Repository),
    setDefaultBranch: async (branch) => {
      const changed = await repository('PATCH', '', { body: { default_branch: branch } })
      return confirmDefaultBranch(readAnswer(changed, Repository), branch)
    },
    listHooks: () => readLinkedPages(call, '', { schema: z.array(Hook), query: { per_page: '100' } }),
    createHook: async (wanted) => {
      const body = { name: 'web', ...settings(wanted) }
      return readAnswer(await call('POST', '', { body, secrets: [wanted.secret] }), Hook)
    },
    updateHook: async (id, wanted) => {
      const content = { body: settings(wanted), secrets: [wanted.secret] }
      return readAnswer(await call('PATCH', pathOf([id]), content), Hook)
    },
    deleteHook: async (id) => withoutValue(await call('DELETE', pathOf([id]))),
    // A ping: the "test" of GitHub repeats the last push, which an empty repository does not have.
    testHook: async (id) => withoutValue(await call('POST', pathOf([id, 'pings']))),
    missedDeliveries: (id, sinceMs) => missedDeliveries(call, id, sinceMs),
    redeliver: async (id, deliveryId) =>
      withoutValue(await call('POST', pathOf([id, 'deliveries', deliveryId, 'attempts']))),
  }
}

function apiOf({ origin, host }: RepositoryPlace): string {
  if (/^(?:www\.|ssh\.)?github\.com$/.test(host)) return 'https://api.github.com'
  return host.endsWith('.ghe.com') ? `https://api.${host}` : `${origin}/api/v3`
}

// A push tells of branches and tags, made and deleted; the other events would only tell it again.
function settings({ url, secret }: WantedHook) {
  return { active: true, events: ['push'], config: { url, content_type: 'json', secret, insecure_ssl: '0' } }
}

const Repository = z
  .object({ id: apiId, default_branch: text })
  .transform(({ id, default_branch: branch }) => plainRepository(id, branch))

const Hook = z
  .object({
    id: apiId,
    active: flag,
    events: z.array(z.string()).catch([]),
    // The secret reads back as asterisks.
    config: z.object({ url: z.string().catch(''), secret: text }),
    last_response: part({ code: z.number().optional().catch(undefined), message: text }),
  })
  .transform(({ id, active, events, config, last_response: last }): RemoteHook => ({
    id,
    url: config.url,
    isActive: active !== false,
    hasEvents: events.includes('push') || events.includes('*'),
    problem: config.secret === undefined ? 'the hook has no secret' : problemOf(last?.code, last?.message),
  }))

function problemOf(code: number | undefined, words: string | undefined): string | null {
  if (code === undefined || isSuccess(code)) return null
  return hide(`the last delivery was answered with ${code}${words === undefined ? '' : `: ${words}`}`, [])
}

function isSuccess(code: number): boolean {
  return code >= 200 && code <= 299
}

async function missedDeliveries(call: ApiCall, id: string, sinceMs: number) {
  const attempts = await readLinkedPages(call, pathOf([id, 'deliveries']), {
    schema: z.array(Delivery),
    query: { per_page: '100' },
    // Newest first.
    isEnough: (page) => page.some(({ at }) => at < sinceMs),
  })
  if (!attempts.ok) return attempts
  const pushes = attempts.value.filter(({ event }) => event === 'push')
  return { ok: true, value: missedIn(pushes, sinceMs) } as const
}

const Delivery = z
  .object({
    id: apiId,
    guid: z.string(),
    event: text,
    delivered_at: z.coerce.date(),
    /** 502 when nobody listened. */
    status_code: z.number().catch(0),
  })
  .transform((sent): Attempt & { readonly event: string | undefined } => ({
    id: sent.id,
    at: sent.delivered_at.getTime(),
    payload: null,
    delivery: sent.guid,
    isDelivered: isSuccess(sent.status_code),
    event: sent.event,
  }))
