import { readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { removeMirror } from '../../src/sync/mirror.ts'
import { DAMAGES, plantLeftovers } from '../rig/damages.ts'
import { git } from '../rig/repository.ts'
import { pair } from './comparison.ts'
import { createWorld, results } from './world.ts'

describe.each(DAMAGES)('a mirror with $what', ({ inflict }) => {
  test.each(['one branch', 'everything'])(
    'does no harm to a sync of %s, which goes through',
    async (scope) => {
      await using world = await createWorld()
      const first = await world.work.commit('first')
      await world.push('internal', 'main', 'main:refs/heads/other')
      await world.sync()
      const second = await world.work.commit('second')
      await world.push('internal', 'main')
      await inflict(world.mirror)

      const outcome = await world.sync(scope === 'everything' ? {} : { scope: [pair('main')] })
      const next = await world.sync()

      expect(outcome.failure).toBeUndefined()
      expect(results(outcome)).toMatchObject({ main: 'updated' })
      expect(await world.heads('external')).toEqual({ main: second, other: first })
      expect(results(next)).toMatchObject({ main: 'up_to_date' })
    },
  )
})

describe('what a dead git leaves in a mirror', () => {
  test.each(['in the same process', 'after a restart'])('is removed, %s', async (when) => {
    await using world = await createWorld()
    await world.work.commit('first')
    await world.push('internal', 'main')
    await world.sync()
    const second = await world.work.commit('second')
    await world.push('internal', 'main')
    await plantLeftovers(world.mirror)
    if (when === 'after a restart') world.restart()

    const outcome = await world.sync({ scope: [pair('main')] })

    expect(results(outcome)).toEqual({ main: 'updated' })
    expect(await world.heads('external')).toEqual({ main: second })
    expect(
      (await readdir(world.mirror, { recursive: true })).filter((name) => /lock$|tmp_/.test(name)),
    ).toEqual([])
  })

  test('is looked for without a further git when there is nothing', async () => {
    await using world = await createWorld()
    await world.work.commit('first')
    await world.push('internal', 'main')
    await world.sync()
    world.restart()

    await world.sync({ scope: [pair('main')] })

    expect(world.processes).toEqual(['fetch', 'push'])
  })

  test('branches with names like its files are not taken for it', async () => {
    await using world = await createWorld()
    const first = await world.work.commit('first')
    await world.push('internal', 'main:refs/heads/tmp_pack_1', 'main:refs/heads/release.keep')
    await world.sync()
    await writeFile(join(world.mirror, 'HEAD.lock'), '')
    world.restart()

    await world.sync()

    expect(await git(world.mirror, 'for-each-ref', '--format=%(refname) %(objectname)')).toBe(
      `refs/internal/heads/release.keep ${first}\nrefs/internal/heads/tmp_pack_1 ${first}`,
    )
  })
})

test('a git that outlived the daemon is waited for', async () => {
  await using world = await createWorld()
  const first = await world.work.commit('first')
  await world.push('internal', 'main')
  await using orphan = await world.holdFence()

  const syncing = world.sync({ scope: [pair('main')] })
  await orphan.noticed
  await orphan.end()
  const outcome = await syncing

  expect(results(outcome)).toEqual({ main: 'created' })
  expect(await world.heads('external')).toEqual({ main: first })
})

test('remembered branches that stand in the way of new ones give way', async () => {
  await using world = await createWorld()
  const first = await world.work.commit('first')
  await world.push('internal', 'main:refs/heads/a', 'main:refs/heads/b/c')
  await world.sync()
  await world.push('internal', ':refs/heads/a', ':refs/heads/b/c')
  await world.push('internal', 'main:refs/heads/a/b', 'main:refs/heads/b')
  await world.push('external', ':refs/heads/a', ':refs/heads/b/c')

  const outcome = await world.sync({ scope: [pair('a/b'), pair('b')] })

  expect(results(outcome)).toEqual({ 'a/b': 'created', b: 'created' })
  expect(await world.heads('external')).toEqual({ 'a/b': first, b: first })
})

describe('the folder of mirrors', () => {
  test('keeps none after a sync when told so', async () => {
    await using world = await createWorld({ deleteMirrorAfter: true })
    const first = await world.work.commit('first')
    await world.push('internal', 'main')

    await world.sync()

    expect((await readdir(join(world.mirror, '..'))).filter((name) => name.startsWith('binding'))).toEqual([])
    expect(await world.heads('external')).toEqual({ main: first })
  })

  test('loses the mirror of a removed subject, and nothing else', async () => {
    await using world = await createWorld()
    await world.work.commit('first')
    await world.push('internal', 'main')
    await world.sync()

    await removeMirror({ syncDir: join(world.mirror, '..') }, 'binding:12')

    await expect(stat(world.mirror)).rejects.toThrow('ENOENT')
    await expect(removeMirror({ syncDir: '/' }, '../etc:1')).rejects.toThrow('subject')
  })

  test('takes no fetch when the disk is almost full', async () => {
    await using world = await createWorld({ minimumFreeBytes: Number.MAX_SAFE_INTEGER })
    await world.work.commit('first')
    await world.push('internal', 'main')

    const outcome = await world.sync()

    expect(outcome.failure?.kind).toBe('disk_full')
    expect(await world.heads('external')).toEqual({})
  })
})
