import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findPaths, findPointers } from '../../src/git/lfs-pointers.ts'
import { openGitWorld } from '../rig/git-world.ts'
import type { GitWorld } from '../rig/git-world.ts'
import { git, shaOf } from '../rig/repository.ts'

const { signal } = new AbortController()
const OID = '4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393'
const V1 = 'version https://git-lfs.github.com/spec/v1\n'

function pointer(digit: string, size = 12345): string {
  return `${V1}oid sha256:${digit.repeat(64)}\nsize ${size}\n`
}

async function sizesIn(world: GitWorld, known: readonly string[] = []): Promise<readonly number[]> {
  const heads = [await world.work.resolve('HEAD')]
  const range = { heads, known: known.map(shaOf) }
  const found = await findPointers(world.room.git, world.mirror, range, signal)
  if (!found.ok) throw new Error(found.failure.detail)
  return [...found.pointers.values()].map(({ size }) => size).toSorted((a, b) => a - b)
}

test.each([
  ['as git-lfs writes it', `${V1}oid sha256:${OID}\nsize 12345\n`, true],
  ['without the last line end', `${V1}oid sha256:${OID}\nsize 12345`, true],
  ['with the line ends of Windows', `${V1}oid sha256:${OID}\nsize 12345\n`.replaceAll('\n', '\r\n'), true],
  ['with an extension', `${V1}ext-0-foo sha256:${OID}\noid sha256:${OID}\nsize 12345\n`, true],
  ['of the time before', `version https://hawser.github.com/spec/v1\noid sha256:${OID}\nsize 12345\n`, true],
  [
    'of another version',
    `version https://git-lfs.github.com/spec/v9\noid sha256:${OID}\nsize 12345\n`,
    false,
  ],
  ['of another hash', `${V1}oid md5:${OID}\nsize 12345\n`, false],
  ['with a word after it', `${V1}oid sha256:${OID}\nsize 12345\nmore\n`, false],
  ['with a word before it', `see ${V1}oid sha256:${OID}\nsize 12345\n`, false],
  ['that is too long', `${V1}oid sha256:${OID}\nsize 12345\n${' '.repeat(1024)}`, false],
  [
    'inside what git once printed',
    `${OID.slice(0, 40)} blob 130\n${V1}oid sha256:${OID}\nsize 12345\n`,
    false,
  ],
])('a pointer %s is found or not, as git-lfs has it', async (_name, content, expected) => {
  await using world = await openGitWorld()
  await world.work.commit('first', { 'a.bin': content })
  await world.mirrorWork()

  const sizes = await sizesIn(world)
  const listed = await git(world.work.dir, 'lfs', 'ls-files', '--all', '--long')

  expect(sizes).toEqual(expected ? [12345] : [])
  expect(listed.includes(OID)).toBe(expected)
})

test('pointers are found between what is offered and what is known', async () => {
  await using world = await openGitWorld()
  const first = await world.work.commit('first', { 'a.bin': pointer('a', 1) })
  await world.work.commit('second', { 'b.bin': pointer('b', 2), 'c.bin': pointer('c', 3) })
  await world.work.commit('gone again', { 'b.bin': 'text' })
  await world.mirrorWork()

  const all = await sizesIn(world)
  const fresh = await sizesIn(world, [first])
  const strange = await sizesIn(world, ['1'.repeat(40), first])

  expect(all).toEqual([1, 2, 3])
  expect(fresh).toEqual([2, 3])
  expect(strange).toEqual([2, 3])
})

test('binary content between pointers does not hide them', async () => {
  await using world = await openGitWorld()
  const files = Array.from(
    { length: 300 },
    (_, number) =>
      [
        `${number}.dat`,
        number % 3 === 0 ? pointer('d', number) : Buffer.from([0xff, 0x0a, 0x00, number, number >> 8, 0x0a]),
      ] as const,
  )
  await world.work.commit('many', Object.fromEntries(files))
  await world.mirrorWork()

  const sizes = await sizesIn(world)

  expect(sizes).toEqual(Array.from({ length: 100 }, (_, number) => number * 3))
  expect(world.room.operations.filter((name) => name !== 'fetch')).toEqual(['rev-list', 'cat-file'])
})

test('the path of a pointer is found with it', async () => {
  await using world = await openGitWorld()
  const head = await world.work.commit('first', { 'my files/größe.bin': pointer('a') })
  await world.mirrorWork()
  const blob = shaOf(await git(world.work.dir, 'rev-parse', 'HEAD:my files/größe.bin'))

  const found = await findPaths(
    world.room.git,
    world.mirror,
    { heads: [head], known: [] },
    new Set([blob]),
    signal,
  )

  expect(found).toEqual({ ok: true, paths: new Map([[blob, 'my files/größe.bin']]) })
})

test('a mirror that lost a pointer is damaged, not without pointers', async () => {
  await using world = await openGitWorld()
  const head = await world.work.commit('first', { 'a.bin': pointer('a') })
  const blob = shaOf(await git(world.work.dir, 'rev-parse', 'HEAD:a.bin'))
  await rm(join(world.work.dir, '.git', 'objects', blob.slice(0, 2), blob.slice(2)))

  const found = await findPointers(
    world.room.git,
    join(world.work.dir, '.git'),
    { heads: [head], known: [] },
    signal,
  )

  expect(found).toMatchObject({ ok: false, failure: { kind: 'mirror_damaged' } })
})
