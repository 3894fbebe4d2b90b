import { z } from 'zod'
import { hide } from './api-answer.ts'
import { apiCall, apiId, callsBelow, readAnswer, withoutValue } from './api-call.ts'
import type { ApiCall } from './api-call.ts'
import type { ApiClient } from './api-client.ts'
import { readLinkedPages } from './api-paging.ts'
import { apiBase, pathOf } from './api-place.ts'
import { confirmDefaultBranch, plainRepository } from './default-branch.ts'
import { flag, text } from './fields.ts'
import type { ForgeApi, ForgeApiOutcome, ForgeApiTarget, RemoteHook, WantedHook } from './forge-api.ts'
import { missedEvents } from './gitlab-history.ts'
import { repositoryPlace } from './repository-place.ts'
import type { RepositoryPlace } from './repository-place.ts'

// GitLab. It switches a hook off that fails again and again, and only a test that succeeds switches it on.

const API_PATH = '/api/v4'

/** Undefined when the address names no repository of a GitLab. */
export function createGitlabApi(deps: ApiClient, target: ForgeApiTarget): ForgeApi | undefined {
  const place = repositoryPlace(target.address)
  if (place === undefined) return undefined
  const base = apiBase(target.apiUrl) ?? `${webOrigin(place)}${API_PATH}`
  const project = projectPath(place, base)
  if (project.length < 2) return undefined
  const repository = apiCall(deps, {
    base: `${base}${pathOf(['projects', project.join('/')])}`,
    headers: { authorization: `Bearer ${target.token}` },
    token: target.token,
  })
  const call = callsBelow(repository, '/hooks')
  return {
    describeRepository: async () => readAnswer(await repository('GET', ''), Repository),
    setDefaultBranch: async (branch) => {
      const changed = await repository('PUT', '', { body: { default_branch: branch } })
      return confirmDefaultBranch(readAnswer(changed, Repository), branch)
    },
    listHooks: () => readLinkedPages(call, '', { schema: z.array(Hook), query: { per_page: '100' } }),
    createHook: async (wanted) =>
      readAnswer(await call('POST', '', { body: settings(wanted), secrets: [wanted.secret] }), Hook),
    updateHook: (id, wanted) => updateHook(call, id, wanted),
    deleteHook: async (id) => withoutValue(await call('DELETE', pathOf([id]))),
    testHook: (id) => testHook(call, id),
    missedDeliveries: (id, sinceMs) => missedEvents(call, id, sinceMs),
    redeliver: async (id, deliveryId) =>
      withoutValue(await call('POST', pathOf([id, 'events', deliveryId, 'resend']))),
  }
}

function webOrigin({ origin, host }: RepositoryPlace): string {
  return host === 'altssh.gitlab.com' ? 'https://gitlab.com' : origin
}

// Groups nest to any depth, so only the address of the API tells which part of a path is the installation.
function projectPath({ segments, isWeb }: RepositoryPlace, base: string): readonly string[] {
  if (!isWeb || !URL.canParse(base)) return segments
  const above = new URL(base).pathname.replace(/\/api\/v4$/, '')
  const path = `/${segments.join('/')}`
  return path.startsWith(`${above}/`) ? path.slice(above.length + 1).split('/') : segments
}

// All of it every time: a new address takes the token away.
function settings({ url, secret }: WantedHook) {
  return {
    url,
    token: secret,
    push_events: true,
    tag_push_events: true,
    push_events_branch_filter: '',
    branch_filter_strategy: 'all_branches',
    enable_ssl_verification: true,
  }
}

async function updateHook(
  call: ApiCall,
  id: string,
  wanted: WantedHook,
): Promise<ForgeApiOutcome<RemoteHook>> {
  const content = { body: settings(wanted), secrets: [wanted.secret] }
  const updated = readAnswer(await call('PUT', pathOf([id]), content), Hook)
  if (!updated.ok || updated.value.isActive) return updated
  const tested = await testHook(call, id)
  if (tested.ok) return readAnswer(await call('GET', pathOf([id])), Hook)
  // The hook is as wanted but for that; why it stays off is what the test said.
  const problem = `${updated.value.problem ?? 'the hook is off'}; a test did not switch it on: ${tested.failure.detail}`
  return { ok: true, value: { ...updated.value, problem } }
}

async function testHook(call: ApiCall, id: string): Promise<ForgeApiOutcome<null>> {
  return withoutValue(await call('POST', pathOf([id, 'test', 'push_events'])))
}

const Repository = z
  .object({ id: apiId, default_branch: text, empty_repo: flag })
  .transform(({ id, default_branch: branch, empty_repo: isEmpty }) =>
    plainRepository(id, branch, isEmpty ?? null),
  )

const Hook = z
  .object({
    id: apiId,
    url: z.string().catch(''),
    push_events: flag,
    tag_push_events: flag,
    push_events_branch_filter: text,
    branch_filter_strategy: text,
    alert_status: text,
    disabled_until: text,
    /** Not told by older versions. */
    token_present: flag,
  })
  .transform((hook): RemoteHook => ({
    id: hook.id,
    url: hook.url,
    isActive: hook.alert_status === undefined || hook.alert_status === 'executable',
    hasEvents:
      hook.push_events === true &&
      hook.tag_push_events === true &&
      (hook.branch_filter_strategy === 'all_branches' || hook.push_events_branch_filter === undefined),
    problem: problemOf(hook.alert_status, hook.disabled_until, hook.token_present),
  }))

function problemOf(
  status: string | undefined,
  until: string | undefined,
  hasToken: boolean | undefined,
): string | null {
  if (status === 'disabled') return 'GitLab has switched the hook off after too many failures'
  if (status === 'temporarily_disabled') {
    return hide(`GitLab has switched the hook off after failures, until ${until ?? 'later'}`, [])
  }
  return hasToken === false ? 'the hook has no secret' : null
}
