import Sqlite from 'better-sqlite3'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { SECOND } from '../../src/clock.ts'
import { outcomeCode } from '../../src/run/codes.ts'
import { pushWindow } from '../../src/sync/mirror.ts'
import { DAMAGES, plantLeftovers } from '../rig/damages.ts'
import type { Step } from '../rig/fault-forge.ts'
import { findProcesses } from '../rig/processes.ts'
import { expectNothingLost } from './oracle.ts'
import { nothingRuns } from './rest.ts'
import { foretold, play, titled } from './story.ts'
import type { Scene, Story } from './story.ts'
import { startChaos } from './world.ts'

// What goes wrong on the machine of the daemon itself.

const MAIN = 'refs/heads/main'

test('C16 R17 however a mirror is damaged, it brings nothing into the sides and is made anew', async () => {
  await using chaos = await startChaos()
  const { hands } = chaos
  const [first, second] = [hands.commit('first'), hands.commit('second')]
  // Deletions travel in these bindings: what a mirror has lost must not become one.
  const options = { delete_policy: 'tracked' }
  const apps = []
  for (const number of DAMAGES.keys()) apps.push(await chaos.bind(`app${number}`, options))
  for (const app of apps) {
    await chaos.set(app, 'internal', 'refs/heads/topic', first)
    await chaos.push(app, 'internal', MAIN, first)
  }
  await nothingRuns(chaos)

  const runs: (number | undefined)[] = []
  for (const [number, app] of apps.entries()) {
    await DAMAGES[number]?.inflict(app.mirror)
    runs.push(await chaos.push(app, 'internal', MAIN, hands.commit(`second ${second}`, [first])))
  }
  const ends = await Promise.all(runs.map((run) => chaos.attemptEnded(run)))

  expect(ends.map((end, number) => [DAMAGES[number]?.what, end?.code])).toEqual(
    DAMAGES.map(({ what }) => [what, 0]),
  )
  await expectNothingLost(chaos, apps)
}, 240_000)

/** Kills one of the processes that have a request of the forge in hand. */
function killing(end: 'source' | 'target', step: Step, when: 'before' | 'after', what: RegExp) {
  return ({ chaos, app, source, target }: Scene): void => {
    const side = end === 'source' ? source : target
    const { name, url } = app.repositories[side]
    const hold = chaos.forges[side].holdAt(step, when, name)
    const kill = async (): Promise<void> => {
      const found = (await findProcesses(url)).filter(({ command }) => what.test(command))
      for (const { pid } of found) process.kill(pid, 'SIGKILL')
      hold.release()
    }
    void hold.reached.then(kill)
  }
}

const GIT = /^git --git-dir/
const HELPER = /git-remote-http/

const STORIES: readonly Story[] = [
  {
    id: 'C16',
    what: 'a ref of the mirror was emptied by a power cut',
    ways: ['both'],
    options: { delete_policy: 'tracked' },
    arrange: ({ app }) => truncate(join(app.mirror, 'refs/external/heads/main')),
    ends: 'succeeded',
  },
  {
    id: 'R16',
    what: 'a dead git has left every kind of lock in the mirror',
    ways: ['to_outer'],
    arrange: ({ app }) => plantLeftovers(app.mirror),
    ends: 'succeeded',
  },
  {
    id: 'R17',
    what: 'the window for pushes has lost its frame',
    ways: ['to_outer'],
    arrange: ({ app }) => rm(join(pushWindow(app.mirror), 'HEAD')),
    ends: 'succeeded',
  },
  {
    id: 'R17',
    what: 'the window for pushes shows nothing any more',
    arrange: ({ app }) => rm(join(pushWindow(app.mirror), 'objects/info/alternates')),
    ends: 'succeeded',
  },
  {
    id: 'R17',
    what: 'somebody removes the mirror',
    arrange: ({ app }) => rm(app.mirror, { recursive: true }),
    ends: 'succeeded',
  },
  {
    id: 'R17',
    what: 'somebody removes the mirror in the middle of a sync',
    arrange: ({ chaos, app, target }) => {
      const hold = chaos.forges[target].holdAt('push-info', 'before', app.repositories[target].name)
      void hold.reached.then(() => rm(app.mirror, { recursive: true })).then(hold.release)
    },
    ends: 'unknown',
  },
  {
    id: 'R16',
    what: 'a dead git has left locks where heads are kept',
    ways: ['both'],
    arrange: async ({ chaos, app, set, push, ask, source, second, third }) => {
      await set('target', MAIN, third)
      await chaos.attemptEnded(await push('source', MAIN, second))
      await chaos.attemptEnded(await ask('conflicts/main/resolve', { take: source }))
      for (const name of ['packed-refs.lock', 'shallow.lock', 'config.lock', 'objects/pack/tmp_pack_x']) {
        await writeFile(join(app.backups, name), '')
      }
    },
    act: async ({ chaos, set, push, ask, source, first }) => {
      await set('target', MAIN, chaos.hands.commit('fourth', [first]))
      await chaos.attemptEnded(await push('source', MAIN, chaos.hands.commit('again', [first])))
      return ask('conflicts/main/resolve', { take: source })
    },
    ends: 'succeeded',
  },
  {
    id: 'C14',
    what: 'the git that fetches is killed',
    arrange: killing('source', 'fetch', 'before', GIT),
    ends: 'unknown',
  },
  {
    id: 'C14',
    what: 'the helper of the git that fetches is killed',
    arrange: killing('source', 'fetch', 'before', HELPER),
    ends: 'out_of_memory',
  },
  {
    id: 'C14',
    what: 'the git that pushes is killed before the target has done it',
    arrange: killing('target', 'push', 'before', GIT),
    ends: 'unknown',
  },
  {
    id: 'C14',
    what: 'the git that pushes is killed after the target has done it',
    arrange: killing('target', 'push', 'after', GIT),
    ends: 'unknown',
  },
]

test.each(titled(STORIES.map((story): Story => ({ ...story, carriers: ['git'] }))))(
  '%s',
  async (_, story) => {
    const endings = await play(story)

    expect(endings).toEqual(foretold(story, endings))
  },
  240_000,
)

test('I6 a git that somebody else still has running on the mirror is waited for, and never joined', async () => {
  await using chaos = await startChaos()
  const app = await chaos.bind('app')
  const first = chaos.hands.commit('first')
  await chaos.attemptEnded(await chaos.push(app, 'internal', MAIN, first))
  const orphan = spawn('flock', [`${app.mirror}.lock`, 'sh', '-c', 'echo held; exec sleep 600'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  })
  await once(orphan.stdout, 'data')

  const run = await chaos.push(app, 'internal', MAIN, chaos.hands.commit('second', [first]))
  const ended = chaos.attemptEnded(run)
  const passing = setInterval(() => void chaos.jump(5 * SECOND), 100)
  const end = await ended
  clearInterval(passing)
  process.kill(-(orphan.pid ?? 0), 'SIGKILL')

  expect(end).toMatchObject({ code: outcomeCode('mirror_busy').code })
  await expectNothingLost(chaos, [app])
}, 240_000)

test('O10 while somebody locks the database nothing is accepted, and what was done is written down later', async () => {
  await using chaos = await startChaos()
  const app = await chaos.bind('app')
  const first = chaos.hands.commit('first')
  await chaos.attemptEnded(await chaos.push(app, 'internal', MAIN, first))
  const second = chaos.hands.commit('second', [first])
  const hold = chaos.forges.external.holdAt('push', 'after')
  const run = await chaos.push(app, 'internal', MAIN, second)
  await hold.reached
  const stranger = new Sqlite(join(chaos.folder, 'data/reposync.db'))
  stranger.exec('begin immediate')

  hold.release()
  const refused = await chaos.tell(app, 'internal', MAIN, second).catch((error: unknown) => String(error))
  const ready = await chaos.call('GET', '/readyz')
  stranger.exec('commit')
  stranger.close()
  const end = await chaos.attemptEnded(run)

  expect(refused).toContain('503')
  expect(ready).toMatchObject({ status: 503, body: { problems: ['database'] } })
  expect(end).toMatchObject({ status: 'succeeded' })
  await expectNothingLost(chaos, [app])
}, 240_000)
