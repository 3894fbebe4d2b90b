import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { GitHttpServer } from '../test/rig/git-http-server.ts'
import { startGitHttpServer } from '../test/rig/git-http-server.ts'
import { expectSuccess } from '../test/rig/journey.ts'
import { createFolder } from '../test/rig/repository.ts'
import type { ServerProcess } from './process.ts'
import { startDaemon } from './process.ts'

// A daemon whose forge takes every request and never answers: runs start and stay where they are, so that
// what is measured is how deliveries are taken in, and not git.

export const SECRET = 'a secret of the webhooks'

export type HeldDaemon = AsyncDisposable & {
  readonly daemon: ServerProcess
  readonly repositories: readonly { readonly fullName: string; readonly cloneUrl: string }[]
}

/** `prepare` is called with the daemon's folder before it starts. */
export async function startHeldDaemon(
  bindings: number,
  prepare: (dir: string) => Promise<void> = () => Promise.resolve(),
): Promise<HeldDaemon> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await createFolder())
  const forge = stack.use(await startGitHttpServer())
  forge.fault('*', { kind: 'hang' })
  const dir = join(folder.path, 'daemon')
  await mkdir(dir)
  await prepare(dir)
  const daemon = stack.use(await startDaemon(dir, { WEBHOOK_SECRET: SECRET, SYNC_IDLE_TIMEOUT: '10m' }))
  const repositories = Array.from({ length: bindings }, (_, number) => ({
    fullName: `team/bound-${number}`,
    cloneUrl: forge.url(`team/bound-${number}`),
  }))
  for (const [number, repository] of repositories.entries())
    await bind(daemon, forge, number, repository.cloneUrl)
  const owned = stack.move()
  return { daemon, repositories, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

async function bind(
  daemon: ServerProcess,
  forge: GitHttpServer,
  number: number,
  internal: string,
): Promise<void> {
  const answer = await daemon.call('POST', '/cerobot/sync/repo', {
    repo_name: `bound-${number}`,
    enable: true,
    internal_repo_address: internal,
    external_repo_address: forge.url(`mirror/bound-${number}`),
    sync_granularity: 1,
    sync_direction: 1,
  })
  expectSuccess(answer)
}

const Runs = z.object({ data: z.object({ items: z.array(z.object({ status: z.string() })) }) })

/** How many runs there are by status, to show what the daemon was doing. */
export async function runsByStatus(daemon: ServerProcess): Promise<string> {
  const { data } = Runs.parse(await daemon.call('GET', '/api/v1/runs?page_size=100'))
  const counts = Map.groupBy(data.items, ({ status }) => status)
  return [...counts].map(([status, runs]) => `${runs.length} ${status}`).join(', ')
}
