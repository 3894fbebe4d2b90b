import { createHmac } from 'node:crypto'
import { z } from 'zod'
import { RunOnWire, startDaemonProcess } from './daemon.ts'
import type { Answer, DaemonProcess } from './daemon.ts'
import { startGitHttpServer } from './git-http-server.ts'
import type { GitHttpServer, ServedRepository } from './git-http-server.ts'
import { createFolder, createWorkRepository, git } from './repository.ts'
import type { Folder, WorkRepository } from './repository.ts'

// A daemon, a registered repository of somebody, and two forges that are its remotes, with the logins in their
// addresses, as people keep them.
//
//   await using world = await startTaskWorld()
//   const task = await world.createTask({ source_branch: 'main' })     // origin → backup
//   const run = await world.run(task)                                  // waits for the outcome

export const SECRET = 'a secret of the webhooks'
export const LOGINS = {
  origin: { username: 'ada', password: 'the password of origin' },
  backup: { username: 'bob', password: 'the password of backup' },
} as const

export type TaskWorld = AsyncDisposable & {
  readonly folder: Folder
  readonly servers: Readonly<Record<'origin' | 'backup', GitHttpServer>>
  readonly origin: ServedRepository
  readonly backup: ServedRepository
  /** The registered repository; on `main`, with one commit that nobody else has. */
  readonly own: WorkRepository
  readonly repoId: number
  /** The daemon that runs now; see `restart`. */
  readonly daemon: DaemonProcess
  readonly restart: (env?: Readonly<Record<string, string>>) => Promise<void>
  /** From `main` of origin to `main` of backup, unless said otherwise; returns its id. */
  readonly createTask: (changes?: Readonly<Record<string, unknown>>) => Promise<number>
  /** Runs a task and waits for what it comes to. */
  readonly run: (task: number) => Promise<RunOnWire>
  readonly callWebhook: (body: string, headers?: Readonly<Record<string, string>>) => Promise<Answer>
}

const Created = z.object({ data: z.object({ id: z.number() }) })

export async function startTaskWorld(env: Readonly<Record<string, string>> = {}): Promise<TaskWorld> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await createFolder())
  const origin = stack.use(await startGitHttpServer(LOGINS.origin))
  const backup = stack.use(await startGitHttpServer(LOGINS.backup))
  const repositories = {
    origin: await origin.createRepository('team/app'),
    backup: await backup.createRepository('team/app'),
  }
  const own = await createWorkRepository(folder.path)
  await own.commit('first')
  for (const name of ['origin', 'backup'] as const) {
    const { username, password } = LOGINS[name]
    const url = new URL(repositories[name].url)
    url.username = username
    url.password = password
    await git(own.dir, 'remote', 'add', name, url.href)
  }
  const settings = { WEBHOOK_SECRET: SECRET, REPO_ROOTS: folder.path, ...env }
  let daemon = await startDaemonProcess({ dir: folder.path, env: settings })
  stack.defer(() => daemon[Symbol.asyncDispose]())
  const { body } = await daemon.call('POST', '/api/v1/repos', { name: 'app', path: own.dir })
  const repoId = Created.parse(body).data.id
  const owned = stack.move()
  return {
    folder,
    servers: { origin, backup },
    ...repositories,
    own,
    repoId,
    get daemon() {
      return daemon
    },
    restart: async (changes = {}) => {
      await daemon[Symbol.asyncDispose]()
      daemon = await startDaemonProcess({ dir: folder.path, env: { ...settings, ...changes } })
    },
    createTask: async (changes = {}) => {
      const answer = await daemon.call('POST', '/api/v1/sync/tasks', taskBody(repoId, changes))
      const created = Created.safeParse(answer.body)
      if (!created.success) throw new Error(JSON.stringify(answer.body))
      return created.data.data.id
    },
    run: async (task) => {
      const answer = await daemon.call('POST', `/api/v1/sync/tasks/${task}/run?wait=true`)
      const run = z.object({ data: RunOnWire }).safeParse(answer.body)
      if (!run.success) throw new Error(JSON.stringify(answer.body))
      return run.data.data
    },
    callWebhook: (text, headers) => callTaskSync(daemon, text, headers),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** The documented example, as far as it is not changed. */
export function taskBody(
  repoId: number,
  changes: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> {
  return {
    name: 'main-to-backup',
    repo_id: repoId,
    source_remote: 'origin',
    source_branch: 'main',
    target_remote: 'backup',
    target_branch: 'main',
    enabled: true,
    ...changes,
  }
}

/** Sends the text as it is, signed unless other headers are given. */
async function callTaskSync(
  daemon: Pick<DaemonProcess, 'url'>,
  text: string,
  headers: Readonly<Record<string, string>> = {
    'X-Hub-Signature-256': `sha256=${createHmac('sha256', SECRET).update(text).digest('hex')}`,
  },
): Promise<Answer> {
  const response = await fetch(`${daemon.url}/api/webhooks/task-sync`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: text,
  })
  const body: unknown = await response.json()
  return { status: response.status, headers: response.headers, body }
}

/** `main` on both remotes, each with a commit that the other one lacks. */
export async function diverge({ own, origin, backup }: Pick<TaskWorld, 'own' | 'origin' | 'backup'>) {
  await own.push(backup.dir, 'main:refs/heads/main')
  await own.branch('foreign', 'main')
  const foreign = await own.commit('foreign')
  await own.push(backup.dir, 'foreign:refs/heads/main')
  await own.checkout('main')
  const theirs = await own.commit('theirs')
  await own.push(origin.dir, 'main:refs/heads/main')
  return { theirs, foreign }
}
