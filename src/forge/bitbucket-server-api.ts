import { z } from 'zod'
import { failure, hide } from './api-answer.ts'
import { apiId, callsBelow, readAnswer, readPages, withoutValue } from './api-call.ts'
import type { ApiCall } from './api-call.ts'
import type { ApiClient } from './api-client.ts'
import { apiBase, pathOf } from './api-place.ts'
import { bitbucketCall } from './bitbucket-call.ts'
import { bitbucketServerBranch } from './bitbucket-server-branch.ts'
import { flag, part, text } from './fields.ts'
import type { ForgeApi, ForgeApiOutcome, ForgeApiTarget, RemoteHook, WantedHook } from './forge-api.ts'
import { repositoryPlace } from './repository-place.ts'

// Bitbucket Server and Data Center. Of past deliveries it knows the last one only, which serves as the
// hook's health: after five failures in a row it skips events for up to ten hours.

/** Undefined when the address names no repository of a Bitbucket Server. */
export function createBitbucketServerApi(deps: ApiClient, target: ForgeApiTarget): ForgeApi | undefined {
  const place = placeOf(target.address)
  if (place === undefined) return undefined
  const repository = bitbucketCall(deps, {
    base: `${apiBase(target.apiUrl) ?? `${place.web}/rest/api/1.0`}${pathOf(['projects', place.key, 'repos', place.slug])}`,
    token: target.token,
  })
  const call = callsBelow(repository, '/webhooks')
  return {
    ...bitbucketServerBranch(repository),
    listHooks: () => listHooks(call),
    createHook: async (wanted) => readAnswer(await call('POST', '', contentOf(wanted)), Hook),
    updateHook: async (id, wanted) => readAnswer(await call('PUT', pathOf([id]), contentOf(wanted)), Hook),
    deleteHook: async (id) => withoutValue(await call('DELETE', pathOf([id]))),
    testHook: (id) => testHook(call, id, target.token),
  }
}

/** `[context/]scm/KEY/slug` over http, `KEY/slug` over ssh, and the addresses of the web pages. */
function placeOf(address: string) {
  const place = repositoryPlace(address)
  if (place === undefined) return undefined
  const { origin, segments } = place
  const found = keyAndSlug(segments)
  return found === undefined
    ? undefined
    : { web: `${origin}${pathOf(segments.slice(0, found.start))}`, key: found.key, slug: found.slug }
}

function keyAndSlug(segments: readonly string[]) {
  const start = segments.findIndex((segment) => ['scm', 'projects', 'users'].includes(segment))
  const [kind, key, repos, slug] = start === -1 ? [] : segments.slice(start)
  if (kind === 'scm' && key !== undefined && repos !== undefined) return { start, key, slug: repos }
  if (key !== undefined && repos === 'repos' && slug !== undefined) {
    return { start, key: kind === 'users' ? `~${key}` : key, slug }
  }
  const [last, beforeLast] = [segments.at(-1), segments.at(-2)]
  return last === undefined || beforeLast === undefined
    ? undefined
    : { start: segments.length - 2, key: beforeLast, slug: last }
}

const EVENT = 'repo:refs_changed'

function contentOf({ url, secret }: WantedHook) {
  const body = {
    name: 'reposync',
    url,
    active: true,
    events: [EVENT],
    configuration: { secret },
    sslVerificationRequired: true,
  }
  return { body, secrets: [secret] }
}

const Hook = z
  .object({
    id: apiId,
    url: z.string(),
    active: flag,
    events: z.array(z.string()).catch([]),
    configuration: part({ secret: text }),
  })
  .transform((hook): RemoteHook => ({
    id: hook.id,
    url: hook.url,
    isActive: hook.active !== false,
    hasEvents: hook.events.includes(EVENT),
    problem:
      hook.configuration !== undefined && hook.configuration.secret === undefined
        ? 'the hook has no secret'
        : null,
  }))
const Page = z.object({
  values: z.array(Hook),
  isLastPage: flag,
  nextPageStart: z.number().nullish().catch(null),
})

async function listHooks(call: ApiCall): Promise<ForgeApiOutcome<readonly RemoteHook[]>> {
  const listed = await readPages(0, (start) => readPage(call, start))
  if (!listed.ok) return listed
  const hooks: RemoteHook[] = []
  for (const hook of listed.value) {
    hooks.push(hook.problem === null ? { ...hook, problem: await lastProblem(call, hook.id) } : hook)
  }
  return { ok: true, value: hooks }
}

async function readPage(call: ApiCall, start: number) {
  const page = readAnswer(await call('GET', '', { query: { start: String(start), limit: '100' } }), Page)
  if (!page.ok) return page
  const { values: items, isLastPage, nextPageStart } = page.value
  const next = isLastPage === false ? (nextPageStart ?? undefined) : undefined
  return { ok: true, value: { items, next } } as const
}

const Invocation = z.object({ result: z.object({ outcome: z.string(), description: text }) })

// Only a help to people: a version that cannot tell must not make the list fail.
async function lastProblem(call: ApiCall, id: string): Promise<string | null> {
  const latest = await call('GET', `${pathOf([id])}/latest`, { query: { event: EVENT } })
  const last = readAnswer(latest, Invocation)
  if (!last.ok || last.value.result.outcome === 'SUCCESS') return null
  const { description } = last.value.result
  return `the last delivery failed${description === undefined ? '' : `: ${hide(description, [])}`}`
}

const TestResult = z.object({ response: part({ statusCode: z.number() }), statusCode: z.number().optional() })

// The test is of an address, to which newer versions add the hook whose secret signs it.
async function testHook(call: ApiCall, id: string, token: string): Promise<ForgeApiOutcome<null>> {
  const hook = readAnswer(await call('GET', pathOf([id])), Hook)
  if (!hook.ok) return hook
  const tested = await call('POST', '/test', { query: { url: hook.value.url, webhookId: id } })
  const result = readAnswer(tested, TestResult)
  if (!result.ok) return withoutValue(tested)
  const status = result.value.response?.statusCode ?? result.value.statusCode ?? 200
  if (status >= 200 && status <= 299) return { ok: true, value: null }
  return failure(
    'refused',
    hide(`the forge reached ${hook.value.url} and was answered with ${status}`, [token]),
  )
}
