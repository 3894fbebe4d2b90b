import { readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { DAY } from '../../src/clock.ts'
import { createTestClock } from '../rig/clock.ts'
import { pair } from './comparison.ts'
import { commitOne, createLfsWorld } from './lfs-world.ts'
import { results } from './world.ts'

describe('what arrived before an interruption', () => {
  test('of a download is where the next try goes on', async () => {
    await using world = await createLfsWorld()
    const oid = await commitOne(world, 8_000_000)
    world.lfs.fault({ stage: 'download', kind: 'cut', afterBytes: 2_000_000 })
    const broken = await world.sync({ lfs: true, scope: [pair('main')] })
    world.lfs.heal()
    world.restart()
    world.forgetRequests()

    const outcome = await world.sync({ lfs: true, scope: [pair('main')] })

    expect(results(broken)).toEqual({ main: 'rejected' })
    expect(results(outcome)).toEqual({ main: 'created' })
    const [download, ...more] = world.requests().filter(({ stage }) => stage === 'download')
    expect(Number(/^bytes=(\d+)-$/.exec(download?.range ?? '')?.[1])).toBeGreaterThan(2_000_000)
    expect(more).toEqual([])
    expect(await world.contentAt('external', 'a.bin')).toBe(oid)
  })

  test('of an upload is not downloaded again', async () => {
    await using world = await createLfsWorld()
    const oid = await commitOne(world)
    world.lfs.fault({ stage: 'upload', kind: 'cut', afterBytes: 100_000 })
    const broken = await world.sync({ lfs: true, scope: [pair('main')] })
    world.lfs.heal()
    world.restart()
    world.forgetRequests()

    const outcome = await world.sync({ lfs: true, scope: [pair('main')] })

    expect(results(broken)).toEqual({ main: 'rejected' })
    expect(results(outcome)).toEqual({ main: 'created' })
    expect(world.asked('internal')).toEqual(['batch'])
    expect(world.asked('external')).toEqual(['batch', 'upload', 'verify'])
    expect(await world.contentAt('external', 'a.bin')).toBe(oid)
  })

  test('is thrown away when it proves to be something else', async () => {
    await using world = await createLfsWorld()
    const oid = await commitOne(world)
    world.lfs.fault({ stage: 'upload', kind: 'status', status: 503 })
    await world.sync({ lfs: true, scope: [pair('main')] })
    const kept = join(world.mirror, 'lfs', 'objects', oid)
    await writeFile(kept, (await readFile(kept)).fill(0, 10, 20))
    world.lfs.heal()

    const outcome = await world.sync({ lfs: true, scope: [pair('main')] })

    expect(results(outcome)).toEqual({ main: 'created' })
    expect(await world.contentAt('external', 'a.bin')).toBe(oid)
  })

  test('is thrown away when nobody came back for it', async () => {
    const start = Date.now()
    const clock = createTestClock(start)
    await using world = await createLfsWorld({ clock })
    await commitOne(world)
    world.lfs.fault({ stage: 'upload', kind: 'status', status: 503 })
    await world.sync({ lfs: true, scope: [pair('main')] })
    const objects = join(world.mirror, 'lfs', 'objects')
    const kept = await readdir(objects)
    world.lfs.heal()
    await world.work.branch('other', 'main~1')
    await world.commitObject('b.bin', 1000)
    await world.publish('internal', 'other')

    clock.advance(2 * DAY)
    await world.sync({ lfs: true, scope: [pair('other')] })

    expect(kept).toHaveLength(1)
    expect(await readdir(objects)).toEqual([])
  })

  test('stays when a person stops the sync', async () => {
    await using world = await createLfsWorld()
    const oid = await commitOne(world)
    const stop = new AbortController()
    const hold = world.lfs.hold('upload')

    const syncing = world.sync({ lfs: true, scope: [pair('main')] }, stop.signal)
    await hold.reached
    stop.abort()
    const outcome = await syncing
    hold.release()

    expect(outcome.failure).toMatchObject({ kind: 'canceled' })
    expect(await readdir(join(world.mirror, 'lfs', 'objects'))).toEqual([oid])
    expect(await world.heads('external')).toEqual({})
  })
})
