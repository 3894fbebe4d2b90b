import { z } from 'zod'
import { pushFrom } from './deliveries.ts'
import { rememberedDefaultBranch } from './fake-default-branch.ts'
import { startFakeForge } from './fake-forge.ts'
import type { FakeAnswer, FakeRequest } from './fake-forge.ts'
import { createFakeHooks, deliver, pageOf } from './fake-hooks.ts'
import type { FakeHook, FakeHookForge, FakeHookForgeOptions } from './fake-hooks.ts'

// Gitea and Forgejo, and Gogs, which knows no pages, no single hook and no test, deletes what is not there,
// leaves the secret as it is when a hook is changed, and cannot change a repository.

export type FakeGiteaOptions = FakeHookForgeOptions & {
  readonly kind: 'gitea' | 'forgejo' | 'gogs'
  /** Where the instance is installed, e.g. `/gitea`. */
  readonly below?: string
}

const Settings = z.object({
  type: z.string().optional(),
  active: z.boolean().optional(),
  events: z.array(z.string()).optional(),
  branch_filter: z.string().optional(),
  config: z.object({
    url: z.string().optional(),
    content_type: z.string().optional(),
    secret: z.string().optional(),
  }),
})

const RepositoryChange = z.strictObject({ default_branch: z.string() })

const HEAD = 'bffeb74224043ba2feb48d137756c8a9331c449a'
const NOT_FOUND: FakeAnswer = {
  status: 404,
  json: { errors: [], message: "The target couldn't be found.", url: 'https://git.example.com/api/swagger' },
}

export async function startFakeGitea(options: FakeGiteaOptions): Promise<FakeHookForge> {
  const { token, fullName, mostPerPage = 50, kind, below = '' } = options
  const { defaultBranch = rememberedDefaultBranch() } = options
  const place = `${below}/api/v1/repos/${fullName}`
  const prefix = `${place}/hooks`
  const hooks = createFakeHooks()
  const forge = await startFakeForge((request) => {
    if (request.headers['authorization'] !== `token ${token}`) {
      return { status: 401, json: { message: 'invalid username, password or token' } }
    }
    if (request.path === place) return describe(request)
    if (!request.path.startsWith(prefix)) return NOT_FOUND
    const [, id, rest = ''] = /^\/(\d+)(\/.*)?$/.exec(request.path.slice(prefix.length)) ?? []
    if (request.path === prefix) return request.method === 'POST' ? create(request) : list(request)
    const hook = hooks.find(id)
    if (hook !== undefined) return change(hook, request, rest)
    return kind === 'gogs' && request.method === 'DELETE' ? { status: 204 } : NOT_FOUND
  }, options.tls)
  const address = `${forge.origin}${below}/${fullName}.git`
  const repository = { fullName, cloneUrl: options.cloneUrl ?? address }

  async function describe({ method, body }: FakeRequest): Promise<FakeAnswer> {
    if (kind === 'gogs' && method !== 'GET') return NOT_FOUND
    // What is not there is passed over without a word.
    if (method === 'PATCH') await defaultBranch.set(RepositoryChange.parse(JSON.parse(body)).default_branch)
    const repository = { id: 7, full_name: fullName, empty: false }
    return { status: 200, json: { ...repository, default_branch: await defaultBranch.read() } }
  }

  async function push({ url, secret }: FakeHook, moved: Parameters<FakeHookForge['push']>[0]): Promise<void> {
    await deliver(url, pushFrom(kind, { ...moved, repository, ...(secret === undefined ? {} : { secret }) }))
  }

  function list(request: FakeRequest): FakeAnswer {
    if (kind === 'gogs') return { status: 200, json: hooks.all().map((hook) => toJson(kind, hook)) }
    const { items, headers } = pageOf(hooks.all(), request, forge.origin, { sizeName: 'limit', mostPerPage })
    return { status: 200, headers, json: items.map((hook) => toJson(kind, hook)) }
  }

  function create({ body }: FakeRequest): FakeAnswer {
    const { type, active = false, config, ...settings } = Settings.parse(JSON.parse(body))
    if (type !== kind) return { status: 422, json: { message: `Invalid hook type: ${type ?? ''}` } }
    if (config.url === undefined) return { status: 422, json: { message: 'Missing config option: url' } }
    if (config.content_type !== 'json') return { status: 422, json: { message: 'Invalid content type' } }
    const { url, secret } = config
    return {
      status: 201,
      json: toJson(kind, hooks.add({ url, secret, isActive: active, events: eventsOf(settings) })),
    }
  }

  async function change(hook: FakeHook, request: FakeRequest, rest: string): Promise<FakeAnswer> {
    const call = `${request.method} ${rest}`
    if (kind === 'gogs' && (call === 'GET ' || rest !== '')) return NOT_FOUND
    switch (call) {
      case 'GET ':
        return { status: 200, json: toJson(kind, hook) }
      case 'PATCH ': {
        const { active = hook.isActive, config, ...settings } = Settings.parse(JSON.parse(request.body))
        const { url = hook.url, secret = hook.secret } = config
        const changed = { url, isActive: active, events: eventsOf(settings) }
        hooks.change(hook.id, kind === 'gogs' ? changed : { ...changed, secret })
        return { status: 200, json: toJson(kind, hooks.find(hook.id) ?? hook) }
      }
      case 'DELETE ':
        hooks.remove(hook.id)
        return { status: 204 }
      case 'POST /tests':
        await push(hook, { ref: 'refs/heads/main', before: HEAD, after: HEAD })
        return { status: 204 }
      default:
        return NOT_FOUND
    }
  }

  return {
    ...forge,
    address,
    hooks: hooks.all,
    changeHook: hooks.change,
    push: async (moved) => {
      for (const hook of hooks.all().filter(({ isActive, events }) => isActive && events.includes('push'))) {
        await push(hook, moved)
      }
    },
  }
}

function eventsOf(settings: Pick<z.infer<typeof Settings>, 'events' | 'branch_filter'>): readonly string[] {
  const { events = ['push'], branch_filter: filter = '' } = settings
  return filter === '' || filter === '*' ? events : [...events, `only ${filter}`]
}

function toJson(kind: FakeGiteaOptions['kind'], { id, url, isActive, events }: FakeHook): unknown {
  const filter = events.find((event) => event.startsWith('only '))?.slice('only '.length)
  return {
    id: Number(id),
    type: kind,
    config: { content_type: 'json', url },
    events: events.filter((event) => !event.startsWith('only ')),
    active: isActive,
    updated_at: '2026-01-31T12:00:00Z',
    created_at: '2026-01-31T12:00:00Z',
    ...(kind === 'gogs' ? {} : { authorization_header: '', branch_filter: filter ?? '*' }),
  }
}
