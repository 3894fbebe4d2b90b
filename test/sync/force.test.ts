import { writeFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { git } from '../rig/repository.ts'
import { pair, ref } from './comparison.ts'
import { createWorld, results } from './world.ts'
import type { World } from './world.ts'

describe('a forced sync', () => {
  test('keeps what it overwrites, so that it can be put back', async () => {
    await using world = await createWorld()
    const { theirs, ours } = await diverge(world)

    const outcome = await world.sync({ scope: [pair('main')], force: 'all' })
    const backupRef = world.kept[0]?.backupRef ?? ''
    await git(world.repositories.external.dir, 'gc', '--quiet', '--prune=now')

    expect(outcome.refs).toMatchObject([{ result: 'updated', before: theirs, after: ours }])
    expect(await world.heads('external')).toEqual({ main: ours })
    expect(world.kept).toMatchObject([{ side: 'external', ref: ref('main'), sha: theirs }])
    expect(backupRef).toMatch(/^refs\/backup\/\d{8}T\d{6}-1\/external\/heads\/main$/)
    await git(
      world.backups,
      'push',
      '--quiet',
      '--force',
      world.repositories.external.dir,
      `${backupRef}:refs/heads/main`,
    )
    expect(await world.heads('external')).toEqual({ main: theirs })
  })

  test('of everything overwrites only what could not move forward', async () => {
    await using world = await createWorld()
    await world.work.commit('before')
    await world.push('internal', 'main:refs/heads/dev')
    await world.push('external', 'main:refs/heads/dev')
    const { ours, theirs } = await diverge(world)
    await world.push('internal', 'main:refs/heads/dev')

    const outcome = await world.sync({ force: 'all' })

    expect(results(outcome)).toEqual({ main: 'updated', dev: 'updated' })
    expect(world.kept).toMatchObject([{ ref: ref('main'), sha: theirs }])
    expect(await world.heads('external')).toEqual({ main: ours, dev: ours })
  })

  test('that has nothing to overwrite is a plain one', async () => {
    await using world = await createWorld()
    await world.work.commit('first')
    await world.push('internal', 'main')
    await world.sync()
    const second = await world.work.commit('second')
    await world.push('internal', 'main')

    await world.sync({ scope: [pair('main')], force: 'all' })

    expect(world.kept).toEqual([])
    expect(world.processes).toEqual(['ls-remote', 'ls-remote', 'fetch', 'push'])
    expect(await world.heads('external')).toEqual({ main: second })
  })

  test('of some refs leaves the conflicts of the others', async () => {
    await using world = await createWorld()
    const { theirs, ours } = await diverge(world, 'main', 'dev')

    const outcome = await world.sync({ force: [ref('dev')] })

    expect(results(outcome)).toEqual({ main: 'conflict', dev: 'updated' })
    expect(await world.heads('external')).toEqual({ main: theirs, dev: ours })
  })

  test('moves a tag and keeps the old one', async () => {
    await using world = await createWorld()
    await world.work.commit('first')
    const old = await world.work.tag('v1', 'the first try')
    await world.push('internal', 'main', 'refs/tags/v1')
    await world.sync()
    await world.work.commit('second')
    const moved = await world.work.tag('v1', 'the second try')
    await world.push('internal', '+refs/tags/v1')

    const outcome = await world.sync({ scope: [pair('tags/v1')], force: [ref('tags/v1')] })

    expect(outcome.refs).toMatchObject([{ result: 'updated', before: old, after: moved }])
    expect(world.kept).toMatchObject([{ ref: ref('tags/v1'), sha: old }])
    expect(await git(world.backups, 'cat-file', '-t', world.kept[0]?.backupRef ?? '')).toBe('tag')
    expect(await world.heads('external')).toMatchObject({ 'tags/v1': moved })
  })

  test('keeps a head once, however often it is overwritten', async () => {
    await using world = await createWorld()
    const { theirs, ours } = await diverge(world)
    await world.sync({ force: 'all' })
    const [first] = world.kept
    await world.push('external', `+${theirs}:refs/heads/main`)

    await world.sync({ force: 'all' })

    expect(world.kept).toEqual([first])
    expect(await git(world.backups, 'for-each-ref', '--format=%(objectname)')).toBe(theirs)
    expect(await world.heads('external')).toEqual({ main: ours })
  })

  test('never overwrites a commit that arrives in between without keeping it too', async () => {
    await using world = await createWorld()
    const { ours } = await diverge(world)
    const late = await lateCommit(world)
    const hold = world.server.hold('receive-pack')

    const syncing = world.sync({ force: 'all' })
    await hold.reached
    await world.push('external', `+${late}:refs/heads/main`)
    hold.release()
    const outcome = await syncing

    expect(results(outcome)).toEqual({ main: 'updated' })
    expect(world.kept.map(({ sha }) => sha)).toContain(late)
    expect(await git(world.backups, 'log', '--format=%s', '-1', late)).toBe('late')
    expect(await world.heads('external')).toEqual({ main: ours })
  })

  test('gives up when the target never stands still, and has kept whatever it saw', async () => {
    await using world = await createWorld()
    await diverge(world)
    await world.hook('external', 'update', MOVES_ON)

    const outcome = await world.sync({ force: 'all' })

    expect(outcome.refs).toMatchObject([{ result: 'rejected', kind: 'moved_meanwhile' }])
    expect(world.kept).toHaveLength(3)
    expect(outcome.agreed.size).toBe(0)
  })

  test('overwrites nothing when it could not be kept', async () => {
    await using world = await createWorld()
    const { theirs } = await diverge(world)
    await writeFile(world.backups, 'in the way')

    const outcome = await world.sync({ force: 'all' })

    expect(outcome.failure).toBeDefined()
    expect(outcome.refs).toMatchObject([{ result: 'conflict' }])
    expect(await world.heads('external')).toEqual({ main: theirs })
  })

  test('both ways has no target, so it overwrites nothing', async () => {
    await using world = await createWorld()
    const { theirs, ours } = await diverge(world)

    const outcome = await world.sync({ direction: 'both', force: 'all' })

    expect(results(outcome)).toEqual({ main: 'conflict' })
    expect(await world.heads('internal')).toEqual({ main: ours })
    expect(await world.heads('external')).toEqual({ main: theirs })
  })
})

/** A hook that moves the branch in the very moment in which the server is about to. */
const MOVES_ON = `
  export GIT_AUTHOR_NAME=Eve GIT_AUTHOR_EMAIL=eve@example.org GIT_COMMITTER_NAME=Eve GIT_COMMITTER_EMAIL=eve@example.org
  git update-ref "$1" "$(git commit-tree -m moved -p "$2" "$2^{tree}")"`

/** Each side has a commit of its own on the branches. */
async function diverge(
  world: World,
  ...names: readonly string[]
): Promise<{ readonly ours: string; readonly theirs: string }> {
  const targets = (names.length === 0 ? ['main'] : names).map((name) => `main:refs/heads/${name}`)
  await world.work.commit('first')
  await world.push('internal', ...targets)
  await world.sync()
  const theirs = await world.work.commit('theirs')
  await world.push('external', ...targets)
  const ours = await world.work.amend('ours')
  await world.push('internal', ...targets)
  return { ours, theirs }
}

async function lateCommit(world: World): Promise<string> {
  const { dir } = world.work
  return git(dir, 'commit-tree', '-m', 'late', '-p', 'HEAD~1', await git(dir, 'write-tree'))
}
