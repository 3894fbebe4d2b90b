import { readdir } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { openGitWorld } from '../rig/git-world.ts'
import { git, readRefs } from '../rig/repository.ts'
import { diverge, MAIN, OK, push } from './push-world.ts'

test('names that look like options or hold unusual characters travel as names', async () => {
  await using world = await openGitWorld()
  const first = await world.work.commit('first')
  await world.mirrorWork()
  const names = [
    'refs/heads/--force',
    'refs/heads/--upload-pack=touch x',
    'refs/heads/a/b',
    'refs/heads/größe/日本-🦊',
    'refs/heads/$(id)',
    "refs/heads/it's",
    'refs/heads/"quoted"',
    'refs/heads/<script>',
    'refs/heads/{{x}}',
    'refs/heads/a;b|c&d',
    'refs/heads/HEAD',
    'refs/heads/+plus',
    'refs/tags/-v1',
    `refs/heads/${'n'.repeat(200)}`,
  ].filter((name) => !name.includes(' '))

  const pushed = await push(world, ...names.map((ref) => ({ ref, sha: first })))

  expect(pushed).toEqual({ ok: true, results: new Map(names.map((name) => [name, OK])) })
  expect([...(await readRefs(world.app.dir)).keys()].toSorted()).toEqual(names.toSorted())
})

test('names of every kind also travel in a push that is too long for a command line', async () => {
  await using world = await openGitWorld()
  const first = await world.work.commit('first')
  await world.mirrorWork()
  const odd = ['"quoted"', 'a;b#c', "it's", '$(id)', 'größe/日本', '+plus', '-', '{{x}}', '%s'].map(
    (name) => `refs/heads/${name}`,
  )
  const names = [...odd, ...Array.from({ length: 700 }, (_, index) => `refs/heads/number-${index}`)]

  const pushed = await push(world, ...names.map((ref) => ({ ref, sha: first })))

  expect(pushed).toEqual({ ok: true, results: new Map(names.map((name) => [name, OK])) })
  expect([...(await readRefs(world.app.dir)).keys()].toSorted()).toEqual(names.toSorted())
  expect(world.room.operations).toEqual(['fetch', 'push'])
  expect(
    (await readdir(await world.room.git.runtimeDir())).filter((name) => name.startsWith('push')),
  ).toEqual([])
})

test('a name that begins with a plus keeps its lease', async () => {
  await using world = await openGitWorld()
  const { ours, theirs } = await diverge(world)
  const plus = 'refs/heads/+main'
  await world.work.push(world.app.dir, `${theirs}:${plus}`)

  const stale = await push(world, { ref: plus, sha: ours, lease: ours })
  const plain = await push(world, { ref: plus, sha: ours })

  expect(stale).toMatchObject({ results: new Map([[plus, { kind: 'moved_meanwhile' }]]) })
  expect(plain).toMatchObject({ results: new Map([[plus, { kind: 'non_fast_forward' }]]) })
  expect((await readRefs(world.app.dir)).get(plus)).toBe(theirs)
})

test('a name that git cannot place at the target is refused alone', async () => {
  await using world = await openGitWorld()
  const sha = await world.work.commit('first')
  await world.work.push(world.app.dir, 'main')
  await git(world.app.dir, 'update-ref', 'refs/heads/refs/heads/main', sha)
  const next = await world.work.commit('second')
  await world.mirrorWork()

  const pushed = await push(world, { ref: MAIN, sha: next }, { ref: 'refs/heads/other', sha: next })

  expect(pushed).toMatchObject({
    ok: true,
    results: new Map<string, object>([
      [MAIN, { status: 'rejected', kind: 'ref_ambiguous' }],
      ['refs/heads/other', OK],
    ]),
  })
  expect((await readRefs(world.app.dir)).get('refs/heads/other')).toBe(next)
})
