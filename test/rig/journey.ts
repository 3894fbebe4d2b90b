import { z } from 'zod'
import type { ForgeName } from '../../src/forge/forge.ts'
import type { Sha } from '../../src/git/refs.ts'
import { RunOnWire, startDaemonProcess } from './daemon.ts'
import type { DaemonProcess } from './daemon.ts'
import { pushFrom } from './deliveries.ts'
import { startGitHttpServer } from './git-http-server.ts'
import type { GitHttpServer, ServedRepository } from './git-http-server.ts'
import { createFolder, createWorkRepository, readRefs } from './repository.ts'
import type { Folder, WorkRepository } from './repository.ts'

// A company with two forges and a daemon between them: the world of most journeys.

export const SECRET = 'a secret of the webhooks'

export type Journey = AsyncDisposable & {
  readonly folder: Folder
  readonly inner: GitHttpServer
  readonly outer: GitHttpServer
  readonly work: WorkRepository
  /** The daemon that runs now; see `restart`. */
  readonly daemon: DaemonProcess
  readonly restart: (env?: Readonly<Record<string, string>>) => Promise<void>
  /** Creates a repository on both servers and binds them. */
  readonly bind: (name: string, options?: Readonly<Record<string, unknown>>) => Promise<BoundPair>
}

export type BoundPair = {
  readonly name: string
  readonly inner: ServedRepository
  readonly outer: ServedRepository
}

export const PASSWORDS = {
  inner: { username: 'ada', password: 'inner pass/word' },
  outer: { username: 'bob', password: 'outer:pässword' },
} as const

/** Two password-protected smart-HTTP servers, a work repository, and the daemon with `env` on top. */
export async function startJourney(env: Readonly<Record<string, string>> = {}): Promise<Journey> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await createFolder())
  const inner = stack.use(await startGitHttpServer(PASSWORDS.inner))
  const outer = stack.use(await startGitHttpServer(PASSWORDS.outer))
  const work = await createWorkRepository(folder.path)
  const settings = { WEBHOOK_SECRET: SECRET, ...env }
  let daemon = await startDaemonProcess({ dir: folder.path, env: settings })
  stack.defer(() => daemon[Symbol.asyncDispose]())
  const owned = stack.move()
  return {
    folder,
    inner,
    outer,
    work,
    get daemon() {
      return daemon
    },
    restart: async (changes = {}) => {
      await daemon[Symbol.asyncDispose]()
      daemon = await startDaemonProcess({ dir: folder.path, env: { ...settings, ...changes } })
    },
    bind: async (name, options = {}) => {
      const path = `team/${name}`
      const pair = {
        name,
        inner: await inner.createRepository(path),
        outer: await outer.createRepository(path),
      }
      const { body } = await daemon.call('POST', '/cerobot/sync/repo', {
        repo_name: name,
        enable: true,
        internal_repo_address: pair.inner.url,
        external_repo_address: pair.outer.url,
        inter_token: `${PASSWORDS.inner.username}:${PASSWORDS.inner.password}`,
        exter_token: `${PASSWORDS.outer.username}:${PASSWORDS.outer.password}`,
        sync_granularity: 1,
        sync_direction: 1,
        ...options,
      })
      expectSuccess(body)
      return pair
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** The webhook that `forge` sends for a push to `repository`. */
export function pushTo(
  forge: ForgeName,
  repository: Pick<ServedRepository, 'name' | 'url'>,
  branch: string,
  after: Sha | null,
  changes: { readonly before?: Sha | null; readonly secret?: string; readonly deliveryId?: string } = {},
) {
  return pushFrom(forge, {
    repository: { fullName: repository.name, cloneUrl: repository.url },
    ref: `refs/heads/${branch}`,
    before: changes.before ?? null,
    after,
    secret: changes.secret ?? SECRET,
    ...(changes.deliveryId === undefined ? {} : { deliveryId: changes.deliveryId }),
  })
}

const Accepted = z.object({
  status: z.literal('accepted'),
  delivery: z.number(),
  bindings: z.array(z.string()),
  runs: z.array(z.number()).min(1),
})

/** The run that an accepted delivery asked for. */
export function runOf(body: unknown): number {
  const [run = 0] = Accepted.parse(body).runs
  return run
}

/** Every page of a list under /api/v1, newest first; `path` may carry a filter. */
export async function listAll<Row extends z.ZodType>(
  daemon: Pick<DaemonProcess, 'call'>,
  path: string,
  row: Row,
): Promise<readonly z.infer<Row>[]> {
  const List = z.object({ data: z.object({ items: z.array(row), total: z.number() }) })
  const rows: z.infer<Row>[] = []
  for (let page = 1; ; page += 1) {
    const { body } = await daemon.call(
      'GET',
      `${path}${path.includes('?') ? '&' : '?'}page=${page}&page_size=100`,
    )
    const { data } = List.parse(body)
    rows.push(...data.items)
    if (data.items.length === 0 || rows.length >= data.total) return rows
  }
}

/** All runs, newest first, without their logs. */
export function listRuns(daemon: Pick<DaemonProcess, 'call'>): Promise<readonly RunOnWire[]> {
  return listAll(daemon, '/api/v1/runs', RunOnWire)
}

/** Follows what waits or runs, and what comes of it, until nothing does; returns all runs. */
export async function allRunsEnded(daemon: DaemonProcess): Promise<readonly RunOnWire[]> {
  for (;;) {
    const runs = await listRuns(daemon)
    const open = runs.filter(({ status }) => status === 'queued' || status === 'running')
    if (open.length === 0) return runs
    await Promise.all(open.map(({ id }) => daemon.runEnded(id)))
  }
}

/** The `data` of a /cerobot answer with code 0. */
export function expectSuccess(body: unknown): unknown {
  const {
    code_status: code,
    msg,
    data,
  } = z.looseObject({ code_status: z.number(), msg: z.string(), data: z.unknown() }).parse(body)
  if (code !== 0) throw new Error(`code ${code}: ${msg} ${JSON.stringify(body)}`)
  return data
}

export async function headOf(repository: { readonly dir: string }, branch: string): Promise<Sha | undefined> {
  return (await readRefs(repository.dir)).get(`refs/heads/${branch}`)
}
