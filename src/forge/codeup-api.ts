import { z } from 'zod'
import { apiCall, apiId, callsBelow, readAnswer, withoutValue } from './api-call.ts'
import type { ApiClient } from './api-client.ts'
import { apiBase, pathOf } from './api-place.ts'
import { confirmDefaultBranch, plainRepository } from './default-branch.ts'
import { flag, text } from './fields.ts'
import type { ForgeApi, ForgeApiTarget, RemoteHook, WantedHook } from './forge-api.ts'
import { readNumberedPages, totalInHeader } from './numbered-pages.ts'
import { repositoryPlace } from './repository-place.ts'

// Alibaba Codeup. Its hooks cannot be switched off, and it can neither send a test nor tell what it has sent.

/** Undefined when the address names no repository of a Codeup. */
export function createCodeupApi(deps: ApiClient, target: ForgeApiTarget): ForgeApi | undefined {
  const base = baseOf(target)
  if (base === undefined) return undefined
  const repository = apiCall(deps, {
    base,
    headers: { 'x-yunxiao-token': target.token },
    token: target.token,
  })
  const call = callsBelow(repository, '/webhooks')
  const describeRepository = async () => readAnswer(await repository('GET', ''), Repository)
  return {
    describeRepository,
    setDefaultBranch: async (branch) => {
      const changed = await repository('PUT', '', { body: { default_branch: branch } })
      // What it answers to that is not documented.
      return changed.ok ? confirmDefaultBranch(await describeRepository(), branch) : changed
    },
    listHooks: () =>
      readNumberedPages(call, '', {
        schema: z.array(Hook),
        query: { perPage: '100' },
        totalOf: totalInHeader('x-total'),
      }),
    createHook: async (wanted) => readAnswer(await call('POST', '', contentOf(wanted)), Hook),
    updateHook: async (id, wanted) => readAnswer(await call('PUT', pathOf([id]), contentOf(wanted)), Hook),
    deleteHook: async (id) => withoutValue(await call('DELETE', pathOf([id]))),
  }
}

// The central edition has one API for all, and the id of the organization, 24 hex digits, starts the path
// of every repository; a regional edition has neither.
function baseOf({ address, apiUrl }: ForgeApiTarget): string | undefined {
  const place = repositoryPlace(address)
  const [organization] = place?.segments ?? []
  if (place === undefined || organization === undefined || place.segments.length < 2) return undefined
  const isCentral = place.host === 'codeup.aliyun.com' || /^[0-9a-f]{24}$/.test(organization)
  const origin = place.host === 'codeup.aliyun.com' ? 'https://openapi-rdc.aliyuncs.com' : place.origin
  const below = isCentral ? pathOf(['organizations', organization]) : ''
  const repository = pathOf(['repositories', place.segments.join('/')])
  return `${apiBase(apiUrl) ?? `${origin}/oapi/v1/codeup`}${below}${repository}`
}

const Repository = z
  .object({ id: apiId, defaultBranch: text })
  .transform(({ id, defaultBranch }) => plainRepository(id, defaultBranch))

function contentOf({ url, secret }: WantedHook) {
  const body = {
    url,
    token: secret,
    description: 'reposync',
    pushEvents: true,
    tagPushEvents: true,
    mergeRequestsEvents: false,
    noteEvents: false,
    enableSslVerification: true,
  }
  return { body, secrets: [secret] }
}

const Hook = z
  .object({ id: apiId, url: z.string(), pushEvents: flag, tagPushEvents: flag })
  .transform((hook): RemoteHook => ({
    id: hook.id,
    url: hook.url,
    isActive: true,
    hasEvents: hook.pushEvents === true && hook.tagPushEvents === true,
    problem: null,
  }))
