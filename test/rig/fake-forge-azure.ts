import { z } from 'zod'
import { pushFrom } from './deliveries.ts'
import { rememberedDefaultBranch } from './fake-default-branch.ts'
import { startFakeForge } from './fake-forge.ts'
import type { FakeAnswer, FakeRequest } from './fake-forge.ts'
import { createFakeHooks, deliver } from './fake-hooks.ts'
import type { FakeHook, FakeHookForge, FakeHookForgeOptions } from './fake-hooks.ts'
import { about, answerBy, withBody } from './fake-routes.ts'
import type { Route } from './fake-routes.ts'

// The service hooks of one collection of Azure DevOps: subscriptions whose passwords read back as asterisks,
// that an update does not enable again, and that remember their notifications.

const REPOSITORY = '2f3d611a-f012-4b39-b157-8db63f380226'
const PROJECT = '6ce954b1-ce1f-45d1-b94d-e6bf2464ba2c'

const Settings = z.object({
  publisherId: z.literal('tfs'),
  eventType: z.literal('git.push'),
  resourceVersion: z.string(),
  publisherInputs: z.object({
    projectId: z.literal(PROJECT),
    repository: z.literal(REPOSITORY),
    branch: z.string(),
    pushedBy: z.string(),
  }),
  consumerId: z.literal('webHooks'),
  consumerActionId: z.literal('httpRequest'),
  consumerInputs: z.object({
    url: z.url(),
    basicAuthUsername: z.string(),
    basicAuthPassword: z.string().optional(),
  }),
})
const RepositoryChange = z.strictObject({ defaultBranch: z.string().regex(/^refs\/heads\//) })
const Test = z.object({ subscriptionId: z.uuid(), details: Settings.omit({ resourceVersion: true }) })

const error = (status: number, message: string): FakeAnswer => ({
  status,
  json: { $id: '1', innerException: null, message, typeKey: 'ServiceHookException', errorCode: 0 },
})
const MISSING = error(404, 'The subscription was not found.')
const REFUSAL = error(400, 'The subscription is not valid.')

type Notification = {
  readonly id: number
  readonly hook: string
  readonly at: number
  readonly isDelivered: boolean
  readonly event: Readonly<Record<string, unknown>>
}

export type FakeAzure = FakeHookForge & {
  /** The status is the forge's own word for what it did to the subscription. */
  readonly setStatus: (id: string, status: string) => void
}

export async function startFakeAzure({
  token,
  fullName,
  cloneUrl,
  now = Date.now,
  listsDetails = true,
  defaultBranch = rememberedDefaultBranch(),
}: FakeHookForgeOptions & {
  /** Or only the single notification has them. */
  readonly listsDetails?: boolean
}): Promise<FakeAzure> {
  const [project = '', name = ''] = fullName.split('/')
  const hooks = createFakeHooks()
  const statuses = new Map<string, string>()
  const notifications: Notification[] = []
  const authorization = `Basic ${Buffer.from(`:${token}`).toString('base64')}`
  const forge = await startFakeForge((request) => {
    if (request.headers['authorization'] !== authorization) return refuseLogin(request)
    if (request.query.get('api-version') !== '7.1') return error(400, 'No api-version was supplied.')
    return answerBy(routes, request, MISSING)
  })
  const address = `${forge.origin}/fabrikam/${project}/_git/${name}`
  const repository = { fullName, cloneUrl: cloneUrl ?? address }

  const statusOf = ({ id, isActive }: FakeHook): string =>
    isActive ? (statuses.get(id) ?? 'enabled') : 'disabledBySystem'
  const toJson = (hook: FakeHook) => subscriptionToJson(hook, statusOf(hook))
  const told = ({ id, at, isDelivered, event }: Notification, withDetails: boolean) => {
    const result = { status: 'completed', result: isDelivered ? 'succeeded' : 'failed' }
    const notification = { id, eventId: event['id'], createdDate: new Date(at).toISOString(), ...result }
    return withDetails ? { ...notification, details: { event } } : notification
  }
  const withHook = (answer: Parameters<typeof about<FakeHook>>[2]) =>
    about((uuid) => hooks.find(toId(uuid)), MISSING, answer)

  async function send(hook: FakeHook, push: Parameters<FakeHookForge['push']>[0]): Promise<boolean> {
    const { secret } = hook
    const sent = pushFrom('azure', { ...push, repository, ...(secret === undefined ? {} : { secret }) })
    const at = now()
    const status = await deliver(hook.url, sent)
    const isDelivered = status !== undefined && status >= 200 && status <= 299
    const event = z.record(z.string(), z.unknown()).parse(JSON.parse(sent.body ?? ''))
    notifications.unshift({ id: notifications.length + 1, hook: hook.id, at, isDelivered, event })
    return isDelivered
  }
  const test = async (request: FakeRequest): Promise<FakeAnswer> => {
    const wanted = Test.safeParse(JSON.parse(request.body))
    if (!wanted.success) return REFUSAL
    const hook = hooks.find(toId(wanted.data.subscriptionId))
    if (hook === undefined) return MISSING
    const isDelivered = await send(hook, { ref: 'refs/heads/main', before: null, after: 'a'.repeat(40) })
    const errorMessage = 'The remote server did not answer with success.'
    const json = isDelivered ? { result: 'succeeded' } : { result: 'failed', details: { errorMessage } }
    return { status: 200, json: { id: -1, status: 'completed', ...json } }
  }

  const describe = async (): Promise<FakeAnswer> => {
    const branch = `refs/heads/${await defaultBranch.read()}`
    const place = { id: PROJECT, name: project }
    return { status: 200, json: { id: REPOSITORY, name, project: place, defaultBranch: branch } }
  }
  const repositories = (rest: string): RegExp =>
    new RegExp(`^/fabrikam/${project}/_apis/git/repositories/${rest}$`)
  const path = (rest: string): RegExp => new RegExp(`^/fabrikam/_apis/hooks${rest}$`)
  const uuid = '/subscriptions/([0-9a-f-]{36})'
  const routes: readonly Route[] = [
    ['GET', repositories(name), describe],
    [
      'PATCH',
      repositories(REPOSITORY),
      (request) =>
        withBody(request, RepositoryChange, REFUSAL, async ({ defaultBranch: ref }) =>
          (await defaultBranch.set(ref.replace('refs/heads/', '')))
            ? describe()
            : error(400, `TF401019: The ref ${ref} does not exist.`),
        ),
    ],
    [
      'GET',
      path('/subscriptions'),
      () => {
        const others = otherSubscriptions(forge.origin)
        const value = [...hooks.all().map(toJson), ...others]
        return { status: 200, json: { count: value.length, value } }
      },
    ],
    [
      'POST',
      path('/subscriptions'),
      (request) =>
        withBody(request, Settings, REFUSAL, (settings) => {
          return { status: 200, json: toJson(hooks.add({ ...toHook(settings), isActive: true })) }
        }),
    ],
    ['GET', path(uuid), withHook((hook) => ({ status: 200, json: toJson(hook) }))],
    [
      'PUT',
      path(uuid),
      withHook((hook, request) =>
        withBody(request, Settings, REFUSAL, (settings) => {
          hooks.change(hook.id, toHook(settings))
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
    [
      'GET',
      path(`${uuid}/notifications`),
      withHook(({ id }, { query }) => {
        const failed = notifications.filter(({ hook, isDelivered }) => hook === id && !isDelivered)
        const value = failed.slice(0, Number(query.get('maxResults') ?? 100))
        return {
          status: 200,
          json: { count: value.length, value: value.map((one) => told(one, listsDetails)) },
        }
      }),
    ],
    [
      'GET',
      path(`${uuid}/notifications/(\\d+)`),
      (_, __, id) => {
        const found = notifications.find((notification) => String(notification.id) === id)
        return found === undefined ? MISSING : { status: 200, json: told(found, true) }
      },
    ],
    ['POST', path('/testnotifications'), test],
  ]
  return {
    ...forge,
    address,
    hooks: () => hooks.all().map((hook) => ({ ...hook, id: toUuid(hook.id) })),
    changeHook: (id, change) => hooks.change(toId(id), change),
    setStatus: (id, status) => void statuses.set(toId(id), status),
    push: async (push) => {
      for (const hook of hooks.all()) {
        if (statusOf(hook) === 'enabled') await send(hook, push)
      }
    },
  }
}

// Without this header Azure sends people, and programs, to its login page.
function refuseLogin({ headers }: FakeRequest): FakeAnswer {
  return headers['x-tfs-fedauthredirect'] === 'Suppress'
    ? { status: 401, headers: { 'www-authenticate': 'Basic realm="fabrikam"' } }
    : { status: 302, headers: { location: 'https://login.example/_signin' } }
}

function toHook({ publisherInputs, consumerInputs }: z.infer<typeof Settings>) {
  const { url, basicAuthPassword: secret } = consumerInputs
  return { url, secret, events: publisherInputs.branch === '' ? ['git.push'] : [] }
}

function subscriptionToJson({ id, url, secret, events }: FakeHook, status: string) {
  const branch = events.includes('git.push') ? '' : 'main'
  return {
    id: toUuid(id),
    status,
    publisherId: 'tfs',
    eventType: 'git.push',
    resourceVersion: '1.0',
    publisherInputs: {
      projectId: PROJECT,
      repository: REPOSITORY,
      branch,
      pushedBy: '',
      tfsSubscriptionId: toUuid('9'),
    },
    consumerId: 'webHooks',
    consumerActionId: 'httpRequest',
    consumerInputs: {
      url,
      basicAuthUsername: 'reposync',
      ...(secret === undefined ? {} : { basicAuthPassword: '********' }),
    },
  }
}

// The list is that of the whole collection.
function otherSubscriptions(origin: string) {
  const hook = { id: '77', url: `${origin}/other`, secret: undefined, isActive: true, events: ['git.push'] }
  const other = subscriptionToJson(hook, 'enabled')
  return [{ ...other, publisherInputs: { ...other.publisherInputs, repository: toUuid('78') } }]
}

function toUuid(id: string): string {
  return `00000000-0000-4000-8000-${id.padStart(12, '0')}`
}

function toId(uuid: string): string {
  return String(Number(uuid.slice(-12)))
}
