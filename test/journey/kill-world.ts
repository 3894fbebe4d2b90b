import { once, EventEmitter } from 'node:events'
import { z } from 'zod'
import { startDaemonProcess } from '../rig/daemon.ts'
import type { DaemonProcess } from '../rig/daemon.ts'
import { startGitHttpServer } from '../rig/git-http-server.ts'
import type { GitHttpServer, ServedRepository } from '../rig/git-http-server.ts'
import { expectSuccess, listAll, pushTo, SECRET } from '../rig/journey.ts'
import { createFolder, createWorkRepository } from '../rig/repository.ts'
import type { Folder } from '../rig/repository.ts'

// Six bindings, two people who never stop pushing, forges that send a webhook until it is answered,
// and a daemon that is killed wherever git happens to stand.

const BRANCHES = ['main', 'dev', 'feature/a'] as const
const DIRECTIONS = [1, 1, 1, 2, 2, 3] as const
const DELIVERIES_PER_PUSH = 3
// When everything waits for its next try nothing reaches the point; then the kill comes anyway.
const LONGEST_WAIT_MS = 5000

type Pair = {
  readonly name: string
  readonly source: ServedRepository
  readonly target: ServedRepository
}

export type KillWorld = AsyncDisposable & {
  readonly folder: Folder
  readonly pairs: readonly Pair[]
  /** Ids of the deliveries that were answered with 2xx. */
  readonly answered: ReadonlySet<string>
  readonly daemon: () => Promise<DaemonProcess>
  /** Pushes and delivers until it is stopped; then every delivery was answered. */
  readonly startPushing: () => { readonly stop: () => Promise<void> }
  /** Waits for a point that differs from one number to the next, kills there, and starts again. */
  readonly killAt: (number: number) => Promise<void>
  readonly listDeliveryIds: () => Promise<ReadonlySet<string>>
}

const DeliveryRow = z.looseObject({ delivery_id: z.string().nullable() })

export async function startKillWorld(): Promise<KillWorld> {
  await using stack = new AsyncDisposableStack()
  const events = new EventEmitter()
  const options = { onPush: () => void events.emit('pushed') }
  const folder = stack.use(await createFolder())
  const inner = stack.use(await startGitHttpServer(options))
  const outer = stack.use(await startGitHttpServer(options))
  const env = { WEBHOOK_SECRET: SECRET, SYNC_ATTEMPTS: '20' }
  const start = () => startDaemonProcess({ dir: folder.path, env })
  let running = start()
  stack.defer(async () => (await running)[Symbol.asyncDispose]())
  const answered = new Set<string>()

  async function restartAfter(point: Promise<unknown>): Promise<void> {
    const daemon = await running
    await Promise.race([point, elapsed(LONGEST_WAIT_MS)])
    const next = Promise.withResolvers<DaemonProcess>()
    running = next.promise
    await daemon.kill()
    next.resolve(start())
    await running
  }

  /** Answered in the end, like a forge that does not give up. */
  async function deliver(
    { source }: Pair,
    branch: string,
    after: Parameters<typeof pushTo>[3],
  ): Promise<void> {
    const deliveryId = crypto.randomUUID()
    const sent = pushTo('gitea', source, branch, after, { deliveryId })
    for (;;) {
      const daemon = await running
      const answer = await daemon.deliver(sent).catch(() => undefined)
      if (answer === undefined) continue
      if (answer.status !== 200 && answer.status !== 202) {
        throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`)
      }
      answered.add(deliveryId)
      events.emit('answered')
      return
    }
  }

  async function pushUntil(pairs: readonly Pair[], stop: AbortSignal): Promise<void> {
    const work = await createWorkRepository(folder.path)
    for (let number = 0; !stop.aborted; number += 1) {
      const pair = pairs[number % pairs.length]
      const branch = BRANCHES[number % 4 === 3 ? 1 : number % 3]
      if (pair === undefined || branch === undefined) throw new Error('nothing to push to')
      const commit = await work.commit(`push ${number}`)
      await work.push(pair.source.dir, `HEAD:refs/heads/${branch}`)
      const deliveries = Array.from({ length: DELIVERIES_PER_PUSH }, () => deliver(pair, branch, commit))
      await Promise.all(deliveries)
    }
  }

  const pairs: Pair[] = []
  for (const [index, direction] of DIRECTIONS.entries()) {
    pairs.push(await bindPair({ daemon: await running, inner, outer }, `app${index}`, direction))
  }
  const owned = stack.move()
  return {
    folder,
    pairs,
    answered,
    daemon: () => running,
    startPushing: () => {
      const stop = new AbortController()
      const people = [pairs.slice(0, 3), pairs.slice(3)].map((own) => pushUntil(own, stop.signal))
      const pushing = Promise.all(people)
      return {
        stop: async () => {
          stop.abort()
          await pushing
        },
      }
    },
    killAt: async (number) => {
      const server = number % 2 === 0 ? inner : outer
      const point = POINTS[number % POINTS.length] ?? 'info/refs'
      if (point === 'answered') return restartAfter(times(events, 'answered', (number * 7) % 11))
      if (point === 'pushed') return restartAfter(times(events, 'pushed', 1 + (number % 3)))
      if (point === 'lost answer') {
        server.fault('*', { kind: 'lost_answer' })
        await restartAfter(times(events, 'pushed', 1))
        return server.fault('*', { kind: 'ok' })
      }
      const hold = server.hold(point)
      await restartAfter(hold.reached)
      hold.release()
    },
    listDeliveryIds: async () => {
      const rows = await listAll(await running, '/api/v1/deliveries', DeliveryRow)
      return new Set(rows.flatMap(({ delivery_id: id }) => (id === null ? [] : [id])))
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

// Where git stands when the daemon dies: before and after it was given what it asked for.
const POINTS = [
  'info/refs',
  'answered',
  'upload-pack',
  'pushed',
  'receive-pack',
  'lost answer',
  'answered',
] as const

async function bindPair(
  world: { readonly daemon: DaemonProcess; readonly inner: GitHttpServer; readonly outer: GitHttpServer },
  name: string,
  direction: 1 | 2 | 3,
): Promise<Pair> {
  const inside = await world.inner.createRepository(`team/${name}`)
  const outside = await world.outer.createRepository(`team/${name}`)
  const { body } = await world.daemon.call('POST', '/cerobot/sync/repo', {
    repo_name: name,
    enable: true,
    internal_repo_address: inside.url,
    external_repo_address: outside.url,
    sync_granularity: 1,
    sync_direction: direction,
  })
  expectSuccess(body)
  const [source, target] = direction === 2 ? [outside, inside] : [inside, outside]
  return { name, source, target }
}

async function times(events: EventEmitter, name: string, count: number): Promise<void> {
  for (let seen = 0; seen < count; seen += 1) await once(events, name)
}

function elapsed(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs).unref())
}
