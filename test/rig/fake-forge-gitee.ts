import { z } from 'zod'
import { giteePushBody, sendGitee } from './deliveries-gitee.ts'
import { rememberedDefaultBranch } from './fake-default-branch.ts'
import { startFakeForge } from './fake-forge.ts'
import type { FakeAnswer } from './fake-forge.ts'
import { createFakeHooks, deliver } from './fake-hooks.ts'
import type { FakeHook, FakeHookForge, FakeHookForgeOptions } from './fake-hooks.ts'
import { about, answerBy, pageFrom, withBody } from './fake-routes.ts'
import type { Route } from './fake-routes.ts'

// Gitee's API v5 for hooks. It shows their passwords, and of the past only the last answer.

const Settings = z.object({
  url: z.url(),
  encryption_type: z.literal(1),
  password: z.string().optional(),
  push_events: z.boolean().default(true),
  tag_push_events: z.boolean().default(false),
})

// What is left out of the last three is taken for its default.
const RepositoryChange = z.strictObject({
  name: z.literal('App of the team'),
  default_branch: z.string(),
  has_issues: z.literal(false),
  has_wiki: z.literal(true),
  can_comment: z.literal(false),
})

const MISSING: FakeAnswer = { status: 404, json: { message: '404 Not Found' } }
const REFUSAL: FakeAnswer = { status: 400, json: { message: 'url is invalid' } }

export async function startFakeGitee({
  token,
  fullName,
  cloneUrl,
  now = Date.now,
  mostPerPage = 100,
  defaultBranch = rememberedDefaultBranch(),
}: FakeHookForgeOptions): Promise<FakeHookForge> {
  const hooks = createFakeHooks()
  const statuses = new Map<string, number>()
  const forge = await startFakeForge((request) =>
    request.headers['authorization'] === `token ${token}`
      ? answerBy(routes, request, MISSING)
      : { status: 401, json: { message: '401 Unauthorized: Access token does not exist' } },
  )
  const address = `${forge.origin}/${fullName}.git`
  const repository = { fullName, cloneUrl: cloneUrl ?? address }

  const toJson = ({ id, url, secret, events }: FakeHook) => {
    const code = statuses.get(id) ?? 0
    return {
      id: Number(id),
      url,
      password: secret,
      push_events: events.includes('push'),
      tag_push_events: events.includes('tag_push'),
      result_code: code,
      result: code === 0 ? '' : `answered ${code}`,
      created_at: '2026-01-18T17:51:44+08:00',
    }
  }
  const withHook = (answer: Parameters<typeof about<FakeHook>>[2]) => about(hooks.find, MISSING, answer)
  const describe = async (): Promise<FakeAnswer> => {
    const settings = { name: 'App of the team', has_issues: false, has_wiki: true, can_comment: false }
    return {
      status: 200,
      json: { id: 9, full_name: fullName, ...settings, default_branch: await defaultBranch.read() },
    }
  }
  const place = new RegExp(`^/api/v5/repos/${fullName}$`)
  const path = (rest: string): RegExp => new RegExp(`^/api/v5/repos/${fullName}/hooks${rest}$`)
  const routes: readonly Route[] = [
    ['GET', place, describe],
    [
      'PATCH',
      place,
      (request) =>
        withBody(
          request,
          RepositoryChange,
          { status: 400, json: { message: 'name is missing' } },
          async (change) =>
            (await defaultBranch.set(change.default_branch))
              ? describe()
              : { status: 400, json: { message: '默认分支不存在' } },
        ),
    ],
    [
      'GET',
      path(''),
      (request) => {
        const page = pageFrom(hooks.all(), request, { sizeName: 'per_page', mostPerPage })
        return { status: 200, headers: { total_count: String(hooks.all().length) }, json: page.map(toJson) }
      },
    ],
    [
      'POST',
      path(''),
      (request) =>
        withBody(request, Settings, REFUSAL, (settings) => {
          return { status: 201, json: toJson(hooks.add({ ...toHook(settings), isActive: true })) }
        }),
    ],
    [
      'PATCH',
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
        return { status: 204 }
      }),
    ],
    [
      'POST',
      path('/(\\d+)/tests'),
      withHook(async (hook) => {
        await send(hook, { ref: 'refs/heads/main', before: null, after: null }, true)
        return { status: 204 }
      }),
    ],
  ]

  async function send(
    hook: FakeHook,
    push: Parameters<FakeHookForge['push']>[0],
    isPing: boolean,
  ): Promise<void> {
    const { secret, url, id } = hook
    const event = push.ref.startsWith('refs/tags/') ? 'Tag Push Hook' : 'Push Hook'
    const sending = { signs: true, sentAt: now(), ...(secret === undefined ? {} : { secret }) }
    const sent = sendGitee(event, sending, giteePushBody({ ...push, repository }))
    const headers = { ...sent.headers, 'X-Gitee-Ping': String(isPing) }
    statuses.set(id, (await deliver(url, { ...sent, headers })) ?? 503)
  }

  return {
    ...forge,
    address,
    hooks: hooks.all,
    changeHook: hooks.change,
    push: async (push) => {
      const event = push.ref.startsWith('refs/tags/') ? 'tag_push' : 'push'
      for (const hook of hooks.all().filter(({ events }) => events.includes(event))) {
        await send(hook, push, false)
      }
    },
  }
}

function toHook({ url, password, push_events, tag_push_events }: z.infer<typeof Settings>) {
  const events = [...(push_events ? ['push'] : []), ...(tag_push_events ? ['tag_push'] : [])]
  return { url, secret: password, events }
}
