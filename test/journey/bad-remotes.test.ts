import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { z } from 'zod'
import type { Fault } from '../rig/git-http-server.ts'
import { listRuns, startJourney } from '../rig/journey.ts'
import type { BoundPair, Journey } from '../rig/journey.ts'
import { createWorkRepository, installHook, protectBranches, readRefs } from '../rig/repository.ts'

// What a person who asks for a sync is told when one of the two forges does not play along.

type Trouble = {
  readonly name: string
  readonly env?: Readonly<Record<string, string>>
  /** Binds `app`, and brings about what goes wrong. */
  readonly bind: (journey: Journey) => Promise<BoundPair>
  readonly code: number
  readonly msg: string
  /** What the detail names, so that the reader knows where to look. */
  readonly detail: RegExp
}

const TROUBLES: readonly Trouble[] = [
  {
    name: 'nothing listens at the port',
    bind: async (journey) => journey.bind('app', { internal_repo_address: await refusingAddress() }),
    code: 20004,
    msg: '连接超时',
    detail: /127\.0\.0\.1/,
  },
  {
    name: 'nobody knows the host',
    bind: (journey) => journey.bind('app', { external_repo_address: 'http://nowhere.invalid/team/app.git' }),
    code: 20003,
    msg: '无法解析主机',
    detail: /nowhere\.invalid/,
  },
  {
    name: 'the password is wrong',
    bind: (journey) => journey.bind('app', { inter_token: 'ada:wrong-password' }),
    code: 20005,
    msg: '认证失败 (用户名和密码、个人访问令牌、SSH 密钥等)',
    detail: /internal/,
  },
  {
    name: 'the repository does not exist',
    bind: (journey) => journey.bind('app', { external_repo_address: journey.outer.url('team/none') }),
    code: 20002,
    msg: '仓库不存在或私有仓库访问权限不足',
    detail: /team\/none/,
  },
  {
    name: 'the server shows a login page',
    bind: withFault('outer', { kind: 'html' }),
    code: 20002,
    msg: '仓库不存在或私有仓库访问权限不足',
    detail: /external/,
  },
  {
    name: 'the server never answers',
    env: { SYNC_IDLE_TIMEOUT: '1s' },
    bind: withFault('inner', { kind: 'hang' }),
    code: 20004,
    msg: '连接超时',
    detail: /1000 ms/,
  },
  {
    name: 'the server stops in the middle of a pack',
    env: { SYNC_IDLE_TIMEOUT: '1s' },
    bind: withFault('inner', { kind: 'stall', afterBytes: 20 }),
    code: 20004,
    msg: '连接超时',
    detail: /1000 ms/,
  },
  {
    name: 'the connection is cut in the middle of a pack',
    bind: withFault('inner', { kind: 'cut', afterBytes: 20 }),
    code: 20004,
    msg: '连接超时',
    detail: /internal/,
  },
  ...[500, 502, 503, 429].map((status): Trouble => ({
    name: `the server answers ${status}`,
    bind: withFault('inner', { kind: 'status', status }),
    code: 20004,
    msg: '连接超时',
    detail: new RegExp(String(status)),
  })),
  {
    name: 'the target protects the branch',
    bind: async (journey) => {
      const app = await journey.bind('app')
      await protectBranches(app.outer.dir, 'main')
      return app
    },
    code: 20011,
    msg: '推送到受保护的分支被拒绝',
    detail: /GH006/,
  },
  {
    name: 'the target finds a secret',
    bind: async (journey) => {
      const app = await journey.bind('app')
      const words = 'PUSH BLOCKED: Secrets detected in code changes'
      await installHook(app.outer.dir, 'pre-receive', `echo "${words}" >&2; exit 1`)
      return app
    },
    code: 20105,
    msg: '推送的内容中含有密钥',
    detail: /Secrets detected in code changes/,
  },
  {
    name: 'the target was archived',
    bind: withFault('outer', {
      kind: 'status',
      status: 403,
      headers: { 'content-type': 'text/plain' },
      body: 'This repository was archived so it is read-only.\n',
    }),
    code: 20110,
    msg: '仓库只读',
    detail: /external.*archived/s,
  },
  {
    name: 'a branch of the target is in the way of its name',
    bind: async (journey) => {
      const app = await journey.bind('app')
      const blocker = await journey.work.commit('in the way')
      await journey.work.push(app.outer.dir, `${blocker}:refs/heads/main/old`)
      return app
    },
    code: 20111,
    msg: '分支或标签的名称冲突',
    detail: /main\/old/,
  },
  {
    name: 'a hook of the target declines',
    bind: async (journey) => {
      const app = await journey.bind('app')
      await installHook(app.outer.dir, 'pre-receive', 'echo "no ticket in the message" >&2; exit 1')
      return app
    },
    code: 20011,
    msg: '推送到受保护的分支被拒绝',
    detail: /no ticket in the message/,
  },
  {
    name: 'the two repositories have nothing in common',
    bind: async (journey) => {
      const app = await journey.bind('app')
      const stranger = await createWorkRepository(journey.folder.path)
      await stranger.commit('another beginning')
      await stranger.push(app.outer.dir, 'HEAD:refs/heads/main')
      return app
    },
    code: 20103,
    msg: '两个仓库没有共同的历史',
    detail: /no commit in common/,
  },
]

test.each(TROUBLES)('$name: the answer says what happened and what to do', async (trouble) => {
  await using journey = await startJourney({ SYNC_ATTEMPTS: '1', ...trouble.env })
  const app = await trouble.bind(journey)
  const before = await readRefs(app.outer.dir)
  await journey.work.commit('on its way')
  await journey.work.push(app.inner.dir, 'HEAD:refs/heads/main')

  const answer = await journey.daemon.call('POST', '/cerobot/sync/repo/app')

  expect(answer.status).toBe(200)
  const told = z.object({ data: z.null(), detail: z.string(), hint: z.string() }).parse(answer.body)
  expect(answer.body).toMatchObject({ code_status: trouble.code, msg: trouble.msg })
  expect(told.detail).toMatch(trouble.detail)
  expect(told.hint).toMatch(IN_BOTH_LANGUAGES)
  const [run] = await listRuns(journey.daemon)
  const { detail, hint } = told
  expect(run).toMatchObject({ status: 'failed', code: trouble.code, message: trouble.msg, detail, hint })
  expect(await readRefs(app.outer.dir)).toEqual(before)
})

const IN_BOTH_LANGUAGES = /\p{Script=Han}.* \/ [a-z]/su

function withFault(side: 'inner' | 'outer', fault: Fault): Trouble['bind'] {
  return async (journey) => {
    const app = await journey.bind('app')
    journey[side].fault('team/app', fault)
    return app
  }
}

/** An address at which nothing listens, because who listened has gone. */
async function refusingAddress(): Promise<string> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise<void>((resolve) => server.close(() => resolve()))
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return `http://127.0.0.1:${address.port}/team/app.git`
}
