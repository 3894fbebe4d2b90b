import { z } from 'zod'
import type { Side } from '../../src/binding/binding.ts'
import { MINUTE, SECOND } from '../../src/clock.ts'
import type { GitErrorKind } from '../../src/git/git-error.ts'
import type { Sha } from '../../src/git/refs.ts'
import { outcomeCode } from '../../src/run/codes.ts'
import { otherSide } from '../../src/sync/sides.ts'
import type { Step, Trouble } from '../rig/fault-forge.ts'
import type { ForgeFault } from '../rig/forge-faults.ts'
import { expectNothingLost } from './oracle.ts'
import { nothingRuns } from './rest.ts'
import { until } from './until.ts'
import { IDLE_TIMEOUT, startChaos } from './world.ts'
import type { Bound, Chaos } from './world.ts'

// One fault and what comes of it: two equal sides, something goes wrong, people push all the same, and in the end
// everything has arrived or is shown for what it is.

type Way = 'to_outer' | 'both'
type Ends = GitErrorKind | 'succeeded'
/** What may carry a push: git alone, or the relay first, which leaves to git whatever it doubts. */
export type Carrier = 'git' | 'relay'
type End = 'source' | 'target'

/** What a story finds: `main` is at `first` on both sides, and nothing else is there. */
export type Scene = {
  readonly chaos: Chaos
  readonly app: Bound
  /** The side that people push to; of a two-way binding the external one. */
  readonly source: Side
  readonly target: Side
  readonly first: Sha
  /** Made on top of the first, and in no repository yet; likewise a third, beside the second. */
  readonly second: Sha
  readonly third: Sha
  readonly dir: (end: End) => string
  /** A fault of the repository of one end. */
  readonly inflict: (end: End, step: Step | readonly Step[], fault: ForgeFault, times?: number) => void
  /** People set a branch or another ref, or remove it, and nobody is told. */
  readonly set: (end: End, ref: string, to: Sha | null) => Promise<void>
  /** The same, and the forge tells so; the run that this asks for. */
  readonly push: (end: End, ref: string, to: Sha | null) => Promise<number | undefined>
  /** The same as a push of the source that is carried over before anything else happens. */
  readonly settle: (ref: string, to: Sha | null) => Promise<void>
  readonly head: (end: End, ref: string) => Promise<Sha | undefined>
  /** Everything that an end has, in order. */
  readonly names: (end: End) => Promise<readonly string[]>
  /** A person asks for a call of the binding that starts a run. */
  readonly ask: (path: string, body?: object) => Promise<number>
  /** Time enough for several comparisons that nobody asked for. */
  readonly timePasses: () => Promise<void>
}

export type Story = {
  /** Its row in the table of failures. */
  readonly id: string
  readonly what: string
  /** The two-way binding meets the fault when it is new, and compares everything; the other one knows its sides. */
  readonly meetsNew?: true
  /** Ways in which the binding carries; by default one way, and both. */
  readonly ways?: readonly Way[]
  readonly options?: Readonly<Record<string, unknown>>
  /** Brings about what goes wrong. */
  readonly arrange?: (scene: Scene) => unknown
  /** What people do then; by default the second commit on main, with its webhook. Returns the run. */
  readonly act?: (scene: Scene) => Promise<number | undefined>
  /** Git notices nothing by itself: once all faults have struck, time passes. */
  readonly stalls?: true
  /** How the first try ends, while all is still as arranged; left out where people asked for nothing. */
  readonly ends?: Ends
  /** What the story is about; both when not given. */
  readonly carriers?: readonly Carrier[]
  /** How it ends where the relay is on, when it gets by what stops git. */
  readonly endsRelayed?: Ends
  /** What must be so by then. */
  readonly check?: (scene: Scene) => Promise<void>
  /** Beside ending all faults. */
  readonly mend?: (scene: Scene) => unknown
  /** Refs that differ at rest, and are meant to. */
  readonly mayDiffer?: readonly string[]
}

const CARRIERS: readonly Carrier[] = ['git', 'relay']
const WAYS: readonly Way[] = ['to_outer', 'both']
const LOOKS = 4

/** How a first try ended. */
type Ending = { readonly code: number | null; readonly detail: string | null }

/** Plays a story in bindings of each way at the same time; throws what does not hold at the end. */
export async function play(story: Story, carrier: Carrier = 'git'): Promise<readonly Ending[]> {
  await using chaos = await startChaos({ relays: carrier === 'relay' })
  const troubles: Trouble[] = []
  // What was never equal is not relayed.
  const { meetsNew, ...setting } = story
  const meeting = carrier === 'git' && meetsNew === true ? { meetsNew } : {}
  const scenes = await setScenes(chaos, { ...setting, ...meeting }, troubles)

  for (const scene of scenes) await story.arrange?.(scene)
  const runs: (number | undefined)[] = []
  for (const scene of scenes) {
    runs.push(await (story.act?.(scene) ?? scene.push('source', 'refs/heads/main', scene.second)))
  }
  const attempts = runs.map((run) => chaos.attemptEnded(run))
  if (story.stalls === true) await sitThrough(chaos, troubles, attempts)
  const ends = await Promise.all(attempts)
  for (const scene of scenes) await story.check?.(scene)
  for (const forge of Object.values(chaos.forges)) forge.mend()
  for (const scene of scenes) await story.mend?.(scene)

  const apps = scenes.map(({ app }) => app)
  const isMeant = (ref: string): boolean => story.mayDiffer?.includes(ref) === true
  await expectNothingLost(chaos, apps, { mayDiffer: () => isMeant })
  return ends.flatMap((end) => (end === undefined ? [] : [{ code: end.code, detail: end.detail }]))
}

/** Lets time pass whenever every attempt, of which each has one trouble, has met it again or has ended. */
async function sitThrough(
  chaos: Chaos,
  troubles: readonly Trouble[],
  attempts: readonly Promise<unknown>[],
): Promise<void> {
  const ended = new Set<number>()
  const all = Promise.all(attempts.map((attempt, index) => attempt.then(() => ended.add(index))))
  let seen = troubles.map(() => 0)
  while (ended.size < attempts.length) {
    await until(async () => {
      const isStuck = troubles.every(({ count }, index) => ended.has(index) || count() > (seen[index] ?? 0))
      return isStuck ? { value: undefined } : undefined
    })
    seen = troubles.map(({ count }) => count())
    if (ended.size < attempts.length) await chaos.jump(IDLE_TIMEOUT + SECOND)
  }
  await all
}

/** Rows of a table of tests, each with its whole title: every story by each of its carriers. */
export function titled(
  stories: readonly Story[],
): readonly (readonly [title: string, story: Story, carrier: Carrier])[] {
  return stories.flatMap((story) =>
    (story.carriers ?? CARRIERS).map(
      (carrier) => [`${story.id} by ${carrier}: ${story.what}`, story, carrier] as const,
    ),
  )
}

/** The same endings as the story has them. */
export function foretold(
  { ends, endsRelayed }: Story,
  endings: readonly Ending[],
  carrier: Carrier = 'git',
): readonly Ending[] {
  const expected = carrier === 'relay' ? (endsRelayed ?? ends) : ends
  const code = expected === undefined || expected === 'succeeded' ? 0 : outcomeCode(expected).code
  return endings.map(({ detail }) => ({ code, detail }))
}

const Requested = z.object({ data: z.object({ run_id: z.number() }) })

type Setting = Pick<Story, 'ways' | 'options' | 'meetsNew'> & {
  /** Begins the names of the bindings, where a world has several stories. */
  readonly name?: string
}

/** A binding of each way, at the beginning of a story. Faults that are inflicted in them are added to `troubles`. */
export async function setScenes(
  chaos: Chaos,
  setting: Setting,
  troubles: Trouble[] = [],
): Promise<readonly Scene[]> {
  const scenes: Scene[] = []
  for (const way of setting.ways ?? WAYS) scenes.push(await setUp(chaos, way, setting, troubles))
  return scenes
}

async function setUp(chaos: Chaos, way: Way, story: Setting, troubles: Trouble[]): Promise<Scene> {
  const name = `${story.name ?? ''}${way === 'both' ? 'both' : 'outer'}`
  const app = await chaos.bind(name, { direction: way, ...story.options })
  const source: Side = way === 'both' ? 'external' : 'internal'
  const sideOf = (end: End): Side => (end === 'source' ? source : otherSide(source))
  const first = chaos.hands.commit('first')
  const scene: Scene = {
    chaos,
    app,
    source,
    target: otherSide(source),
    first,
    second: chaos.hands.commit('second', [first]),
    third: chaos.hands.commit('third', [first]),
    dir: (end) => app.repositories[sideOf(end)].dir,
    inflict: (end, step, fault, times = Infinity) => {
      const { name: repository } = app.repositories[sideOf(end)]
      troubles.push(chaos.forges[sideOf(end)].inflict(fault, { repository, at: step, times }))
    },
    set: (end, ref, to) => chaos.set(app, sideOf(end), ref, to),
    push: (end, ref, to) => chaos.push(app, sideOf(end), ref, to),
    settle: async (ref, to) => void (await chaos.attemptEnded(await chaos.push(app, source, ref, to))),
    head: async (end, ref) => (await chaos.heads(app, sideOf(end))).get(ref),
    names: async (end) => [...(await chaos.heads(app, sideOf(end))).keys()].sort(),
    ask: async (path, body = {}) => {
      const answer = await chaos.call('POST', `/api/v1/bindings/${app.name}/${path}`, body)
      return Requested.parse(answer.body).data.run_id
    },
    timePasses: async () => {
      for (let look = 0; look < LOOKS; look += 1) {
        await chaos.jump(10 * MINUTE)
        await nothingRuns(chaos)
      }
    },
  }
  if (way === 'both' && story.meetsNew === true) {
    for (const end of ['source', 'target'] as const) await scene.set(end, 'refs/heads/main', first)
  } else {
    await scene.settle('refs/heads/main', first)
  }
  return scene
}
