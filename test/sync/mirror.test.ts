import { chmod, mkdir, readFile, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { removeMirror } from '../../src/sync/mirror.ts'
import { git } from '../rig/repository.ts'
import { pair } from './comparison.ts'
import { createWorld, results } from './world.ts'

const DAMAGES: readonly { readonly what: string; readonly inflict: (mirror: string) => Promise<void> }[] = [
  { what: 'an emptied ref', inflict: (mirror) => truncate(join(mirror, 'refs/internal/heads/main')) },
  {
    what: 'a ref full of garbage',
    inflict: (mirror) => writeFile(join(mirror, 'refs/internal/heads/main'), 'garbage\n'),
  },
  {
    what: 'a ref to an object that is not there',
    inflict: (mirror) => writeFile(join(mirror, 'refs/internal/heads/main'), `${'1'.repeat(40)}\n`),
  },
  { what: 'an emptied HEAD', inflict: (mirror) => truncate(join(mirror, 'HEAD')) },
  { what: 'no HEAD', inflict: (mirror) => rm(join(mirror, 'HEAD')) },
  { what: 'an emptied config', inflict: (mirror) => truncate(join(mirror, 'config')) },
  { what: 'a broken config', inflict: (mirror) => writeFile(join(mirror, 'config'), '[core\n') },
  {
    what: 'packed refs full of garbage',
    inflict: (mirror) => writeFile(join(mirror, 'packed-refs'), 'garbage\n'),
  },
  { what: 'no objects', inflict: (mirror) => rm(join(mirror, 'objects'), { recursive: true }) },
  { what: 'an emptied pack', inflict: (mirror) => eachPack(mirror, '.pack', (path) => truncate(path)) },
  { what: 'a shortened pack', inflict: (mirror) => eachPack(mirror, '.pack', shorten) },
  { what: 'a pack with wrong bytes', inflict: (mirror) => eachPack(mirror, '.pack', scribble) },
  { what: 'an index with wrong bytes', inflict: (mirror) => eachPack(mirror, '.idx', scribble) },
  { what: 'no packs', inflict: (mirror) => eachPack(mirror, '.pack', (path) => rm(path)) },
  { what: 'a file in place of the mirror', inflict: replaceByFile },
]

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

async function plantLeftovers(mirror: string): Promise<void> {
  await mkdir(join(mirror, 'objects/info'), { recursive: true })
  const files = [
    'HEAD.lock',
    'config.lock',
    'packed-refs.lock',
    'shallow.lock',
    'refs/internal/heads/main.lock',
    'objects/pack/tmp_pack_aB3dEf',
    'objects/pack/tmp_idx_aB3dEf',
    'objects/pack/pack-1.keep',
    'objects/info/commit-graph.lock',
  ]
  for (const file of files) await writeFile(join(mirror, file), '')
}

async function eachPack(
  mirror: string,
  ending: string,
  change: (path: string) => Promise<void>,
): Promise<void> {
  const folder = join(mirror, 'objects/pack')
  const names = (await readdir(folder)).filter((name) => name.endsWith(ending))
  if (names.length === 0) throw new Error('the mirror has no pack')
  for (const name of names) {
    await chmod(join(folder, name), 0o644)
    await change(join(folder, name))
  }
}

async function shorten(path: string): Promise<void> {
  await truncate(path, Math.floor((await stat(path)).size / 2))
}

async function scribble(path: string): Promise<void> {
  const bytes = await readFile(path)
  bytes.fill(0xff, Math.floor(bytes.length / 3), Math.floor((2 * bytes.length) / 3))
  await writeFile(path, bytes)
}

async function replaceByFile(mirror: string): Promise<void> {
  await rm(mirror, { recursive: true })
  await writeFile(mirror, '')
}
