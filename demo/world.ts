import { z } from 'zod'
import { startDaemonProcess } from '../test/rig/daemon.ts'
import type { DaemonProcess } from '../test/rig/daemon.ts'
import { createFolder, createWorkRepository } from '../test/rig/repository.ts'
import type { WorkRepository } from '../test/rig/repository.ts'
import { startForge } from './forge.ts'
import type { DemoForge } from './forge.ts'
import type { Place } from './journey.ts'

// Everything the demo stands on: a folder, the daemon as a process of its own, and a forge on each side.

export type World = AsyncDisposable & {
  readonly folder: string
  readonly daemon: DaemonProcess
  readonly inner: DemoForge
  readonly outer: DemoForge
  readonly work: WorkRepository
}

export type Pair = { readonly inner: Place; readonly outer: Place }

const SECRET = 'the webhook secret of the demo'

export async function startWorld(): Promise<World> {
  await using starting = new AsyncDisposableStack()
  const { path: folder } = starting.use(await createFolder())
  const daemon = starting.use(
    await startDaemonProcess({ dir: folder, env: { WEBHOOK_SECRET: SECRET, DRAIN_TIMEOUT: '2s' } }),
  )
  // Asked kindly first; whatever then still runs is killed.
  starting.defer(async () => void (await daemon.stop()))
  const inner = starting.use(await startForge('gitea', { username: 'ada', password: 'inside-1234' }, SECRET))
  const outer = starting.use(
    await startForge('github', { username: 'bob', password: 'outside-5678' }, SECRET),
  )
  const work = await createWorkRepository(folder)
  const owned = starting.move()
  return { folder, daemon, inner, outer, work, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

const Envelope = z.looseObject({ code_status: z.number(), msg: z.string(), detail: z.string().nullish() })

/** Creates a repository on both sides and binds them through the documented call. */
export async function bindPair(world: World, name: string, direction: 1 | 2): Promise<Pair> {
  const inner = await world.inner.createRepository(`team/${name}`)
  const outer = await world.outer.createRepository(`team/${name}`)
  const { body } = await world.daemon.call('POST', '/cerobot/sync/repo', {
    repo_name: name,
    enable: true,
    internal_repo_address: inner.url,
    external_repo_address: outer.url,
    inter_token: world.inner.token,
    exter_token: world.outer.token,
    sync_granularity: 1,
    sync_direction: direction,
  })
  const { code_status: code, msg, detail } = Envelope.parse(body)
  if (code !== 0) throw new Error(`the binding was refused with code ${code}: ${detail ?? msg}`)
  return {
    inner: { forge: world.inner, repository: inner },
    outer: { forge: world.outer, repository: outer },
  }
}
