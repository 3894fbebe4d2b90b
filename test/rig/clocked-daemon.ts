import { z } from 'zod'
import { SECOND } from '../../src/clock.ts'
import { loadConfig } from '../../src/config.ts'
import { startDaemon } from '../../src/daemon.ts'
import { createLogger } from '../../src/log.ts'
import { createTestClock } from './clock.ts'
import type { TestClock } from './clock.ts'
import type { Answer } from './daemon.ts'
import { readAnswer, RunOnWire } from './daemon.ts'
import type { SentRequest } from './deliveries.ts'
import { startGitHttpServer } from './git-http-server.ts'
import type { GitHttpServer } from './git-http-server.ts'
import { PASSWORDS, SECRET } from './journey.ts'
import type { BoundPair } from './journey.ts'
import type { LfsServer } from './lfs-server.ts'
import { createFolder, createWorkRepository } from './repository.ts'
import type { WorkRepository } from './repository.ts'

// The whole daemon in this process, with a clock that stands still until it is moved: for what happens after a
// minute, an hour or a month. Everything else is as in `journey.ts`.

export type ClockedDaemon = AsyncDisposable & {
  readonly dir: string
  readonly clock: TestClock
  readonly inner: GitHttpServer
  readonly outer: GitHttpServer
  readonly work: WorkRepository
  readonly call: (method: string, path: string, body?: unknown) => Promise<Answer>
  readonly deliver: (sent: SentRequest) => Promise<Answer>
  readonly bind: (name: string, options?: Readonly<Record<string, unknown>>) => Promise<BoundPair>
  readonly runEnded: (id: number) => Promise<RunOnWire>
  /** Moves the clock on, by `ms` and then in steps, until a run of the binding is there that was not; resolves at its end. */
  readonly advanceToRun: (ms: number, binding: string) => Promise<RunOnWire>
}

const STEP = 1 * SECOND

const Data = z.object({ data: z.looseObject({}) })
const Runs = z.object({ data: z.object({ items: z.array(RunOnWire) }) })

export async function startClockedDaemon(
  env: Readonly<Record<string, string>> = {},
  lfs: Partial<Record<'inner' | 'outer', LfsServer>> = {},
): Promise<ClockedDaemon> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await createFolder())
  const inner = stack.use(
    await startGitHttpServer({ ...PASSWORDS.inner, ...(lfs.inner && { lfs: lfs.inner }) }),
  )
  const outer = stack.use(
    await startGitHttpServer({ ...PASSWORDS.outer, ...(lfs.outer && { lfs: lfs.outer }) }),
  )
  const work = await createWorkRepository(folder.path)
  const clock = createTestClock()
  const settings = {
    PORT: '0',
    SYNC_DIR: `${folder.path}/sync`,
    RECONCILE_INTERVAL: '0',
    WEBHOOK_SECRET: SECRET,
    ...env,
  }
  const config = loadConfig({ env: settings, cwd: folder.path })
  const daemon = await startDaemon(config, { clock, logger: createLogger('silent') })
  stack.defer(() => daemon.stop())

  const call: ClockedDaemon['call'] = async (method, path, body) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' }
    const sent = body === undefined ? {} : { body: JSON.stringify(body) }
    return readAnswer(await fetch(`${daemon.url}${path}`, { method, headers, ...sent }))
  }
  const runEnded: ClockedDaemon['runEnded'] = async (id) => {
    const followed = await fetch(`${daemon.url}/api/v1/runs/${id}/log`, {
      headers: { accept: 'text/event-stream' },
    })
    await followed.text()
    return RunOnWire.parse(Data.parse((await call('GET', `/api/v1/runs/${id}`)).body).data)
  }
  const newestRun = async (binding: string): Promise<RunOnWire | undefined> =>
    Runs.parse((await call('GET', `/api/v1/runs?binding=${binding}&page_size=1`)).body).data.items[0]

  const owned = stack.move()
  return {
    dir: folder.path,
    clock,
    inner,
    outer,
    work,
    call,
    runEnded,
    deliver: async (sent) =>
      readAnswer(await fetch(`${daemon.url}/webhooks${sent.search}`, { ...sent, body: sent.body })),
    bind: async (name, options = {}) => {
      const path = `team/${name}`
      const pair = {
        name,
        inner: await inner.createRepository(path),
        outer: await outer.createRepository(path),
      }
      const { username, password } = PASSWORDS.inner
      const answer = await call('POST', '/api/v1/bindings', {
        name,
        internal: { address: pair.inner.url, token: `${username}:${password}` },
        external: {
          address: pair.outer.url,
          token: `${PASSWORDS.outer.username}:${PASSWORDS.outer.password}`,
        },
        ...options,
      })
      if (answer.status !== 201) throw new Error(JSON.stringify(answer.body))
      return pair
    },
    advanceToRun: async (ms, binding) => {
      const before = (await newestRun(binding))?.id ?? 0
      clock.advance(ms)
      for (;;) {
        const run = await newestRun(binding)
        if (run !== undefined && run.id > before) return runEnded(run.id)
        // A timer that fell due during the jump saw the time of then; its next turn sees the time of now.
        clock.advance(STEP)
      }
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
