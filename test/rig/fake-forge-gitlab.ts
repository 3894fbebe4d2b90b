import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { gitlabPush } from './deliveries.ts'
import type { SentRequest } from './deliveries.ts'
import { rememberedDefaultBranch } from './fake-default-branch.ts'
import { startFakeForge } from './fake-forge.ts'
import type { FakeAnswer, FakeRequest } from './fake-forge.ts'
import { createFakeHooks, deliver, pageOf } from './fake-hooks.ts'
import type { FakeHook, FakeHookForge, FakeHookForgeOptions } from './fake-hooks.ts'

// GitLab: a hook that is off until a test succeeds, a token that a new address takes away, a branch filter,
// and a history of events whose resending keeps their idempotency key.

type Send = (hook: FakeHook, key: string) => SentRequest

type Event = {
  readonly id: number
  readonly key: string
  readonly at: number
  readonly hook: string
  readonly trigger: string
  readonly status: number | undefined
  readonly send: Send
}

export type FakeGitlabOptions = FakeHookForgeOptions & {
  /** 17.2 has no history, 17.4 does not say when an event was. */
  readonly version?: '17.2' | '17.4' | '18'
}

const Settings = z.object({
  url: z.string(),
  token: z.string().optional(),
  push_events: z.boolean().optional(),
  tag_push_events: z.boolean().optional(),
  push_events_branch_filter: z.string().optional(),
  branch_filter_strategy: z.string().optional(),
})

const ProjectChange = z.strictObject({ default_branch: z.string() })

const MOST_EVENTS_PER_PAGE = 20
const AFTER = '95790bf891e76fee5e1747ab589903a6a1f80f22'
const NOT_FOUND: FakeAnswer = { status: 404, json: { message: '404 Not found' } }

export async function startFakeGitlab(options: FakeGitlabOptions): Promise<FakeHookForge> {
  const { token, fullName, now = Date.now, mostPerPage = 100, version = '18' } = options
  const { defaultBranch = rememberedDefaultBranch() } = options
  const place = `/api/v4/projects/${encodeURIComponent(fullName)}`
  const prefix = `${place}/hooks`
  const hooks = createFakeHooks()
  const events: Event[] = []
  const forge = await startFakeForge((request) => {
    if (request.headers['authorization'] !== `Bearer ${token}`) {
      return { status: 401, json: { message: '401 Unauthorized' } }
    }
    if (request.path === place) return describe(request)
    if (!request.path.startsWith(prefix)) return { status: 404, json: { message: '404 Project Not Found' } }
    const [, id, rest = ''] = /^\/(\d+)(\/.*)?$/.exec(request.path.slice(prefix.length)) ?? []
    if (request.path === prefix) return request.method === 'POST' ? create(request) : list(request)
    const hook = hooks.find(id)
    return hook === undefined ? NOT_FOUND : change(hook, request, rest)
  })
  const address = `${forge.origin}/${fullName}.git`
  const repository = { fullName, cloneUrl: options.cloneUrl ?? address }

  async function describe({ method, body }: FakeRequest): Promise<FakeAnswer> {
    if (method === 'PUT') {
      const { default_branch: branch } = ProjectChange.parse(JSON.parse(body))
      if (!(await defaultBranch.set(branch))) {
        const base = [`Could not change HEAD: branch '${branch}' does not exist`]
        return { status: 400, json: { message: { base } } }
      }
    }
    const project = { id: 3, path_with_namespace: fullName, empty_repo: false }
    return { status: 200, json: { ...project, default_branch: await defaultBranch.read() } }
  }

  async function send(
    hook: FakeHook,
    trigger: string,
    make: Send,
    again?: Event,
  ): Promise<number | undefined> {
    const key = again?.key ?? randomUUID()
    const at = now()
    const status = await deliver(hook.url, make(hook, key))
    events.unshift({ id: events.length + 1, key, at, hook: hook.id, trigger, status, send: make })
    return status
  }

  function push(hook: FakeHook, moved: Parameters<FakeHookForge['push']>[0]): Promise<number | undefined> {
    const trigger = moved.ref.startsWith('refs/tags/') ? 'tag_push_hooks' : 'push_hooks'
    return send(hook, trigger, ({ secret }, key) =>
      gitlabPush({ ...moved, repository, deliveryId: key, ...(secret === undefined ? {} : { secret }) }),
    )
  }

  function list(request: FakeRequest): FakeAnswer {
    const { items, headers } = pageOf(hooks.all(), request, forge.origin, {
      sizeName: 'per_page',
      mostPerPage,
    })
    return { status: 200, headers, json: items.map((hook) => toJson(hook, now())) }
  }

  function create({ body }: FakeRequest): FakeAnswer {
    const settings = Settings.parse(JSON.parse(body))
    if (!URL.canParse(settings.url)) return { status: 422, json: { error: 'Invalid url given' } }
    const hook = { url: settings.url, secret: settings.token, isActive: true, events: eventsOf(settings) }
    return { status: 201, json: toJson(hooks.add(hook), now()) }
  }

  async function change(hook: FakeHook, request: FakeRequest, rest: string): Promise<FakeAnswer> {
    const [, event] = /^\/events\/(\d+)\/resend$/.exec(rest) ?? []
    switch (`${request.method} ${event === undefined ? rest : '/resend'}`) {
      case 'GET ':
        return { status: 200, json: toJson(hook, now()) }
      case 'PUT ': {
        const settings = Settings.parse(JSON.parse(request.body))
        const kept = settings.url === hook.url ? hook.secret : undefined
        const { url, token: secret = kept } = settings
        hooks.change(hook.id, { url, secret, events: eventsOf(settings) })
        return { status: 200, json: toJson(hooks.find(hook.id) ?? hook, now()) }
      }
      case 'DELETE ':
        hooks.remove(hook.id)
        return { status: 204 }
      case 'POST /test/push_events': {
        const status = await push(hook, { ref: 'refs/heads/main', before: AFTER, after: AFTER })
        if (status === undefined || status > 299)
          return { status: 422, json: { message: '422 Unprocessable' } }
        hooks.change(hook.id, { isActive: true })
        return { status: 201, json: { message: '201 Created' } }
      }
      case 'GET /events':
        return version === '17.2' ? { status: 404, json: { error: '404 Not Found' } } : history(hook, request)
      case 'POST /resend': {
        const sent = events.find(({ id }) => String(id) === event)
        if (sent === undefined) return NOT_FOUND
        const status = await send(hook, sent.trigger, sent.send, sent)
        return { status: 201, json: { response_status: status ?? 'internal error' } }
      }
      default:
        return NOT_FOUND
    }
  }

  function history(hook: FakeHook, request: FakeRequest): FakeAnswer {
    if (Number(request.query.get('per_page') ?? MOST_EVENTS_PER_PAGE) > MOST_EVENTS_PER_PAGE) {
      return { status: 400, json: { error: 'per_page does not have a valid value' } }
    }
    const known = events.filter((event) => event.hook === hook.id)
    const { items, headers } = pageOf(known, request, forge.origin, { sizeName: 'per_page', mostPerPage })
    return { status: 200, headers, json: items.map((event) => eventToJson(event, version === '18')) }
  }

  return {
    ...forge,
    address,
    hooks: hooks.all,
    changeHook: hooks.change,
    push: async (moved) => {
      const event = moved.ref.startsWith('refs/tags/') ? 'tag_push' : 'push'
      for (const hook of hooks.all().filter(({ isActive, events }) => isActive && events.includes(event))) {
        await push(hook, moved)
      }
    },
  }
}

function eventsOf(settings: z.infer<typeof Settings>): readonly string[] {
  const filter = settings.branch_filter_strategy === 'all_branches' ? '' : settings.push_events_branch_filter
  return [
    ...(settings.push_events === true ? ['push'] : []),
    ...(settings.tag_push_events === true ? ['tag_push'] : []),
    ...(filter === undefined || filter === '' ? [] : [`only ${filter}`]),
  ]
}

function toJson({ id, url, secret, isActive, events }: FakeHook, now: number): unknown {
  const filter = events.find((event) => event.startsWith('only '))?.slice('only '.length)
  return {
    id: Number(id),
    url,
    project_id: 3,
    push_events: events.includes('push'),
    tag_push_events: events.includes('tag_push'),
    merge_requests_events: false,
    enable_ssl_verification: true,
    alert_status: isActive ? 'executable' : 'temporarily_disabled',
    disabled_until: isActive ? null : new Date(now + 60_000).toISOString(),
    push_events_branch_filter: filter ?? '',
    branch_filter_strategy: filter === undefined ? 'all_branches' : 'wildcard',
    token_present: secret !== undefined,
    signing_token_present: false,
  }
}

function eventToJson({ id, key, at, trigger, status }: Event, tellsTime: boolean): unknown {
  return {
    id,
    trigger,
    request_headers: { 'Idempotency-Key': key, 'X-Gitlab-Token': '[REDACTED]' },
    request_data: { object_kind: 'push' },
    response_headers: status === undefined ? {} : { Date: new Date(at).toUTCString() },
    response_body: '',
    execution_duration: 1.09,
    response_status: status === undefined ? 'internal error' : String(status),
    ...(tellsTime ? { created_at: new Date(at).toISOString() } : {}),
  }
}
