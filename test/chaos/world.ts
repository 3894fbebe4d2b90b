import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import type { Direction, Side } from '../../src/binding/binding.ts'
import { SECOND } from '../../src/clock.ts'
import type { Sha } from '../../src/git/refs.ts'
import { RunOnWire, startDaemonProcess } from '../rig/daemon.ts'
import type { DaemonProcess } from '../rig/daemon.ts'
import { pushFrom } from '../rig/deliveries.ts'
import { startFaultForge } from '../rig/fault-forge.ts'
import type { Asked, FaultForge } from '../rig/fault-forge.ts'
import type { ServedRepository } from '../rig/git-http-server.ts'
import { createHands } from '../rig/hands.ts'
import { startInsideDaemon } from '../rig/inside-daemon.ts'
import { createJumpingClock } from '../rig/jumping-clock.ts'
import type { Hands } from '../rig/hands.ts'
import { PASSWORDS, SECRET } from '../rig/journey.ts'
import { commandLines } from '../rig/leftovers.ts'
import { PLANTED_SETTINGS } from '../rig/planted.ts'
import { createFolder } from '../rig/repository.ts'
import { readLooseRefs } from '../rig/loose-refs.ts'
import { openLedger } from './ledger.ts'
import type { Ledger } from './ledger.ts'
import { until } from './until.ts'

// Two forges that fail as told, people on both, the daemon between them, and a clock that can be moved on.
//
//   await using chaos = await startChaos()
//   const app = await chaos.bind('app', { direction: 'both' })
//   const run = await chaos.push(app, 'internal', 'main', chaos.hands.commit('first'))
//   await chaos.attemptEnded(run)
//   await chaos.kill(); await chaos.start()

export type Bound = {
  readonly name: string
  /** The folder of its mirror. */
  readonly mirror: string
  /** The folder of what it has kept. */
  readonly backups: string
  readonly direction: Direction
  /** Whatever its source lacks is deleted at its target. */
  readonly mirrors: boolean
  readonly repositories: Readonly<Record<Side, ServedRepository>>
}

export type Chaos = AsyncDisposable & {
  readonly folder: string
  readonly forges: Readonly<Record<Side, FaultForge>>
  readonly hands: Hands
  readonly ledger: Ledger
  /** Everything that any daemon of this world has printed. */
  readonly output: () => string
  /** Ids of the deliveries that were answered with 2xx. */
  readonly answered: ReadonlySet<string>
  /** Command lines of this machine, taken in the middle of syncs. */
  readonly seenCommands: readonly string[]
  /** The one that runs now. */
  readonly daemon: () => RunningDaemon
  readonly call: DaemonProcess['call']
  readonly bind: (name: string, options?: Readonly<Record<string, unknown>>) => Promise<Bound>
  /** People set a ref of a side, or remove it, and nobody is told. */
  readonly set: (bound: Bound, side: Side, ref: string, to: Sha | null) => Promise<void>
  /** The same where the ref still is what people thought; tells whether it was. */
  readonly replace: (
    bound: Bound,
    side: Side,
    ref: string,
    from: Sha | null,
    to: Sha | null,
  ) => Promise<boolean>
  /** The webhook of a side about one of its refs; the run it asks for, when it does. */
  readonly tell: (
    bound: Bound,
    side: Side,
    ref: string,
    after: Sha | null,
    before?: Sha | null,
  ) => Promise<number | undefined>
  /** Both: people set a ref, and the forge tells so. */
  readonly push: (bound: Bound, side: Side, ref: string, to: Sha | null) => Promise<number | undefined>
  readonly heads: (bound: Bound, side: Side) => Promise<ReadonlyMap<string, Sha>>
  /** Resolves when the run has been tried and a try has ended; a comparison that found nothing is forgotten. */
  readonly attemptEnded: (run: number | undefined) => Promise<RunOnWire | undefined>
  /** Moves time on. */
  readonly jump: (ms: number) => Promise<void>
  readonly kill: () => Promise<void>
  /** After `kill`, or after the daemon was stopped; with other settings than before where these are given. */
  readonly start: (env?: Readonly<Record<string, string>>) => Promise<void>
}

export type RunningDaemon = Pick<DaemonProcess, 'call' | 'deliver' | 'output'> & {
  readonly stop: () => Promise<unknown>
}

export type ChaosOptions = {
  readonly env?: Readonly<Record<string, string>>
  /** Called with the folder of the world before its daemon starts. */
  readonly prepare?: (folder: string) => Promise<AsyncDisposable>
  /** The daemon is a process of its own, which can be killed. */
  readonly apart?: boolean
  /** Pushes may be relayed; else git carries all of them. */
  readonly relays?: boolean
}

const MAIN = fileURLToPath(new URL('../rig/jumping-main.ts', import.meta.url))

export const IDLE_TIMEOUT = 30 * SECOND

export async function startChaos({
  env = {},
  prepare,
  apart = false,
  relays = false,
}: ChaosOptions = {}): Promise<Chaos> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await createFolder()).path
  if (prepare !== undefined) stack.use(await prepare(folder))
  const seenCommands: string[] = []
  let sampling: Promise<void> | undefined
  // Once per kind of request, so that the watching does not cost more than what is watched.
  const sampled = new Set<string>()
  const onAsked = ({ step }: Asked): void => {
    if (sampled.has(step)) return
    sampled.add(step)
    sampling = commandLines().then((lines) => void seenCommands.push(...lines))
  }
  const forges = {
    internal: stack.use(await startFaultForge({ ...PASSWORDS.inner, onAsked })),
    external: stack.use(await startFaultForge({ ...PASSWORDS.outer, onAsked })),
  }
  const hands = createHands()
  const ledger = openLedger(join(folder, 'ledger'))
  const answered = new Set<string>()
  let aheadMs = 0
  let earlierOutput = ''
  const settings = {
    ...PLANTED_SETTINGS,
    WEBHOOK_SECRET: SECRET,
    RECONCILE_INTERVAL: '10m',
    RELAY: String(relays),
    SYNC_IDLE_TIMEOUT: `${IDLE_TIMEOUT / SECOND}s`,
    ...env,
  }
  const launch = (changes: Readonly<Record<string, string>> = {}): Promise<Launched> => {
    const own = { dir: folder, env: { ...settings, ...changes } }
    return apart ? launchApart(own, aheadMs) : launchInside(own, aheadMs)
  }
  let { daemon, jump, end } = await launch()
  stack.defer(async () => {
    await end()
    await sampling
  })
  const call: DaemonProcess['call'] = (...args) => daemon.call(...args)

  const set: Chaos['set'] = async (bound, side, ref, to) => {
    const { dir, name: repository } = bound.repositories[side]
    const before = await hands.move(dir, ref, to)
    ledger.note({ side, repository, ref, before, after: to, by: 'people' })
  }
  const replace: Chaos['replace'] = async (bound, side, ref, from, to) => {
    const { dir, name: repository } = bound.repositories[side]
    const isDone = await hands.replace(dir, ref, from, to)
    if (isDone) ledger.note({ side, repository, ref, before: from, after: to, by: 'people' })
    return isDone
  }
  const tell: Chaos['tell'] = async (bound, side, ref, after, before = null) => {
    const { name: fullName, url: cloneUrl } = bound.repositories[side]
    const deliveryId = crypto.randomUUID()
    const sent = pushFrom('gitea', {
      repository: { fullName, cloneUrl },
      ref,
      before,
      after,
      secret: SECRET,
      deliveryId,
    })
    const { status, body } = await daemon.deliver(sent)
    if (status !== 200 && status !== 202) throw new Error(`${status} ${JSON.stringify(body)}`)
    answered.add(deliveryId)
    return z.object({ runs: z.array(z.number()).default([]) }).parse(body).runs[0]
  }
  const heads: Chaos['heads'] = ({ repositories }, side) => readLooseRefs(repositories[side].dir)

  const owned = stack.move()
  return {
    folder,
    forges,
    hands,
    ledger,
    output: () => earlierOutput + daemon.output(),
    answered,
    seenCommands,
    daemon: () => daemon,
    call,
    set,
    replace,
    tell,
    heads,
    bind: async (name, options = {}) => {
      const direction = z.enum(['to_outer', 'to_inter', 'both']).parse(options['direction'] ?? 'to_outer')
      const path = `team/${name}`
      const create = async (side: Side): Promise<ServedRepository> => {
        const repository = await forges[side].createRepository(path)
        await ledger.watch(side, path, repository.dir)
        return repository
      }
      const repositories = { internal: await create('internal'), external: await create('external') }
      const { inner, outer } = PASSWORDS
      const answer = await call('POST', '/api/v1/bindings', {
        name,
        internal: { address: repositories.internal.url, token: `${inner.username}:${inner.password}` },
        external: { address: repositories.external.url, token: `${outer.username}:${outer.password}` },
        ...options,
        direction,
      })
      if (answer.status !== 201) throw new Error(JSON.stringify(answer.body))
      const { id } = z.object({ data: z.object({ id: z.number() }) }).parse(answer.body).data
      const folders = {
        mirror: join(folder, `sync/binding-${id}.git`),
        backups: join(folder, `data/backups/binding-${id}.git`),
      }
      const mirrors = options['delete_policy'] === 'mirror'
      return { name, ...folders, direction, mirrors, repositories }
    },
    push: async (bound, side, ref, to) => {
      const before = (await heads(bound, side)).get(ref) ?? null
      await set(bound, side, ref, to)
      return tell(bound, side, ref, to, before)
    },
    attemptEnded: async (run) => {
      if (run === undefined) return undefined
      return until(async () => {
        const { status, body } = await call('GET', `/api/v1/runs/${run}`)
        if (status === 404) return { value: undefined }
        const { data } = z.object({ data: RunOnWire }).parse(body)
        return data.code === null ? undefined : { value: data }
      })
    },
    jump: async (ms) => {
      aheadMs += ms
      await jump(ms)
    },
    kill: () => end(),
    start: async (changes) => {
      earlierOutput += daemon.output()
      ;({ daemon, jump, end } = await launch(changes))
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

type Launched = {
  readonly daemon: RunningDaemon
  readonly jump: (ms: number) => Promise<void>
  /** At once. */
  readonly end: () => Promise<void>
}

type Launch = { readonly dir: string; readonly env: Readonly<Record<string, string>> }

async function launchApart({ dir, env }: Launch, aheadMs: number): Promise<Launched> {
  const all = { ...env, CLOCK_AHEAD_MS: String(aheadMs) }
  const daemon = await startDaemonProcess({ dir, env: all, main: MAIN })
  const end = async (): Promise<void> => daemon[Symbol.asyncDispose]()
  return { daemon, jump: (ms) => daemon.tell({ jumpMs: ms }), end }
}

async function launchInside(launch: Launch, aheadMs: number): Promise<Launched> {
  const clock = createJumpingClock(aheadMs)
  // One that failed its test is not waited for longer than this.
  const env = { ...launch.env, DRAIN_TIMEOUT: '5s' }
  const daemon = await startInsideDaemon({ ...launch, env }, clock)
  const jump = async (ms: number): Promise<void> => clock.jump(ms)
  return { daemon, jump, end: daemon.stop }
}
