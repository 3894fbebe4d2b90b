import { z } from 'zod'
import { pushFrom } from './deliveries.ts'
import { sendBitbucketServer } from './deliveries-bitbucket.ts'
import { rememberedDefaultBranch } from './fake-default-branch.ts'
import { startFakeForge } from './fake-forge.ts'
import type { FakeAnswer, FakeRequest } from './fake-forge.ts'
import { createFakeHooks, deliver } from './fake-hooks.ts'
import type { FakeHook, FakeHookForge, FakeHookForgeOptions } from './fake-hooks.ts'
import { about, answerBy, withBody } from './fake-routes.ts'
import type { Route } from './fake-routes.ts'

// The hooks of Bitbucket Server and Data Center, below `/rest/api/1.0`: pages by start, and of the past the
// last invocation only.

const Settings = z.object({
  name: z.string().min(1),
  url: z.url(),
  active: z.boolean(),
  events: z.array(z.string()).min(1),
  configuration: z.object({ secret: z.string().optional() }),
})

const Branch = z.strictObject({ id: z.string().regex(/^refs\/heads\//) })

const error = (status: number, message: string): FakeAnswer => ({
  status,
  json: { errors: [{ context: null, message, exceptionName: null }] },
})
const MISSING = error(404, 'The webhook does not exist.')
const REFUSAL = error(400, 'The URL should be valid.')

export async function startFakeBitbucketServer({
  token,
  fullName,
  cloneUrl,
  mostPerPage = 100,
  defaultBranch = rememberedDefaultBranch(),
  version = '8',
}: FakeHookForgeOptions & {
  /** Before 7.5 the default branch was among the branches. */
  readonly version?: '7.4' | '8'
}): Promise<FakeHookForge> {
  const [key = '', slug = ''] = fullName.split('/')
  const hooks = createFakeHooks()
  const latest = new Map<string, number | undefined>()
  const forge = await startFakeForge((request) =>
    request.headers['authorization'] === `Bearer ${token}`
      ? answerBy(routes, request, MISSING)
      : error(401, 'Authentication failed. Please check your credentials and try again.'),
  )
  const address = `${forge.origin}/scm/${key.toLowerCase()}/${slug}.git`
  const repository = { fullName, cloneUrl: cloneUrl ?? address }
  const withHook = (answer: Parameters<typeof about<FakeHook>>[2]) => about(hooks.find, MISSING, answer)

  const list = ({ query }: FakeRequest): FakeAnswer => {
    const start = Number(query.get('start') ?? 0)
    const limit = Math.min(Number(query.get('limit') ?? 25), mostPerPage)
    const values = hooks
      .all()
      .slice(start, start + limit)
      .map(toJson)
    const isLastPage = start + limit >= hooks.all().length
    const page = { size: values.length, limit, start, values, isLastPage }
    return { status: 200, json: isLastPage ? page : { ...page, nextPageStart: start + limit } }
  }
  const test = async ({ query }: FakeRequest): Promise<FakeAnswer> => {
    const hook = hooks.find(query.get('webhookId') ?? '')
    const url = query.get('url')
    if (url === null || !URL.canParse(url)) return REFUSAL
    const sent = sendBitbucketServer('diagnostics:ping', withSecret(hook?.secret, {}), { test: true })
    const statusCode = await deliver(url, sent)
    return {
      status: 200,
      json: { request: { url, method: 'POST' }, response: { statusCode: statusCode ?? 0, headers: {} } },
    }
  }
  const lastInvocation = withHook(({ id }) => {
    const status = latest.get(id)
    if (!latest.has(id)) return { status: 204 }
    const outcome = status === undefined ? 'ERROR' : status >= 200 && status <= 299 ? 'SUCCESS' : 'FAILURE'
    return {
      status: 200,
      json: { id: 1, event: 'repo:refs_changed', result: { outcome, description: String(status) } },
    }
  })
  const below = (rest: string): RegExp =>
    new RegExp(`^/rest/api/1\\.0/projects/${key}/repos/${slug}${rest}$`, 'i')
  const path = (rest: string): RegExp => below(`/webhooks${rest}`)
  const branchPath = below(version === '8' ? '/default-branch' : '/branches/default')
  const routes: readonly Route[] = [
    ['GET', below(''), () => ({ status: 200, json: { id: 11, slug, project: { key } } })],
    [
      'GET',
      branchPath,
      async () => ({ status: 200, json: { id: `refs/heads/${await defaultBranch.read()}`, type: 'BRANCH' } }),
    ],
    [
      'PUT',
      branchPath,
      (request) =>
        withBody(request, Branch, error(400, 'id is missing'), async ({ id }) =>
          (await defaultBranch.set(id.replace('refs/heads/', '')))
            ? { status: 204 }
            : error(404, `The branch ${id} does not exist in repository ${slug}.`),
        ),
    ],
    ['GET', path(''), list],
    [
      'POST',
      path(''),
      (request) =>
        withBody(request, Settings, REFUSAL, ({ configuration, active: isActive, url, events }) => {
          const hook = hooks.add({ url, events, isActive, secret: configuration.secret })
          return { status: 201, json: toJson(hook) }
        }),
    ],
    ['POST', path('/test'), test],
    ['GET', path('/(\\d+)/latest'), lastInvocation],
    ['GET', path('/(\\d+)'), withHook((hook) => ({ status: 200, json: toJson(hook) }))],
    [
      'PUT',
      path('/(\\d+)'),
      withHook((hook, request) =>
        withBody(request, Settings, REFUSAL, ({ configuration, active: isActive, url, events }) => {
          hooks.change(hook.id, { url, events, isActive, secret: configuration.secret })
          return { status: 200, json: toJson(hooks.find(hook.id) ?? hook) }
        }),
      ),
    ],
    [
      'DELETE',
      path('/(\\d+)'),
      withHook(({ id }) => {
        hooks.remove(id)
        return { status: 204 }
      }),
    ],
  ]
  return {
    ...forge,
    address,
    hooks: hooks.all,
    changeHook: hooks.change,
    push: async (push) => {
      for (const { id, url, secret, isActive } of hooks.all()) {
        if (!isActive) continue
        const sent = withSecret(secret, { ...push, repository })
        latest.set(id, await deliver(url, pushFrom('bitbucket-server', sent)))
      }
    },
  }
}

function withSecret<Sending extends object>(secret: string | undefined, sending: Sending) {
  return secret === undefined ? sending : { ...sending, secret }
}

function toJson({ id, url, isActive: active, events, secret }: FakeHook) {
  const configuration = secret === undefined ? {} : { secret }
  return {
    id: Number(id),
    name: 'reposync',
    url,
    active,
    events,
    configuration,
    sslVerificationRequired: true,
  }
}
