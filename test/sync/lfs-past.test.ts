import { rm } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { pair } from './comparison.ts'
import { createLfsWorld } from './lfs-world.ts'
import { results } from './world.ts'

describe('a target that lacks objects of the past', () => {
  test('gets all of them when LFS is turned on later', async () => {
    await using world = await createLfsWorld()
    const old = await world.commitObject('old.bin', 1000)
    await world.publish('internal', 'main')
    await world.sync()
    const { oid } = await world.commitObject('new.bin', 1000)
    await world.publish('internal', 'main')

    await world.sync({ lfs: true, scope: [pair('main')] })

    expect(await world.objects('external')).toEqual([old.oid, oid].toSorted())
  })

  test('gets them again when it has lost them', async () => {
    await using world = await createLfsWorld()
    const first = await world.commitObject('first.bin', 1000)
    const second = await world.commitObject('second.bin', 1000)
    await world.publish('internal', 'main')
    await world.sync({ lfs: true })
    await world.lfs.remove('outer/app', first.oid)
    await world.lfs.remove('outer/app', second.oid)
    const third = await world.commitObject('third.bin', 1000)
    await world.publish('internal', 'main')

    await world.sync({ lfs: true, scope: [pair('main')] })

    const all = [first, second, third].map(({ oid }) => oid)
    expect(await world.objects('external')).toEqual(all.toSorted())
  })

  test('gets them again when it complains of a push that brings none', async () => {
    await using world = await createLfsWorld()
    const { oid } = await world.commitObject('old.bin', 1000)
    await world.publish('internal', 'main')
    await world.sync({ lfs: true })
    await world.refuseWithoutObject('external', 'main', oid)
    await world.lfs.remove('outer/app', oid)
    const sha = await world.work.commit('no object in it')
    await world.publish('internal', 'main')

    const outcome = await world.sync({ lfs: true, scope: [pair('main')] })

    expect(results(outcome)).toEqual({ main: 'updated' })
    expect(await world.heads('external')).toEqual({ main: sha })
    expect(await world.objects('external')).toEqual([oid])
  })

  test('says so when the binding does not ask for objects, and takes the other branches', async () => {
    await using world = await createLfsWorld()
    await world.work.commit('first')
    await world.work.branch('light')
    await world.work.branch('heavy')
    const { oid } = await world.commitObject('a.bin', 1000)
    await world.publish('internal', 'light', 'heavy')
    await world.refuseWithoutObject('external', 'heavy', oid)

    const outcome = await world.sync()

    expect(results(outcome)).toEqual({ light: 'created', heavy: 'rejected' })
    expect(outcome.refs.find(({ result }) => result === 'rejected')?.kind).toBe('lfs_missing')
    expect(Object.keys(await world.heads('external'))).toEqual(['light'])
  })

  test('is asked about everything once more when the mirror is new', async () => {
    await using world = await createLfsWorld()
    await world.commitObject('a.bin', 1000)
    await world.publish('internal', 'main')
    await world.sync({ lfs: true })
    await rm(world.mirror, { recursive: true })
    await world.work.commit('no object in it')
    await world.publish('internal', 'main')
    world.forgetRequests()

    await world.sync({ lfs: true, scope: [pair('main')] })

    expect(world.asked('external')).toEqual(['batch'])
    expect(world.asked('internal')).toEqual([])
  })

  test('is known by its address: another repository in its place gets everything', async () => {
    await using world = await createLfsWorld()
    const { oid } = await world.commitObject('a.bin', 1000)
    await world.publish('internal', 'main')
    await world.sync({ lfs: true })
    const other = await world.server.createRepository('outer/other')
    await world.work.branch('dev')
    await world.work.commit('no object in it')
    await world.publish('internal', 'dev')

    const outcome = await world.sync({
      lfs: true,
      scope: [pair('dev')],
      remotes: world.remotes({ external: other.url }),
    })

    expect(results(outcome)).toEqual({ dev: 'created' })
    expect(await world.lfs.objects('outer/other')).toEqual([oid])
  })
})

describe('heads that both sides have already', () => {
  test('get their objects with the next look at everything, once', async () => {
    await using world = await createLfsWorld()
    const main = await world.commitObject('main.bin', 1000)
    await world.work.branch('still')
    const still = await world.commitObject('still.bin', 1000)
    await world.publish('internal', 'main', 'still')
    await world.sync()
    const before = await world.objects('external')

    const outcome = await world.sync({ lfs: true })
    world.forgetRequests()
    await world.sync({ lfs: true })

    expect(before).toEqual([])
    expect(results(outcome)).toEqual({ main: 'up_to_date', still: 'up_to_date' })
    expect(await world.objects('external')).toEqual([main.oid, still.oid].toSorted())
    expect(world.requests()).toEqual([])
    expect(world.processes).toEqual(['ls-remote', 'ls-remote'])
  })

  test('get them from whichever side has them', async () => {
    await using world = await createLfsWorld()
    const ours = await world.commitObject('ours.bin', 1000)
    const theirs = await world.commitObject('theirs.bin', 1000)
    await world.publish('internal', 'main')
    await world.publish('external', 'main')
    await world.lfs.remove('outer/app', ours.oid)
    await world.lfs.remove('inner/app', theirs.oid)

    await world.sync({ lfs: true, direction: 'both' })

    const both = [ours.oid, theirs.oid].toSorted()
    expect(await world.objects('internal')).toEqual(both)
    expect(await world.objects('external')).toEqual(both)
  })

  test('are told of an object that is nowhere, and do not hold up what comes after', async () => {
    await using world = await createLfsWorld()
    const { oid } = await world.commitObject('lost.bin', 1000)
    await world.publish('internal', 'main')
    await world.sync()
    await world.lfs.remove('inner/app', oid)

    const outcome = await world.sync({ lfs: true })
    const told = world.lines.filter((line) => line.startsWith('ERROR'))
    const sha = await world.work.commit('goes on')
    await world.push('internal', 'main')
    await world.sync({ lfs: true, scope: [pair('main')] })

    expect(results(outcome)).toEqual({ main: 'up_to_date' })
    expect(outcome.failure).toBeUndefined()
    expect(told).toEqual([expect.stringContaining('lost.bin')])
    expect(await world.heads('external')).toEqual({ main: sha })
  })

  test('are looked at again when a server was in the way', async () => {
    await using world = await createLfsWorld()
    const { oid } = await world.commitObject('a.bin', 1000)
    await world.publish('internal', 'main')
    await world.sync()
    world.lfs.fault({ stage: 'batch', kind: 'status', status: 503 })
    const outcome = await world.sync({ lfs: true })
    world.lfs.heal()

    await world.sync({ lfs: true })

    expect(outcome.failure).toBeUndefined()
    expect(await world.objects('external')).toEqual([oid])
  })

  test('are left alone where no mirror stays', async () => {
    await using world = await createLfsWorld({ deleteMirrorAfter: true })
    await world.commitObject('a.bin', 1000)
    await world.publish('internal', 'main')
    await world.sync()
    world.forgetRequests()

    await world.sync({ lfs: true })

    expect(world.requests()).toEqual([])
    expect(world.processes).toEqual(['ls-remote', 'ls-remote'])
  })
})
