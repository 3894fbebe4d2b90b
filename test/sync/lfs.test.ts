import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Side } from '../../src/binding/binding.ts'
import { pair } from './comparison.ts'
import { createLfsWorld } from './lfs-world.ts'
import { results } from './world.ts'

describe('LFS objects', () => {
  test('are at the target when the first sync is over', async () => {
    await using world = await createLfsWorld()
    const { oid } = await world.commitObject('a.bin', 100_000)
    await world.publish('internal', 'main')

    const outcome = await world.sync({ lfs: true })

    expect(results(outcome)).toEqual({ main: 'created' })
    expect(await world.objects('external')).toEqual([oid])
    expect(await world.contentAt('external', 'a.bin')).toBe(oid)
  })

  test('of a later push are the only ones that move', async () => {
    await using world = await createLfsWorld()
    await world.commitObject('a.bin', 1000)
    await world.publish('internal', 'main')
    await world.sync({ lfs: true })
    const { oid, sha } = await world.commitObject('b.bin', 1000)
    await world.publish('internal', 'main')
    world.forgetRequests()

    await world.sync({ lfs: true, scope: [pair('main')] })

    expect(await world.heads('external')).toEqual({ main: sha })
    expect(world.asked('external')).toEqual(['batch', 'upload', 'verify'])
    expect(world.asked('internal')).toEqual(['batch', 'download'])
    expect(world.requests().find(({ stage }) => stage === 'download')?.oids).toEqual([oid])
    expect(await world.contentAt('external', 'b.bin')).toBe(oid)
  })

  test('cost no request when a push brings none', async () => {
    await using world = await createLfsWorld()
    await world.commitObject('a.bin', 1000)
    await world.publish('internal', 'main')
    await world.sync({ lfs: true })
    const sha = await world.work.commit('no object in it')
    await world.publish('internal', 'main')
    world.forgetRequests()

    await world.sync({ lfs: true, scope: [pair('main')] })

    expect(await world.heads('external')).toEqual({ main: sha })
    expect(world.requests()).toEqual([])
    expect(world.processes).toEqual(['fetch', 'rev-list', 'cat-file', 'push'])
  })

  test('are nobody’s business when the binding does not ask for them', async () => {
    await using world = await createLfsWorld()
    const { sha } = await world.commitObject('a.bin', 1000)
    await world.publish('internal', 'main')
    world.forgetRequests()

    await world.sync({ scope: [pair('main')] })

    expect(await world.heads('external')).toEqual({ main: sha })
    expect(world.requests()).toEqual([])
    expect(world.processes).toEqual(['fetch', 'push'])
  })

  test('that the target has already do not move', async () => {
    await using world = await createLfsWorld()
    await world.commitObject('a.bin', 1000)
    await world.publish('internal', 'main')
    await world.publish('external', 'main')
    await world.work.branch('dev')
    await world.work.commit('one more')
    await world.publish('internal', 'dev')
    world.forgetRequests()

    const outcome = await world.sync({ lfs: true })

    expect(results(outcome)).toEqual({ main: 'up_to_date', dev: 'created' })
    expect(world.asked('external')).toEqual(['batch'])
    expect(world.asked('internal')).toEqual([])
  })

  test('that several branches and a tag share move once', async () => {
    await using world = await createLfsWorld()
    const shared = await world.commitObject('shared.bin', 1000)
    await world.work.tag('v1', 'the first')
    await world.work.branch('dev')
    const own = await world.commitObject('dev.bin', 1000)
    await world.publish('internal', 'main', 'dev')
    await world.push('internal', 'refs/tags/v1')
    world.forgetRequests()

    const outcome = await world.sync({ lfs: true })

    expect(results(outcome)).toEqual({ main: 'created', dev: 'created', 'tags/v1': 'created' })
    expect(world.asked('internal')).toEqual(['batch', 'download', 'download'])
    expect(await world.contentAt('external', 'shared.bin')).toBe(shared.oid)
    expect(await world.contentAt('external', 'dev.bin', 'dev')).toBe(own.oid)
  })

  test('travel by the hundred in as many questions as needed', async () => {
    await using world = await createLfsWorld()
    const files = Object.fromEntries(
      Array.from({ length: 230 }, (_, number) => [`${number}.bin`, `content ${number}`]),
    )
    await world.work.commit('many', files)
    await world.publish('internal', 'main')
    world.forgetRequests()

    await world.sync({ lfs: true })

    expect(await world.objects('external')).toHaveLength(230)
    expect(world.asked('external').filter((stage) => stage === 'batch')).toHaveLength(3)
  })

  test('leave nothing behind in the mirror', async () => {
    await using world = await createLfsWorld()
    await world.commitObject('a.bin', 1000)
    await world.publish('internal', 'main')

    await world.sync({ lfs: true })

    expect(await readdir(join(world.mirror, 'lfs', 'objects'))).toEqual([])
  })

  test('come along when a person forces the target', async () => {
    await using world = await createLfsWorld()
    await world.work.commit('first')
    await world.publish('external', 'main')
    await world.work.amend('another first')
    const { oid, sha } = await world.commitObject('a.bin', 1000)
    await world.publish('internal', 'main')

    const outcome = await world.sync({ lfs: true, force: 'all' })

    expect(results(outcome)).toEqual({ main: 'updated' })
    expect(await world.heads('external')).toEqual({ main: sha })
    expect(await world.contentAt('external', 'a.bin')).toBe(oid)
  })
})

describe('a binding that goes both ways', () => {
  test.each<{ pushedOn: Side; to: Side }>([
    { pushedOn: 'internal', to: 'external' },
    { pushedOn: 'external', to: 'internal' },
  ])('brings objects from $pushedOn to $to', async ({ pushedOn, to }) => {
    await using world = await createLfsWorld()
    await world.work.commit('first')
    await world.publish('internal', 'main')
    await world.sync({ lfs: true, direction: 'both' })
    const { oid } = await world.commitObject('a.bin', 1000)
    await world.publish(pushedOn, 'main')

    const outcome = await world.sync({ lfs: true, direction: 'both', scope: [pair('main')], pushedOn })

    expect(results(outcome)).toEqual({ main: 'updated' })
    expect(await world.contentAt(to, 'a.bin')).toBe(oid)
  })
})

describe('an object that the source does not have', () => {
  test('keeps back the branches that need it, and no others', async () => {
    await using world = await createLfsWorld()
    const first = await world.work.commit('first')
    await world.work.branch('whole')
    const whole = await world.commitObject('whole.bin', 1000)
    await world.work.branch('broken', 'main')
    const lost = await world.commitObject('assets/lost.bin', 2_000_000)
    await world.work.branch('after', 'broken')
    await world.work.commit('on top of it')
    await world.publish('internal', 'main', 'whole', 'broken', 'after')
    await world.lfs.remove('inner/app', lost.oid)

    const outcome = await world.sync({ lfs: true })

    expect(results(outcome)).toEqual({
      main: 'created',
      whole: 'created',
      broken: 'rejected',
      after: 'rejected',
    })
    expect(outcome.refs.find(({ pair: { internal } }) => internal.endsWith('broken'))).toMatchObject({
      kind: 'lfs_missing',
      before: null,
      after: lost.sha,
    })
    expect(outcome.refs.find(({ kind }) => kind === 'lfs_missing')?.reason).toMatch(
      new RegExp(
        `^LFS object ${lost.oid.slice(0, 10)} \\(1\\.9 MB\\) of assets/lost\\.bin: internal: .* 404`,
      ),
    )
    expect(await world.heads('external')).toEqual({ main: first, whole: whole.sha })
    expect(await world.objects('external')).toEqual([whole.oid])
  })

  test('travels with the next sync when somebody has brought it', async () => {
    await using world = await createLfsWorld()
    const { oid, sha } = await world.commitObject('late.bin', 1000)
    await world.push('internal', 'main')
    const refused = await world.sync({ lfs: true })
    await world.publish('internal', 'main')

    const outcome = await world.sync({ lfs: true })

    expect(results(refused)).toEqual({ main: 'rejected' })
    expect(results(outcome)).toEqual({ main: 'created' })
    expect(await world.heads('external')).toEqual({ main: sha })
    expect(await world.objects('external')).toEqual([oid])
  })
})
