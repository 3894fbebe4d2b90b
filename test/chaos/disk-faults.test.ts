import { join } from 'node:path'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { outcomeCode } from '../../src/run/codes.ts'
import { makeReadOnly, mountSmallDisk } from '../rig/small-disk.ts'
import { processesIn } from '../rig/leftovers.ts'
import type { SmallDisk } from '../rig/small-disk.ts'
import { expectNothingLost } from './oracle.ts'
import { nothingRuns } from './rest.ts'
import { startChaos } from './world.ts'
import type { Chaos, ChaosOptions } from './world.ts'

// Disks that are full, or may only be read.

const MAIN = 'refs/heads/main'
const DISK_FULL = outcomeCode('disk_full').code
const Requested = z.object({ data: z.object({ run_id: z.number() }) })

/** A world with one folder of the daemon on a disk of its own. */
async function onDisk(
  folder: 'sync' | 'data' | 'data/backups',
  size: Parameters<typeof mountSmallDisk>[1],
  options: ChaosOptions = {},
): Promise<{ readonly chaos: Chaos; readonly disk: SmallDisk }> {
  const mounted = Promise.withResolvers<SmallDisk>()
  const prepare = async (path: string): Promise<SmallDisk> => {
    const disk = await mountSmallDisk(join(path, folder), size)
    mounted.resolve(disk)
    return disk
  }
  const chaos = await startChaos({ ...options, prepare })
  return { chaos, disk: await mounted.promise }
}

test('R18 with little room for mirrors nothing is fetched, and deliveries are taken all the same', async () => {
  const { chaos, disk } = await onDisk('sync', { megabytes: 64 })
  await using _ = chaos
  const app = await chaos.bind('app')

  const run = await chaos.push(app, 'internal', MAIN, chaos.hands.commit('first'))
  const end = await chaos.attemptEnded(run)
  const ready = await chaos.call('GET', '/readyz')
  await disk.resize(512)

  expect(end).toMatchObject({ code: DISK_FULL })
  expect(ready).toMatchObject({ status: 503, body: { problems: ['disk'] } })
  await expectNothingLost(chaos, [app])
}, 240_000)

test('R18 wherever the disk of the mirrors runs full in a sync, nothing is spoiled and nothing stays', async () => {
  const { chaos, disk } = await onDisk('sync', { megabytes: 256, files: 400 })
  await using _ = chaos
  const app = await chaos.bind('app')
  let head = chaos.hands.commit('first')
  await chaos.attemptEnded(await chaos.push(app, 'internal', MAIN, head))
  const codes = new Set<number | null | undefined>()

  for (let leaving = 0; leaving < 12; leaving += 1) {
    head = chaos.hands.commit(`with room for ${leaving}`, [head])
    await disk.fillUp({ leaving })
    const end = await chaos.attemptEnded(await chaos.push(app, 'internal', MAIN, head))
    codes.add(end?.code)
    await disk.clear()
    await chaos.jump(10_000)
    await nothingRuns(chaos)
  }

  expect(codes).toEqual(new Set([DISK_FULL, 0]))
  await expectNothingLost(chaos, [app])
}, 240_000)

test('R18 a mirror that may only be read keeps nothing from arriving once it may be written again', async () => {
  await using chaos = await startChaos()
  const app = await chaos.bind('app')
  const first = chaos.hands.commit('first')
  await chaos.attemptEnded(await chaos.push(app, 'internal', MAIN, first))
  const closed = await makeReadOnly(app.mirror)

  const run = await chaos.push(app, 'internal', MAIN, chaos.hands.commit('second', [first]))
  const end = await chaos.attemptEnded(run)
  await closed[Symbol.asyncDispose]()

  expect({ code: end?.code, detail: end?.detail }).toMatchObject({
    code: outcomeCode('local_permission').code,
  })
  await expectNothingLost(chaos, [app])
}, 240_000)

test('C14 a git that the full disk keeps from being written down is not left running', async () => {
  const { chaos, disk } = await onDisk('sync', { megabytes: 256, files: 400 })
  await using _ = chaos
  const app = await chaos.bind('app')
  const first = chaos.hands.commit('first')
  await chaos.attemptEnded(await chaos.push(app, 'internal', MAIN, first))
  chaos.forges.internal.inflict({ kind: 'hang' })
  await disk.fillUp({ leaving: 0 })

  const run = await chaos.push(app, 'internal', MAIN, chaos.hands.commit('second', [first]))
  const end = await chaos.attemptEnded(run)
  const running = await processesIn(join(chaos.folder, 'sync'))
  await disk.clear()
  chaos.forges.internal.mend()

  expect(end).toMatchObject({ code: DISK_FULL })
  expect(running).toEqual([])
  await expectNothingLost(chaos, [app])
}, 240_000)

test('R19 while the disk of the database is full nothing is accepted, and nothing accepted is lost', async () => {
  const { chaos, disk } = await onDisk('data', { megabytes: 160 })
  await using _ = chaos
  const app = await chaos.bind('app')
  const first = chaos.hands.commit('first')
  await chaos.attemptEnded(await chaos.push(app, 'internal', MAIN, first))
  const second = chaos.hands.commit('second', [first])
  const hold = chaos.forges.external.holdAt('push', 'after')
  const run = await chaos.push(app, 'internal', MAIN, second)
  await hold.reached
  await disk.fillUp('bytes')

  // The journal may have room of its own for a while.
  const answers: number[] = []
  for (let number = 0; number < 200 && answers.at(-1) !== 503; number += 1) {
    const told = chaos.tell(app, 'internal', `refs/heads/${number}`, second, first)
    answers.push(
      await told.then(
        () => 202,
        () => 503,
      ),
    )
  }
  hold.release()
  const ready = await chaos.call('GET', '/readyz')
  await disk.clear()
  const end = await chaos.attemptEnded(run)
  await chaos.tell(app, 'internal', MAIN, second, first)

  expect(answers.at(-1)).toBe(503)
  expect(ready).toMatchObject({ status: 503 })
  expect(end).toMatchObject({ status: 'succeeded' })
  await expectNothingLost(chaos, [app])
}, 240_000)

test('C12 what cannot be kept is not overwritten', async () => {
  const { chaos, disk } = await onDisk('data/backups', { megabytes: 160, files: 60 })
  await using _ = chaos
  const app = await chaos.bind('app', { direction: 'both' })
  const { hands } = chaos
  const first = hands.commit('first')
  await chaos.attemptEnded(await chaos.push(app, 'internal', MAIN, first))
  const [ours, theirs] = [hands.commit('ours', [first]), hands.commit('theirs', [first])]
  await chaos.set(app, 'external', MAIN, theirs)
  await chaos.attemptEnded(await chaos.push(app, 'internal', MAIN, ours))
  const resolve = async () => {
    const path = '/api/v1/bindings/app/conflicts/main/resolve'
    const { body } = await chaos.call('POST', path, { take: 'internal' })
    return chaos.attemptEnded(Requested.parse(body).data.run_id)
  }

  const codes: (number | null | undefined)[] = []
  const heads: (string | undefined)[] = []
  for (let leaving = 0; leaving < 30 && codes.at(-1) !== 0; leaving += 3) {
    await disk.fillUp({ leaving })
    codes.push((await resolve())?.code)
    heads.push((await chaos.heads(app, 'external')).get(MAIN))
    await disk.clear()
  }

  expect(codes.length).toBeGreaterThan(1)
  expect(new Set(codes.slice(0, -1))).toEqual(new Set([DISK_FULL]))
  expect(new Set(heads.slice(0, -1))).toEqual(new Set([theirs]))
  await expectNothingLost(chaos, [app])
}, 240_000)
