import { z } from 'zod'
import { failure, hide } from './api-answer.ts'
import { apiCall, apiId, readAnswer, withoutValue } from './api-call.ts'
import type { ApiCall, ApiCallContent } from './api-call.ts'
import type { ApiClient } from './api-client.ts'
import { pathOf } from './api-place.ts'
import { missedNotifications } from './azure-history.ts'
import { azurePlace } from './azure-place.ts'
import type { AzurePlace } from './azure-place.ts'
import { confirmDefaultBranch, plainRepository, toFullName, toShortName } from './default-branch.ts'
import { text } from './fields.ts'
import type { ForgeApi, ForgeApiOutcome, ForgeApiTarget, RemoteHook, WantedHook } from './forge-api.ts'

// Azure DevOps: a hook is a subscription of the organization, narrowed to one repository by its ids.

const SUBSCRIPTIONS = '/_apis/hooks/subscriptions'

/** Undefined when the address names no repository of Azure DevOps. */
export function createAzureApi(deps: ApiClient, target: ForgeApiTarget): ForgeApi | undefined {
  const place = azurePlace(target)
  if (place === undefined) return undefined
  const { token } = target
  const login = Buffer.from(`:${token}`).toString('base64')
  const send = apiCall(deps, {
    base: place.base,
    headers: {
      authorization: `Basic ${login}`,
      // Otherwise a bad token is sent to a login page.
      'x-tfs-fedauthredirect': 'Suppress',
    },
    token,
  })
  const call: ApiCall = (method, path, { query = {}, secrets = [], ...content } = {}) =>
    send(method, path, {
      ...content,
      query: { ...query, 'api-version': '7.1' },
      secrets: [...secrets, login],
    })
  return {
    describeRepository: async () => readAnswer(await call('GET', repositoryPath(place)), Repository),
    setDefaultBranch: (branch) => setDefaultBranch(call, place, branch),
    listHooks: () => listHooks(call, place),
    createHook: (wanted) => createHook(call, place, wanted),
    updateHook: (id, wanted) => updateHook(call, place, id, wanted),
    deleteHook: async (id) => withoutValue(await call('DELETE', subscriptionPath(id))),
    testHook: (id) => testHook(call, id, token),
    missedDeliveries: (id, sinceMs) => missedNotifications(call, subscriptionPath(id), sinceMs),
  }
}

function subscriptionPath(id: string): string {
  return `${SUBSCRIPTIONS}${pathOf([id])}`
}

const RepositoryIds = z
  .object({ id: z.string(), project: z.object({ id: z.string() }) })
  .transform(({ id, project }) => ({ repository: id, projectId: project.id }))
type RepositoryIds = z.infer<typeof RepositoryIds>

function repositoryPath({ project, repository }: AzurePlace): string {
  return pathOf([project, '_apis', 'git', 'repositories', repository])
}

async function readIds(call: ApiCall, place: AzurePlace): Promise<ForgeApiOutcome<RepositoryIds>> {
  return readAnswer(await call('GET', repositoryPath(place)), RepositoryIds)
}

const Repository = z
  .object({ id: z.string(), defaultBranch: text })
  .transform(({ id, defaultBranch }) => plainRepository(id, toShortName(defaultBranch)))

// A change takes the id only, not the name.
async function setDefaultBranch(
  call: ApiCall,
  place: AzurePlace,
  branch: string,
): Promise<ForgeApiOutcome<null>> {
  const known = readAnswer(await call('GET', repositoryPath(place)), Repository)
  if (!known.ok) return known
  const path = repositoryPath({ ...place, repository: known.value.id })
  const changed = await call('PATCH', path, { body: { defaultBranch: toFullName(branch) } })
  return confirmDefaultBranch(readAnswer(changed, Repository), branch)
}

// Other people's subscriptions are in the list, too, and may have inputs of any kind.
const Inputs = z.record(z.string(), z.string().optional().catch(undefined))
const Subscription = z.object({
  id: apiId,
  status: text,
  publisherId: text,
  eventType: text,
  consumerId: text,
  consumerActionId: text,
  publisherInputs: Inputs,
  consumerInputs: Inputs,
})
type Subscription = z.infer<typeof Subscription>
const Subscriptions = z.object({ value: z.array(Subscription) })

function toHook(subscription: Subscription): RemoteHook {
  const { id, status = 'enabled', publisherInputs: from, consumerInputs: to } = subscription
  const isNarrowed = [from['branch'], from['pushedBy']].some((input) => (input ?? '') !== '')
  const details = to['resourceDetailsToSend'] ?? 'all'
  return {
    id,
    url: to['url'] ?? '',
    // While a subscription is on probation new events are lost, too.
    isActive: status === 'enabled',
    hasEvents: subscription.eventType === 'git.push' && !isNarrowed && /^(?:all)?$/i.test(details),
    problem: status === 'enabled' ? null : `Azure DevOps says: ${hide(status, [])}`,
  }
}

async function listHooks(call: ApiCall, place: AzurePlace): Promise<ForgeApiOutcome<readonly RemoteHook[]>> {
  const ids = await readIds(call, place)
  if (!ids.ok) return ids
  const query = { publisherId: 'tfs', eventType: 'git.push', consumerId: 'webHooks' }
  const listed = readAnswer(await call('GET', SUBSCRIPTIONS, { query }), Subscriptions)
  if (!listed.ok) return listed
  const own = listed.value.value.filter(
    ({ publisherInputs }) => publisherInputs['repository'] === ids.value.repository,
  )
  return { ok: true, value: own.map(toHook) }
}

async function createHook(
  call: ApiCall,
  place: AzurePlace,
  wanted: WantedHook,
): Promise<ForgeApiOutcome<RemoteHook>> {
  const ids = await readIds(call, place)
  return ids.ok ? readHook(await call('POST', SUBSCRIPTIONS, contentOf(ids.value, wanted))) : ids
}

// What Azure has disabled it does not enable again, so such a subscription gives way to a new one.
async function updateHook(
  call: ApiCall,
  place: AzurePlace,
  id: string,
  wanted: WantedHook,
): Promise<ForgeApiOutcome<RemoteHook>> {
  const current = readHook(await call('GET', subscriptionPath(id)))
  if (!current.ok) return current
  if (!current.value.isActive) {
    const deleted = await call('DELETE', subscriptionPath(id))
    return deleted.ok ? createHook(call, place, wanted) : deleted
  }
  const ids = await readIds(call, place)
  return ids.ok ? readHook(await call('PUT', subscriptionPath(id), contentOf(ids.value, wanted))) : ids
}

function readHook(outcome: Awaited<ReturnType<ApiCall>>): ForgeApiOutcome<RemoteHook> {
  return readAnswer(outcome, Subscription.transform(toHook))
}

function contentOf(ids: RepositoryIds, { url, secret }: WantedHook): ApiCallContent {
  const body = {
    publisherId: 'tfs',
    eventType: 'git.push',
    resourceVersion: '1.0',
    publisherInputs: { ...ids, branch: '', pushedBy: '' },
    consumerId: 'webHooks',
    consumerActionId: 'httpRequest',
    consumerInputs: {
      url,
      basicAuthUsername: 'reposync',
      basicAuthPassword: secret,
      resourceDetailsToSend: 'all',
      messagesToSend: 'none',
      detailedMessagesToSend: 'none',
    },
  }
  return { body, secrets: [secret, Buffer.from(`reposync:${secret}`).toString('base64')] }
}

const TestResult = z.object({ result: text, details: z.object({ errorMessage: text }).nullish() })

// The test repeats the subscription; its id stands for the password, which is not to be read.
async function testHook(call: ApiCall, id: string, token: string): Promise<ForgeApiOutcome<null>> {
  const subscription = readAnswer(await call('GET', subscriptionPath(id)), Subscription)
  if (!subscription.ok) return subscription
  const { publisherId, eventType, publisherInputs, consumerId, consumerActionId, consumerInputs } =
    subscription.value
  const details = { publisherId, eventType, publisherInputs, consumerId, consumerActionId, consumerInputs }
  const body = { subscriptionId: subscription.value.id, details }
  const test = readAnswer(await call('POST', '/_apis/hooks/testnotifications', { body }), TestResult)
  if (!test.ok) return test
  if (test.value.result !== 'failed') return { ok: true, value: null }
  return failure(
    'refused',
    hide(`the test failed: ${test.value.details?.errorMessage ?? 'no reason given'}`, [token]),
  )
}
