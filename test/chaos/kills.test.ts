import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { SECOND } from '../../src/clock.ts'
import { listRuns } from '../rig/journey.ts'
import { processesIn } from '../rig/leftovers.ts'
import { findProcesses } from '../rig/processes.ts'
import type { Step, Trouble } from '../rig/fault-forge.ts'
import { expectNothingLost, listBackups } from './oracle.ts'
import { comeToRest, nothingRuns } from './rest.ts'
import { setScenes } from './story.ts'
import type { Scene } from './story.ts'
import { IDLE_TIMEOUT, startChaos } from './world.ts'
import type { Chaos } from './world.ts'

// The daemon is killed, wherever git stands, and started again.

const MAIN = 'refs/heads/main'

type Kill = {
  readonly id: string
  readonly what: string
  readonly options?: Readonly<Record<string, unknown>>
  /** Before the push that is interrupted. */
  readonly arrange?: (scene: Scene) => unknown
  readonly act?: (scene: Scene) => Promise<number | undefined>
  /** Resolves when the daemon is to be killed. */
  readonly point: (scene: Scene) => Point
  /** The relay comes by there as well. */
  readonly isRelayed?: true
  /** While no daemon runs. */
  readonly between?: (scene: Scene) => unknown
}

type Point = { readonly reached: Promise<void>; readonly release: () => void }

function held(end: 'source' | 'target', step: Step, when: 'before' | 'after') {
  return ({ chaos, app, source, target }: Scene): Point => {
    const side = end === 'source' ? source : target
    return chaos.forges[side].holdAt(step, when, app.repositories[side].name)
  }
}

const AT_ONCE = (): Point => ({ reached: Promise.resolve(), release: () => {} })

/** Both sides of main go their own ways, and a person is about to let the source win. */
async function diverge({ chaos, set, push, second, third }: Scene): Promise<void> {
  await set('target', MAIN, third)
  await chaos.attemptEnded(await push('source', MAIN, second))
}

const RESOLVE = ({ ask, source }: Scene): Promise<number> => ask('conflicts/main/resolve', { take: source })

const KILLS: readonly Kill[] = [
  { id: 'C1', what: 'as soon as the delivery was answered', point: AT_ONCE, isRelayed: true },
  { id: 'C4', what: 'while the source is asked', point: held('source', 'info', 'before') },
  {
    id: 'C4',
    what: 'while the source lists its refs',
    point: held('source', 'list', 'after'),
    isRelayed: true,
  },
  {
    id: 'C5',
    what: 'while the source sends the pack',
    point: held('source', 'fetch', 'before'),
    isRelayed: true,
  },
  {
    id: 'C5',
    what: 'in the middle of the pack',
    point: ({ chaos, app, source }) => {
      const { name: repository } = app.repositories[source]
      const trouble = chaos.forges[source].inflict(
        { kind: 'stall', in: 'answer', afterBytes: 60 },
        { at: 'fetch', repository },
      )
      return { reached: trouble.struck, release: trouble.end }
    },
    isRelayed: true,
  },
  {
    id: 'C6',
    what: 'between fetch and push, and the source moves on',
    point: held('target', 'push-info', 'before'),
    between: ({ set, chaos, second }) => set('source', MAIN, chaos.hands.commit('newest', [second])),
  },
  {
    id: 'C6',
    what: 'between fetch and push, and the source is rewritten',
    point: held('target', 'push-info', 'before'),
    between: ({ set, third }) => set('source', MAIN, third),
  },
  {
    id: 'C7',
    what: 'before the target has done it',
    point: held('target', 'push', 'before'),
    isRelayed: true,
  },
  { id: 'C8', what: 'after the target has done it', point: held('target', 'push', 'after'), isRelayed: true },
  {
    id: 'C9',
    what: 'as soon as the target has answered',
    point: (scene) => {
      const hold = held('target', 'push', 'after')(scene)
      return { reached: hold.reached.then(hold.release), release: hold.release }
    },
    isRelayed: true,
  },
  {
    id: 'C8',
    what: 'before the target has overwritten what a person decided about',
    arrange: diverge,
    act: RESOLVE,
    point: held('target', 'push', 'before'),
  },
  {
    id: 'C8',
    what: 'after the target has overwritten what a person decided about',
    arrange: diverge,
    act: RESOLVE,
    point: held('target', 'push', 'after'),
  },
  {
    id: 'C8',
    what: 'while a person decides, and the target moves on before the next start',
    arrange: diverge,
    act: RESOLVE,
    point: held('target', 'push-info', 'before'),
    between: ({ set, chaos, third }) => set('target', MAIN, chaos.hands.commit('later', [third])),
  },
  {
    id: 'C8',
    what: 'after the target has deleted a branch',
    options: { delete_policy: 'tracked' },
    arrange: ({ settle, second }) => settle('refs/heads/topic', second),
    act: ({ push }) => push('source', 'refs/heads/topic', null),
    point: held('target', 'push', 'after'),
  },
]

test.each([
  ['git', KILLS],
  ['the relay', KILLS.filter(({ isRelayed }) => isRelayed === true)],
] as const)(
  'C1 to C9 wherever %s stands when the daemon is killed, nothing is lost',
  async (carrier, kills) => {
    // Every point has a run of its own, and all are at their points at the same time.
    const env = { SYNC_CONCURRENCY: '100', SYNC_HOST_CONCURRENCY: '100' }
    await using chaos = await startChaos({ apart: true, env, relays: carrier === 'the relay' })
    const all: { readonly kill: Kill; readonly scene: Scene }[] = []
    for (const [number, kill] of kills.entries()) {
      const setting = {
        name: `kill${number}-`,
        ...(kill.options === undefined ? {} : { options: kill.options }),
      }
      for (const scene of await setScenes(chaos, setting)) all.push({ kill, scene })
    }
    const apps = all.map(({ scene }) => scene.app)
    for (const { kill, scene } of all) await kill.arrange?.(scene)
    const watch = watchGit(chaos)
    const points = all.map(({ kill, scene }) => kill.point(scene))

    // Whoever is killed at once comes last.
    for (const { kill, scene } of all.toReversed()) {
      await (kill.act?.(scene) ?? scene.push('source', MAIN, scene.second))
    }
    await Promise.all(points.map(({ reached }) => reached))
    await chaos.kill()
    for (const { release } of points) release()
    for (const { kill, scene } of all) await kill.between?.(scene)
    await chaos.start()
    await comeToRest(chaos, apps)
    const doubles = await watch.stop()

    expect(doubles).toEqual([])
    await expectNothingLost(chaos, apps)
  },
  240_000,
)

test('C14 what a killed daemon left hanging is ended by the next one, before it starts a git of its own', async () => {
  await using chaos = await startChaos({ apart: true })
  const [scene] = await setScenes(chaos, { ways: ['to_outer'] })
  if (scene === undefined) throw new Error('there is no scene')
  const hang = chaos.forges.internal.inflict({ kind: 'hang' }, { at: 'fetch', times: 1 })
  await scene.push('source', MAIN, scene.second)
  await hang.struck
  await chaos.kill()
  const left = await processesIn(join(chaos.folder, 'sync'))

  await chaos.start()
  const after = await processesIn(join(chaos.folder, 'sync'))

  expect(left.some((line) => line.includes('fetch'))).toBe(true)
  expect(after.filter((line) => left.includes(line))).toEqual([])
  await expectNothingLost(chaos, [scene.app])
}, 240_000)

test('C13 a run that is there at every crash comes to count as failing, and the others go on', async () => {
  await using chaos = await startChaos({ apart: true, env: { SYNC_ATTEMPTS: '2', RECONCILE_INTERVAL: '0' } })
  const [scene] = await setScenes(chaos, { ways: ['to_outer'] })
  if (scene === undefined) throw new Error('there is no scene')
  const other = await chaos.bind('other')
  const { name: repository } = scene.app.repositories.internal
  const hangAgain = (): Trouble => chaos.forges.internal.inflict({ kind: 'hang' }, { at: 'info', repository })
  let hang = hangAgain()
  const run = await scene.push('source', MAIN, scene.second)
  for (let crash = 1; crash <= 4; crash += 1) {
    if (crash > 1) {
      hang = hangAgain()
      await chaos.start()
    }
    // Longer than any pause before another try, and shorter than a git that is at work may be silent.
    await chaos.jump(IDLE_TIMEOUT - 10 * SECOND)
    await hang.struck
    await chaos.kill()
    hang.end()
  }
  chaos.forges.internal.inflict({ kind: 'hang' }, { repository })

  await chaos.start()
  const pushed = await chaos.push(other, 'internal', MAIN, scene.second)
  const end = await chaos.attemptEnded(pushed)
  const poison = (await listRuns(chaos.daemon())).find(({ id }) => id === run)
  chaos.forges.internal.mend()
  await chaos.tell(scene.app, 'internal', MAIN, scene.second)

  expect(end).toMatchObject({ status: 'succeeded' })
  expect(poison?.status).toBe('failed')
  expect(poison?.detail).toContain('stopped')
  await expectNothingLost(chaos, [scene.app, other])
}, 240_000)

test('C17 all mirrors are lost with the daemon, and what was overwritten still comes back', async () => {
  await using chaos = await startChaos({ apart: true })
  const scenes = await setScenes(chaos, {})
  for (const scene of scenes) {
    await diverge(scene)
    await chaos.attemptEnded(await RESOLVE(scene))
  }
  await nothingRuns(chaos)
  await chaos.kill()
  await rm(join(chaos.folder, 'sync'), { recursive: true })

  await chaos.start()
  const kept = await Promise.all(scenes.map(({ app }) => listBackups(chaos, app)))

  expect(kept.map((each) => each.length)).toEqual([1, 1])
  await expectNothingLost(
    chaos,
    scenes.map(({ app }) => app),
  )
}, 240_000)

/** Looks again and again for two gits that write in the same repository; resolves to what it has seen of that. */
function watchGit({ folder }: Chaos): { readonly stop: () => Promise<readonly string[]> } {
  const seen = new Set<string>()
  const look = async (): Promise<void> => {
    // All processes of one call form a group.
    const groupByDir = new Map<string, number>()
    for (const { command, group } of await findProcesses(`git --git-dir=${folder}`)) {
      const [, dir] = /^git --git-dir=(\S+) (?:fetch|push) /.exec(command) ?? []
      if (dir === undefined) continue
      if ((groupByDir.get(dir) ?? group) !== group) seen.add(command)
      groupByDir.set(dir, group)
    }
  }
  let looking = Promise.resolve()
  const timer = setInterval(() => {
    looking = looking.then(look)
  }, 100)
  return {
    stop: async () => {
      clearInterval(timer)
      await looking
      return [...seen]
    },
  }
}
