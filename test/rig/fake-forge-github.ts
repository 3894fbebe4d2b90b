import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { githubPing, githubPush } from './deliveries.ts'
import type { SentRequest } from './deliveries.ts'
import { rememberedDefaultBranch } from './fake-default-branch.ts'
import { startFakeForge } from './fake-forge.ts'
import type { FakeAnswer, FakeRequest } from './fake-forge.ts'
import { createFakeHooks, deliver, pageOf } from './fake-hooks.ts'
import type { FakeHook, FakeHookForge, FakeHookForgeOptions } from './fake-hooks.ts'

// GitHub as an enterprise server has it: the API below /api/v3, secrets that read back as asterisks, pages
// by number for hooks and by cursor for deliveries, and a history that remembers who did not answer.

type Send = (hook: FakeHook, guid: string) => SentRequest

type Delivery = {
  /** Larger than a number can tell from its neighbours. */
  readonly id: bigint
  readonly guid: string
  readonly at: number
  readonly hook: string
  readonly event: string
  readonly isRedelivery: boolean
  readonly status: number
  readonly send: Send
}

const Settings = z.object({
  name: z.string().optional(),
  active: z.boolean().optional(),
  events: z.array(z.string()).optional(),
  config: z.object({ url: z.string().optional(), secret: z.string().optional() }).optional(),
})

const RepositoryChange = z.strictObject({ default_branch: z.string() })

const NOT_FOUND: FakeAnswer = { status: 404, json: { message: 'Not Found', status: '404' } }

export async function startFakeGithub(options: FakeHookForgeOptions): Promise<FakeHookForge> {
  const { token, fullName, now = Date.now, mostPerPage = 100 } = options
  const { defaultBranch = rememberedDefaultBranch() } = options
  const place = `/api/v3/repos/${fullName}`
  const prefix = `${place}/hooks`
  const hooks = createFakeHooks()
  const deliveries: Delivery[] = []
  const forge = await startFakeForge((request) => {
    if (request.headers['authorization'] !== `Bearer ${token}`) {
      return { status: 401, json: { message: 'Bad credentials', status: '401' } }
    }
    if (request.path === place) return describe(request)
    if (!request.path.startsWith(prefix)) return NOT_FOUND
    const [, id, rest = ''] = /^\/(\d+)(\/.*)?$/.exec(request.path.slice(prefix.length)) ?? []
    if (request.path === prefix) return request.method === 'POST' ? create(request) : list(request)
    const hook = hooks.find(id)
    return hook === undefined ? NOT_FOUND : change(hook, request, rest)
  })
  const address = `${forge.origin}/${fullName}.git`
  const repository = { fullName, cloneUrl: options.cloneUrl ?? address }

  async function describe({ method, body }: FakeRequest): Promise<FakeAnswer> {
    if (method === 'PATCH') {
      const { default_branch: branch } = RepositoryChange.parse(JSON.parse(body))
      if (!(await defaultBranch.set(branch))) {
        const message = `The branch ${branch} was not found. Please push that ref first or create it via the Git Data API.`
        return { status: 422, json: { message: 'Validation Failed', errors: [{ message }] } }
      }
    }
    return {
      status: 200,
      json: { id: 1296269, full_name: fullName, default_branch: await defaultBranch.read() },
    }
  }

  async function send(hook: FakeHook, event: string, make: Send, again?: Delivery): Promise<void> {
    const guid = again?.guid ?? randomUUID()
    const at = now()
    const status = (await deliver(hook.url, make(hook, guid))) ?? 502
    const id = 9_100_000_000_000_000_001n + BigInt(deliveries.length)
    const isRedelivery = again !== undefined
    deliveries.unshift({ id, guid, at, hook: hook.id, event, isRedelivery, status, send: make })
  }

  function list(request: FakeRequest): FakeAnswer {
    const { items, headers } = pageOf(hooks.all(), request, forge.origin, {
      sizeName: 'per_page',
      mostPerPage,
    })
    return { status: 200, headers, json: items.map(toJson) }
  }

  function create({ body }: FakeRequest): FakeAnswer {
    const { name, active = true, events = ['push'], config } = Settings.parse(JSON.parse(body))
    const { url, secret } = config ?? {}
    if (name !== 'web' || url === undefined) return invalid('Config must contain URL for webhooks')
    if (hooks.all().some((hook) => hook.url === url)) return invalid('Hook already exists on this repository')
    return { status: 201, json: toJson(hooks.add({ url, secret, isActive: active, events })) }
  }

  async function change(hook: FakeHook, request: FakeRequest, rest: string): Promise<FakeAnswer> {
    const [, delivery] = /^\/deliveries\/(\d+)\/attempts$/.exec(rest) ?? []
    switch (`${request.method} ${delivery === undefined ? rest : '/attempts'}`) {
      case 'PATCH ': {
        const { active, events, config } = Settings.parse(JSON.parse(request.body))
        hooks.change(hook.id, {
          ...(active === undefined ? {} : { isActive: active }),
          ...(events === undefined ? {} : { events }),
          ...(config === undefined ? {} : { url: config.url ?? '', secret: config.secret }),
        })
        return { status: 200, json: toJson(hooks.find(hook.id) ?? hook) }
      }
      case 'DELETE ':
        hooks.remove(hook.id)
        return { status: 204 }
      case 'POST /pings':
        await send(hook, 'ping', ({ secret }, guid) =>
          githubPing({ repository, deliveryId: guid, ...(secret === undefined ? {} : { secret }) }),
        )
        return { status: 204 }
      case 'GET /deliveries':
        return history(hook, request)
      case 'POST /attempts': {
        const sent = deliveries.find(({ id }) => String(id) === delivery)
        if (sent === undefined) return NOT_FOUND
        await send(hook, sent.event, sent.send, sent)
        return { status: 202, json: {} }
      }
      default:
        return NOT_FOUND
    }
  }

  function history(hook: FakeHook, { path, query }: FakeRequest): FakeAnswer {
    const cursor = BigInt(query.get('cursor')?.slice('v1_'.length) ?? 2n ** 63n)
    const size = Math.min(Number(query.get('per_page') ?? 30), mostPerPage)
    const older = deliveries.filter((delivery) => delivery.hook === hook.id && delivery.id <= cursor)
    const next = older[size]
    const link = `<${forge.origin}${path}?per_page=${size}&cursor=v1_${next?.id ?? ''}>; rel="next"`
    return {
      status: 200,
      headers: next === undefined ? {} : { link },
      text: `[${older.slice(0, size).map(deliveryToJson).join(',')}]`,
    }
  }

  return {
    ...forge,
    address,
    hooks: hooks.all,
    changeHook: hooks.change,
    push: async (push) => {
      for (const hook of hooks.all().filter(({ isActive, events }) => isActive && events.includes('push'))) {
        await send(hook, 'push', ({ secret }, guid) =>
          githubPush({
            ...push,
            repository,
            deliveryId: guid,
            ...(secret === undefined ? {} : { secret }),
          }),
        )
      }
    },
  }
}

function toJson({ id, url, secret, isActive, events }: FakeHook): unknown {
  return {
    type: 'Repository',
    id: Number(id),
    name: 'web',
    active: isActive,
    events,
    config: {
      url,
      content_type: 'json',
      insecure_ssl: '0',
      ...(secret === undefined ? {} : { secret: '********' }),
    },
    last_response: { code: null, status: 'unused', message: null },
  }
}

function deliveryToJson({ id, guid, at, event, isRedelivery, status }: Delivery): string {
  const rest = JSON.stringify({
    guid,
    delivered_at: new Date(at).toISOString(),
    redelivery: isRedelivery,
    duration: 0.27,
    status: status === 502 ? 'failed to connect to host' : 'OK',
    status_code: status,
    event,
    action: null,
  })
  return `{"id":${id},${rest.slice(1)}`
}

function invalid(message: string): FakeAnswer {
  const errors = [{ resource: 'Hook', code: 'custom', message }]
  return { status: 422, json: { message: 'Validation Failed', errors } }
}
