import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { gitVersion } from '../../src/git/git-version.ts'
import {
  checkHealth,
  copyTo,
  deleteLocalRefs,
  initBare,
  isRelated,
  listLocalRefs,
  readRef,
} from '../../src/git/mirror-repository.ts'
import type { Copy } from '../../src/git/mirror-repository.ts'
import { openGitWorld } from '../rig/git-world.ts'
import { createWorkRepository, git, readRefs, shaOf } from '../rig/repository.ts'

const { signal } = new AbortController()
const MAIN = 'refs/work/heads/main'

test('a ref is read where git keeps it, loose or packed, without starting git', async () => {
  await using world = await openGitWorld()
  const { room, work, mirror } = world
  const first = await work.commit('first')
  await world.mirrorWork()
  room.operations.length = 0

  const loose = await readRef(mirror, MAIN)
  await git(mirror, 'pack-refs', '--all')
  const packed = await readRef(mirror, MAIN)
  const missing = await readRef(mirror, 'refs/work/heads/mai')
  const folder = await readRef(mirror, 'refs/work/heads')

  expect([loose, packed, missing, folder]).toEqual([first, first, undefined, undefined])
  expect(room.operations).toEqual([])
})

test.each([
  ['nothing', ''],
  ['zeros', '0'.repeat(40)],
  ['a short id', 'abc123'],
])('a ref that holds %s is damaged, and so is its mirror', async (_, content) => {
  await using world = await openGitWorld()
  const { room, work, mirror } = world
  await work.commit('first')
  await world.mirrorWork()
  const healthy = await checkHealth(room.git, mirror, signal)

  await writeFile(join(mirror, 'refs/work/heads/main'), content)

  expect(healthy).toBe('ok')
  expect(await readRef(mirror, MAIN)).toBe('damaged')
  expect(await checkHealth(room.git, mirror, signal)).toBe('damaged')
})

test('a mirror without its frame or with refs to objects it lost is damaged, a missing one is missing', async () => {
  await using world = await openGitWorld()
  const { room, work, mirror, folder } = world
  await work.commit('first')
  await world.mirrorWork()

  const missing = await checkHealth(room.git, join(folder, 'nowhere.git'), signal)
  await rm(join(mirror, 'objects/pack'), { recursive: true })
  const withoutObjects = await checkHealth(room.git, mirror, signal)
  await rm(join(mirror, 'HEAD'))
  const withoutHead = await checkHealth(room.git, mirror, signal)
  await rm(mirror, { recursive: true })
  await initBare(mirror)
  const again = await checkHealth(room.git, mirror, signal)

  expect([missing, withoutObjects, withoutHead, again]).toEqual(['missing', 'damaged', 'damaged', 'ok'])
})

test('refs are listed and deleted in one call each, also names of every kind', async () => {
  await using world = await openGitWorld()
  const { room, work, mirror } = world
  const first = await work.commit('first')
  await git(work.dir, 'update-ref', 'refs/heads/größe/--force', first)
  await world.mirrorWork()
  room.operations.length = 0

  const listed = await listLocalRefs(room.git, mirror, 'refs/work/', signal)
  const none = await listLocalRefs(room.git, mirror, 'refs/internal/', signal)
  const deleted = await deleteLocalRefs(
    room.git,
    mirror,
    ['refs/work/heads/größe/--force', 'refs/work/gone'],
    signal,
  )

  const refs = new Map([
    ['refs/work/heads/größe/--force', first],
    [MAIN, first],
  ])
  expect(listed).toEqual({ ok: true, refs })
  expect(none).toEqual({ ok: true, refs: new Map() })
  expect(deleted).toEqual({ ok: true })
  expect(await readRefs(mirror)).toEqual(new Map([[MAIN, first]]))
  expect(room.operations).toEqual(['for-each-ref', 'for-each-ref', 'update-ref'])
})

test('a head is copied to where it survives the mirror, and nothing is overwritten there', async () => {
  await using world = await openGitWorld()
  const { room, work, mirror, folder } = world
  const first = await work.commit('first')
  const second = await work.amend('rewritten')
  await git(work.dir, 'update-ref', 'refs/heads/old', first)
  await world.mirrorWork()
  const vault = join(folder, 'vault with space.git')
  await initBare(vault)
  const copy = { sha: first, ref: 'refs/backup/1/main' }
  const copyIt = (changed: Partial<Copy>) =>
    copyTo(room.git, mirror, vault, [{ ...copy, ...changed }], { durable: true, signal })

  const copied = await copyIt({})
  const again = await copyIt({})
  const other = await copyIt({ sha: second })
  const absent = await copyIt({ sha: shaOf('1'.repeat(40)), ref: 'refs/backup/2' })
  await rm(mirror, { recursive: true })

  expect([copied, again]).toEqual([{ ok: true }, { ok: true }])
  expect(other).toMatchObject({ ok: false })
  expect(absent).toMatchObject({ ok: false })
  expect(await readRefs(vault)).toEqual(new Map([['refs/backup/1/main', first]]))
  expect(await git(vault, 'log', '--format=%s', first)).toBe('first')
})

test('histories without a common commit are unrelated', async () => {
  await using world = await openGitWorld()
  const { room, work, mirror, folder } = world
  const first = await work.commit('first')
  const second = await work.commit('second')
  const stranger = await createWorkRepository(folder)
  const other = await stranger.commit('other')
  await git(work.dir, 'fetch', '--quiet', stranger.dir, 'main:stranger')
  await world.mirrorWork()

  const related = await isRelated(room.git, mirror, first, second, signal)
  const unrelated = await isRelated(room.git, mirror, second, other, signal)
  const unknown = await isRelated(room.git, mirror, second, shaOf('1'.repeat(40)), signal)

  expect(related).toEqual({ ok: true, isRelated: true })
  expect(unrelated).toEqual({ ok: true, isRelated: false })
  expect(unknown).toMatchObject({ ok: false, failure: { kind: 'mirror_damaged' } })
})

test('a folder that was half made is completed', async () => {
  await using world = await openGitWorld()
  const dir = join(world.folder, 'half.git')
  await mkdir(join(dir, 'refs'), { recursive: true })

  await initBare(dir)

  expect(await checkHealth(world.room.git, dir, signal)).toBe('ok')
})

test('the version of git is known', async () => {
  const version = await gitVersion()

  expect(version).toMatch(/^\d+\.\d+/)
})
