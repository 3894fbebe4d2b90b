import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { pushFrom, refEventFrom } from './deliveries.ts'
import type { SentRequest } from './deliveries.ts'
import { startFakeForge } from './fake-forge.ts'
import type { FakeAnswer, FakeRequest } from './fake-forge.ts'
import { createFakeHooks, deliver } from './fake-hooks.ts'
import type { FakeHook, FakeHookForge, FakeHookForgeOptions } from './fake-hooks.ts'
import { createFakeGitlinkRepository } from './fake-gitlink-repository.ts'
import type { FakeGitlinkRepository } from './fake-gitlink-repository.ts'
import { about, answerBy, pageFrom, withBody } from './fake-routes.ts'
import type { Route } from './fake-routes.ts'

// GitLink's API as it is documented, under the new paths (`/api/v1`), the old ones, or both: every path ends
// with `.json`, failures come with HTTP 200, and the detail of a hook shows its secret.

export type FakeGitlink = FakeHookForge &
  FakeGitlinkRepository & {
    /** Has every active hook deliver that a branch is gone. */
    readonly deleteBranch: (name: string) => Promise<void>
  }

type Task = {
  readonly id: number
  readonly hook: string
  readonly at: number
  readonly status: number | undefined
  readonly sent: SentRequest
}

const Settings = z.object({
  type: z.literal('gitea').default('gitea'),
  url: z.url(),
  http_method: z.enum(['POST', 'GET']),
  content_type: z.enum(['json', 'form']),
  secret: z.string().optional(),
  active: z.boolean(),
  branch_filter: z.string(),
  events: z.array(z.string()).min(1),
})

const SUCCESS: FakeAnswer = { status: 200, json: { status: 0, message: 'success' } }
const REFUSAL: FakeAnswer = { status: 200, json: { status: -1, message: '请求地址格式不正确' } }
const MISSING: FakeAnswer = { status: 404, json: { status: 404, message: '您访问的页面不存在或已被删除' } }

export async function startFakeGitlink({
  token,
  fullName,
  cloneUrl,
  now = Date.now,
  mostPerPage = 100,
  paths = 'new',
  defaultBranch,
}: FakeHookForgeOptions & { readonly paths?: 'new' | 'old' | 'both' }): Promise<FakeGitlink> {
  const hooks = createFakeHooks()
  const tasks: Task[] = []
  const own = createFakeGitlinkRepository(fullName, MISSING, { defaultBranch, paths })
  const forge = await startFakeForge((request) =>
    request.headers['authorization'] === `Bearer ${token}`
      ? answerBy(routes, request, MISSING)
      : { status: 200, json: { status: 401, message: '请登录后再操作' } },
  )
  const address = `${forge.origin}/${fullName}.git`
  const repository = { fullName, cloneUrl: cloneUrl ?? address, defaultBranch: 'master' }

  async function send(hook: FakeHook, sent: SentRequest): Promise<void> {
    const at = now()
    const status = await deliver(hook.url, sent)
    tasks.unshift({ id: tasks.length + 1, hook: hook.id, at, status, sent })
  }
  const active = (event: string): readonly FakeHook[] =>
    hooks.all().filter(({ isActive, events }) => isActive && events.includes(event))
  const withHook = (answer: Parameters<typeof about<FakeHook>>[2]) => about(hooks.find, MISSING, answer)
  const paged = <Item>(items: readonly Item[], request: FakeRequest) =>
    pageFrom(items, request, { sizeName: 'limit', mostPerPage })
  const lastStatus = (hook: FakeHook): string => {
    const last = tasks.find((task) => task.hook === hook.id)
    return last === undefined ? 'waiting' : isSuccess(last) ? 'succeed' : 'fail'
  }

  const list = (request: FakeRequest): FakeAnswer => {
    const webhooks = hooks.all().map((hook) => {
      const { id, url, isActive: is_active } = hook
      return {
        id: Number(id),
        url,
        http_method: 'POST',
        is_active,
        type: 'gitea',
        last_status: lastStatus(hook),
      }
    })
    return { status: 200, json: { total_count: webhooks.length, webhooks: paged(webhooks, request) } }
  }
  const create = (request: FakeRequest): ReturnType<Route[2]> =>
    withBody(request, Settings, REFUSAL, ({ url, secret, active: isActive, events }) => {
      return { status: 200, json: toJson(hooks.add({ url, secret, isActive, events })) }
    })
  const detail = withHook((hook) => {
    const { secret, isActive: is_active } = hook
    return { status: 200, json: { ...toJson(hook), is_active, secret, last_status: lastStatus(hook) } }
  })
  const update = (answersWithHook: boolean) =>
    withHook((hook, request) =>
      withBody(request, Settings, REFUSAL, ({ url, secret, active: isActive, events }) => {
        hooks.change(hook.id, { url, secret, isActive, events })
        return answersWithHook ? { status: 200, json: toJson(hooks.find(hook.id) ?? hook) } : SUCCESS
      }),
    )
  const remove = withHook(({ id }) => {
    hooks.remove(id)
    return SUCCESS
  })
  const test = withHook(async (hook) => {
    const head = 'feb48e31362787a7620b53d4df3c4effddbb6f0b'
    await send(
      hook,
      pushFrom('gitlink', signed(hook, { repository, ref: 'refs/heads/master', before: head, after: head })),
    )
    return SUCCESS
  })
  const history = (key: 'hooktasks' | 'tasks') =>
    withHook(({ id }, request) => {
      const ofHook = tasks.filter(({ hook }) => hook === id)
      const page = paged(ofHook, request).map(taskToJson)
      return { status: 200, json: { total_count: ofHook.length, [key]: page } }
    })

  const place = new URL(`/${fullName}`, forge.origin).pathname
  const below = (path: string, rest: string): RegExp => new RegExp(`^${path}${place}/webhooks${rest}\\.json$`)
  const newRoutes: readonly Route[] = [
    ['GET', below('/api/v1', ''), list],
    ['POST', below('/api/v1', ''), create],
    ['GET', below('/api/v1', '/(\\d+)'), detail],
    ['PUT', below('/api/v1', '/(\\d+)'), update(true)],
    ['DELETE', below('/api/v1', '/(\\d+)'), remove],
    ['POST', below('/api/v1', '/(\\d+)/tests'), test],
    ['GET', below('/api/v1', '/(\\d+)/hooktasks'), history('hooktasks')],
  ]
  const oldRoutes: readonly Route[] = [
    ['GET', below('/api', ''), list],
    ['POST', below('/api', ''), create],
    ['GET', below('/api', '/(\\d+)/edit'), detail],
    ['PATCH', below('/api', '/(\\d+)'), update(false)],
    ['DELETE', below('/api', '/(\\d+)'), remove],
    ['POST', below('/api', '/(\\d+)/test'), test],
    ['GET', below('/api', '/(\\d+)/tasks'), history('tasks')],
  ]
  const routes = [...own.routes, ...(paths === 'old' ? [] : newRoutes), ...(paths === 'new' ? [] : oldRoutes)]

  return {
    ...forge,
    ...own,
    address,
    hooks: hooks.all,
    changeHook: hooks.change,
    push: async (push) => {
      for (const hook of active('push'))
        await send(hook, pushFrom('gitlink', signed(hook, { ...push, repository })))
    },
    deleteBranch: async (name) => {
      for (const hook of active('delete')) {
        const event = { repository, action: 'delete', refType: 'branch', ref: name } as const
        await send(hook, refEventFrom('gitlink', signed(hook, event)))
      }
    },
  }
}

function signed<Sending extends object>({ secret }: FakeHook, sending: Sending) {
  return { ...sending, deliveryId: randomUUID(), ...(secret === undefined ? {} : { secret }) }
}

function toJson({ id, url, events, isActive: active }: FakeHook) {
  const settings = { content_type: 'json', http_method: 'POST', branch_filter: '*' }
  return {
    id: Number(id),
    type: 'gitea',
    url,
    events,
    active,
    ...settings,
    create_time: '2026-01-26 18:53:43',
  }
}

function isSuccess({ status }: Task): boolean {
  return status !== undefined && status >= 200 && status <= 299
}

function taskToJson(task: Task) {
  const { id, at, status, sent } = task
  return {
    id,
    type: 'gitea',
    uuid: sent.headers['X-Gitea-Delivery'],
    is_succeed: isSuccess(task),
    is_delivered: true,
    payload_content: z.unknown().parse(JSON.parse(sent.body ?? 'null')),
    request_content: { headers: sent.headers },
    response_content: { status: status ?? 0, headers: {}, body: '' },
    delivered_time: inChina(at),
  }
}

function inChina(at: number): string {
  return new Date(at + 8 * 3_600_000).toISOString().slice(0, 19).replace('T', ' ')
}
