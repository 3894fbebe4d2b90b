import { z } from 'zod'
import { pushFrom } from './deliveries.ts'
import { rememberedDefaultBranch } from './fake-default-branch.ts'
import { startFakeForge } from './fake-forge.ts'
import type { FakeAnswer } from './fake-forge.ts'
import { createFakeHooks, deliver } from './fake-hooks.ts'
import type { FakeHook, FakeHookForge, FakeHookForgeOptions } from './fake-hooks.ts'
import { about, answerBy, pageFrom, withBody } from './fake-routes.ts'
import type { Route } from './fake-routes.ts'

// Codeup's API for hooks: the repository is one escaped path that starts with the organization, and the
// list shows the tokens of the hooks.

const ORGANIZATION = '60de7a6852743a5162b5f957'

const Settings = z.object({
  url: z.url().max(1024),
  token: z.string().optional(),
  pushEvents: z.boolean().default(false),
  tagPushEvents: z.boolean().default(false),
})

const RepositoryChange = z.strictObject({ default_branch: z.string() })

const error = (status: number, errorCode: string, errorMessage: string): FakeAnswer => ({
  status,
  json: { errorCode, errorMessage, requestId: 'F7B85D1B-D1C2-140F-A039-341859F130B9' },
})
const MISSING = error(404, 'NotFound', 'The webhook or repository does not exist.')
const REFUSAL = error(400, 'InvalidParam', 'The url is invalid.')

export async function startFakeCodeup({
  token,
  fullName,
  cloneUrl,
  mostPerPage = 100,
  defaultBranch = rememberedDefaultBranch(),
}: FakeHookForgeOptions): Promise<FakeHookForge> {
  const fullPath = `${ORGANIZATION}/${fullName}`
  const hooks = createFakeHooks()
  const forge = await startFakeForge((request) =>
    request.headers['x-yunxiao-token'] === token
      ? answerBy(routes, request, MISSING)
      : error(401, 'Unauthorized', 'The access token is invalid.'),
  )
  const address = `${forge.origin}/${fullPath}.git`
  const withHook = (answer: Parameters<typeof about<FakeHook>>[2]) => about(hooks.find, MISSING, answer)
  const place = `/oapi/v1/codeup/organizations/${ORGANIZATION}/repositories/${encodeURIComponent(fullPath)}`
  const path = (rest: string): RegExp => new RegExp(`^${place}/webhooks${rest}$`)
  const routes: readonly Route[] = [
    [
      'GET',
      new RegExp(`^${place}$`),
      async () => ({ status: 200, json: { id: 2813489, defaultBranch: await defaultBranch.read() } }),
    ],
    [
      'PUT',
      new RegExp(`^${place}$`),
      (request) =>
        withBody(request, RepositoryChange, REFUSAL, async ({ default_branch: branch }) =>
          (await defaultBranch.set(branch))
            ? { status: 200, json: { result: true } }
            : error(400, 'InvalidParam', 'The branch does not exist.'),
        ),
    ],
    [
      'GET',
      path(''),
      (request) => {
        const page = pageFrom(hooks.all(), request, { sizeName: 'perPage', mostPerPage })
        return { status: 200, json: page.map(toJson) }
      },
    ],
    [
      'POST',
      path(''),
      (request) =>
        withBody(request, Settings, REFUSAL, (settings) => {
          return { status: 200, json: toJson(hooks.add({ ...toHook(settings), isActive: true })) }
        }),
    ],
    [
      'PUT',
      path('/(\\d+)'),
      withHook((hook, request) =>
        withBody(request, Settings, REFUSAL, (settings) => {
          hooks.change(hook.id, toHook(settings))
          return { status: 200, json: toJson(hooks.find(hook.id) ?? hook) }
        }),
      ),
    ],
    [
      'DELETE',
      path('/(\\d+)'),
      withHook(({ id }) => {
        hooks.remove(id)
        return { status: 200, json: { result: true } }
      }),
    ],
  ]
  return {
    ...forge,
    address,
    hooks: hooks.all,
    changeHook: hooks.change,
    push: async (push) => {
      const event = push.ref.startsWith('refs/tags/') ? 'tag_push' : 'push'
      for (const { url, secret } of hooks.all().filter(({ events }) => events.includes(event))) {
        const sent = { ...push, repository: { fullName: fullPath, cloneUrl: cloneUrl ?? address } }
        await deliver(url, pushFrom('codeup', secret === undefined ? sent : { ...sent, secret }))
      }
    },
  }
}

function toHook({ url, token, pushEvents, tagPushEvents }: z.infer<typeof Settings>) {
  const events = [...(pushEvents ? ['push'] : []), ...(tagPushEvents ? ['tag_push'] : [])]
  return { url, secret: token, events }
}

function toJson({ id, url, secret: token, events }: FakeHook) {
  const [pushEvents, tagPushEvents] = [events.includes('push'), events.includes('tag_push')]
  return {
    id: Number(id),
    url,
    token,
    pushEvents,
    tagPushEvents,
    enableSSLVerification: true,
    description: 'reposync',
  }
}
