import { z } from 'zod'
import { pushFrom } from './deliveries.ts'
import { rememberedDefaultBranch } from './fake-default-branch.ts'
import { startFakeForge } from './fake-forge.ts'
import type { FakeAnswer, FakeRequest } from './fake-forge.ts'
import { createFakeHooks, deliver } from './fake-hooks.ts'
import type { FakeHook, FakeHookForge, FakeHookForgeOptions } from './fake-hooks.ts'
import { about, answerBy, pageFrom, withBody } from './fake-routes.ts'
import type { Route } from './fake-routes.ts'

// Bitbucket Cloud's API 2.0 for hooks: ids in braces, secrets that cannot be read, pages by address.

const Settings = z.object({
  description: z.string(),
  url: z.url(),
  active: z.boolean(),
  events: z.array(z.string()).min(1),
  secret: z.string().optional(),
})

const RepositoryChange = z.strictObject({
  mainbranch: z.strictObject({ type: z.literal('branch'), name: z.string() }),
})

const error = (status: number, message: string): FakeAnswer => ({
  status,
  json: { type: 'error', error: { message } },
})
const MISSING = error(404, 'Resource not found')
const REFUSAL = error(400, 'url: not a valid URL')

export type FakeBitbucket = FakeHookForge & { readonly apiUrl: string }

export async function startFakeBitbucket({
  token,
  fullName,
  cloneUrl,
  mostPerPage = 100,
  defaultBranch = rememberedDefaultBranch(),
}: FakeHookForgeOptions): Promise<FakeBitbucket> {
  const hooks = createFakeHooks()
  const forge = await startFakeForge((request) =>
    request.headers['authorization'] === authorizationOf(token)
      ? answerBy(routes, request, MISSING)
      : error(401, 'Token is invalid, expired, or not supported for this endpoint.'),
  )
  const address = `${forge.origin}/${fullName}.git`
  const withHook = (answer: Parameters<typeof about<FakeHook>>[2]) =>
    about((uuid) => hooks.find(toId(uuid)), MISSING, answer)

  const list = (request: FakeRequest): FakeAnswer => {
    const { path, query } = request
    const page = Number(query.get('page') ?? 1)
    const size = Math.min(Number(query.get('pagelen') ?? 10), mostPerPage)
    const values = pageFrom(hooks.all(), request, { sizeName: 'pagelen', mostPerPage }).map(toJson)
    const next = `${forge.origin}${path}?pagelen=${size}&page=${page + 1}`
    const json = { pagelen: size, page, size: hooks.all().length, values }
    return { status: 200, json: page * size < json.size ? { ...json, next } : json }
  }
  const describe = async (): Promise<FakeAnswer> => {
    const mainbranch = { type: 'branch', name: await defaultBranch.read() }
    return { status: 200, json: { type: 'repository', uuid: toUuid('1'), full_name: fullName, mainbranch } }
  }
  const place = new RegExp(`^/2\\.0/repositories/${fullName}$`)
  const path = (rest: string): RegExp => new RegExp(`^/2\\.0/repositories/${fullName}/hooks${rest}$`)
  // A brace that is not escaped is no address.
  const uuid = '/(%7B[0-9a-f-]+%7D)'
  const routes: readonly Route[] = [
    ['GET', place, describe],
    [
      'PUT',
      place,
      (request) =>
        withBody(request, RepositoryChange, REFUSAL, async ({ mainbranch: { name } }) =>
          (await defaultBranch.set(name)) ? describe() : error(400, `${name}: no such branch`),
        ),
    ],
    ['GET', path(''), list],
    [
      'POST',
      path(''),
      (request) =>
        withBody(request, Settings, REFUSAL, ({ url, secret, active: isActive, events }) => {
          return { status: 201, json: toJson(hooks.add({ url, secret, isActive, events })) }
        }),
    ],
    [
      'PUT',
      path(uuid),
      withHook((hook, request) =>
        withBody(request, Settings, REFUSAL, ({ url, secret, active: isActive, events }) => {
          hooks.change(hook.id, { url, secret, isActive, events })
          return { status: 200, json: toJson(hooks.find(hook.id) ?? hook) }
        }),
      ),
    ],
    [
      'DELETE',
      path(uuid),
      withHook(({ id }) => {
        hooks.remove(id)
        return { status: 204 }
      }),
    ],
  ]
  return {
    ...forge,
    apiUrl: `${forge.origin}/2.0`,
    address,
    hooks: () => hooks.all().map((hook) => ({ ...hook, id: toUuid(hook.id) })),
    changeHook: (id, change) => hooks.change(toId(id), change),
    push: async (push) => {
      for (const { url, secret } of hooks
        .all()
        .filter(({ isActive, events }) => isActive && events.includes('repo:push'))) {
        const sent = { ...push, repository: { fullName, cloneUrl: cloneUrl ?? address } }
        await deliver(url, pushFrom('bitbucket', secret === undefined ? sent : { ...sent, secret }))
      }
    },
  }
}

function authorizationOf(token: string): string {
  return token.includes(':') ? `Basic ${Buffer.from(token).toString('base64')}` : `Bearer ${token}`
}

function toJson({ id, url, isActive: active, events, secret }: FakeHook) {
  const hook = {
    uuid: toUuid(id),
    description: 'reposync',
    url,
    active,
    events,
    secret_set: secret !== undefined,
  }
  return { type: 'webhook_subscription', subject_type: 'repository', ...hook }
}

function toUuid(id: string): string {
  return `{00000000-0000-4000-8000-${id.padStart(12, '0')}}`
}

function toId(uuid: string): string {
  return String(Number(uuid.slice(-13, -1)))
}
