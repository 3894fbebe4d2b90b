import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Sha } from '../src/git/refs.ts'
import type { DaemonProcess } from '../test/rig/daemon.ts'
import { startDaemonProcess } from '../test/rig/daemon.ts'
import type { ServedRepository } from '../test/rig/git-http-server.ts'
import { expectSuccess, pushTo, runOf, SECRET } from '../test/rig/journey.ts'
import type { WorkRepository } from '../test/rig/repository.ts'
import { createFolder, createWorkRepository, git } from '../test/rig/repository.ts'
import type { BareGit } from './bare-git.ts'
import type { Scheme, Servers } from './relay-servers.ts'
import { startServers } from './relay-servers.ts'
import { fillRepository } from './repository-content.ts'
import type { SlowLine } from './slow-line.ts'
import { startSlowLine } from './slow-line.ts'
import { whenVisible } from './visible-ref.ts'

// Two forges that may be far away, and everybody who carries pushes from one to the other: a daemon that relays,
// one that leaves everything to git, and git by hand. Each has a pair of repositories of its own.

export type Distance = AsyncDisposable & {
  /** Commits so many bytes that cannot be packed any smaller, at every source. */
  readonly commit: (bytes: number) => Promise<Sha>
  /** How long it takes from the webhook, or the first command, until the target shows the commit. */
  readonly push: (by: Carrier, sha: Sha) => Promise<number>
  /** Ends the connections that the daemons have kept. */
  readonly cut: () => void
}

export type Carrier = 'relay' | 'git' | 'hand'

export type Forges = AsyncDisposable & { readonly at: (roundTripMs: number) => Promise<Distance> }

type Pair = { readonly inner: ServedRepository; readonly outer: ServedRepository }

const REF = 'refs/heads/main'
const LIMIT_MS = 240_000

export async function openForges(scheme: Scheme): Promise<Forges> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await createFolder()).path
  const servers = await startServers(stack, scheme, folder)
  const startDaemon = async (relay: boolean): Promise<DaemonProcess> => {
    const dir = join(folder, relay ? 'relay' : 'git')
    await mkdir(dir)
    const env = { WEBHOOK_SECRET: SECRET, RELAY: String(relay), ...servers.env }
    return stack.use(await startDaemonProcess({ dir, env }))
  }
  const daemons = { relay: await startDaemon(true), git: await startDaemon(false) }
  const work = await createWorkRepository(folder)
  // What cannot be packed any smaller need not be tried where nobody measures it.
  await git(work.dir, 'config', 'core.compression', '0')
  const template = await servers.inner.createRepository('template')
  await fillRepository(template.dir, 0)
  await git(work.dir, 'fetch', '--quiet', template.dir, REF)
  await git(work.dir, 'reset', '--quiet', '--hard', 'FETCH_HEAD')
  let opened = 0
  const owned = stack.move()
  return {
    at: (roundTripMs) => openDistance({ servers, daemons, work }, roundTripMs, (opened += 1)),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

type World = {
  readonly servers: Servers
  readonly daemons: { readonly relay: DaemonProcess; readonly git: DaemonProcess }
  readonly work: WorkRepository
}

async function openDistance(world: World, roundTripMs: number, number: number): Promise<Distance> {
  await using stack = new AsyncDisposableStack()
  const lines = {
    inner: stack.use(await startSlowLine(world.servers.inner.port, roundTripMs)),
    outer: stack.use(await startSlowLine(world.servers.outer.port, roundTripMs)),
  }
  const pairs = {
    relay: await createPair(world, lines, `relay-${number}`),
    git: await createPair(world, lines, `git-${number}`),
    hand: await createPair(world, lines, `hand-${number}`),
  }
  for (const by of ['relay', 'git'] as const) await bind(world, by, `${by}-${number}`, pairs[by])
  const hand = await world.servers.createHand({ inner: pairs.hand.inner.url, outer: pairs.hand.outer.url })
  await pushByHand(hand, pairs.hand, await world.work.resolve('HEAD'))
  const owned = stack.move()
  return {
    commit: (bytes) => commit(world, Object.values(pairs), bytes),
    push: (by, sha) =>
      by === 'hand' ? pushByHand(hand, pairs.hand, sha) : pushByDaemon(world.daemons[by], pairs[by], sha),
    cut: () => {
      lines.inner.cut()
      lines.outer.cut()
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

async function createPair(
  { servers, work }: World,
  lines: Readonly<Record<'inner' | 'outer', SlowLine>>,
  name: string,
): Promise<Pair> {
  const create = async (end: 'inner' | 'outer'): Promise<ServedRepository> => {
    const served = await servers[end].createRepository(`team/${name}`)
    const url = new URL(served.url)
    url.port = String(lines[end].port)
    return { ...served, url: url.href }
  }
  const pair = { inner: await create('inner'), outer: await create('outer') }
  await work.push(pair.inner.dir, `HEAD:${REF}`)
  return pair
}

async function bind(
  { daemons, servers: { tokens } }: World,
  by: 'relay' | 'git',
  name: string,
  { inner, outer }: Pair,
): Promise<void> {
  const daemon = daemons[by]
  const { body } = await daemon.call('POST', '/cerobot/sync/repo', {
    repo_name: name,
    enable: true,
    internal_repo_address: inner.url,
    external_repo_address: outer.url,
    inter_token: tokens.inner,
    exter_token: tokens.outer,
    sync_granularity: 1,
    sync_direction: 1,
  })
  expectSuccess(body)
  expectSuccess((await daemon.call('POST', `/cerobot/sync/repo/${name}`)).body)
}

async function commit({ work }: World, pairs: readonly Pair[], bytes: number): Promise<Sha> {
  await writeFile(join(work.dir, 'random.bin'), randomBytes(bytes))
  const sha = await work.commit(`change ${performance.now()}`, {})
  for (const { inner } of pairs) await work.push(inner.dir, `HEAD:${REF}`)
  return sha
}

async function pushByDaemon(daemon: DaemonProcess, { inner, outer }: Pair, sha: Sha): Promise<number> {
  const delivery = pushTo('github', inner, 'main', sha)
  const visible = whenVisible(outer.dir, REF, sha, LIMIT_MS)
  const startedAt = performance.now()
  const { body } = await daemon.deliver(delivery, '/webhooks/github')
  const took = (await visible) - startedAt
  await daemon.runEnded(runOf(body))
  return took
}

async function pushByHand(hand: BareGit, { inner, outer }: Pair, sha: string): Promise<number> {
  const visible = whenVisible(outer.dir, REF, sha, LIMIT_MS)
  const startedAt = performance.now()
  await hand.run('fetch', '--quiet', inner.url, `+${REF}:${REF}`)
  await hand.run('push', '--quiet', outer.url, `${sha}:${REF}`)
  return (await visible) - startedAt
}
