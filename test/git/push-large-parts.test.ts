import { describe, expect, test } from 'vitest'
import { openGitWorld } from '../rig/git-world.ts'
import { git, installHook, readRefs } from '../rig/repository.ts'
import { commitLarge, KB, limit, push, pushesOf } from './large-world.ts'
import { MAIN, OK } from './push-world.ts'

describe('many refs that are too large for one push', () => {
  test('go in smaller parts, tags after the branches that bring their commits', async () => {
    await using world = await openGitWorld()
    const commits = await commitLarge(world, 6, 200 * KB)
    for (const [index, commit] of commits.entries()) {
      await git(world.work.dir, 'update-ref', `refs/heads/at-${index}`, commit)
    }
    const tag = await world.work.tag('v1', 'all of it')
    await world.mirrorWork()
    limit(world, 500 * KB)
    const updates = [
      { ref: 'refs/tags/v1', sha: tag },
      { ref: MAIN, sha: commits[5] ?? null },
      ...commits.map((sha, index) => ({ ref: `refs/heads/at-${index}`, sha })),
    ]

    const pushed = await push(world, updates)

    expect(pushed).toEqual({ ok: true, results: new Map(updates.map(({ ref }) => [ref, OK])) })
    expect((await readRefs(world.app.dir)).get('refs/tags/v1')).toBe(tag)
    expect(pushesOf(world)).toBeLessThanOrEqual(14)
  })

  test('are refused only where a tag alone is too large', async () => {
    await using world = await openGitWorld()
    const small = await world.work.commit('small')
    await world.work.push(world.app.dir, 'main')
    await commitLarge(world, 1, 900 * KB)
    const tag = await world.work.tag('v1', 'large')
    await git(world.work.dir, 'reset', '--quiet', '--hard', small)
    const next = await world.work.commit('next')
    await world.mirrorWork()
    limit(world, 300 * KB)

    const pushed = await push(world, [
      { ref: 'refs/tags/v1', sha: tag },
      { ref: MAIN, sha: next },
    ])

    expect(pushed).toMatchObject({
      ok: true,
      results: new Map<string, object>([
        ['refs/tags/v1', { status: 'rejected', kind: 'too_large' }],
        [MAIN, OK],
      ]),
    })
  })

  test('with a file that the server never takes are not cut along their histories', async () => {
    await using world = await openGitWorld()
    const commits = await commitLarge(world, 4, 1 * KB)
    await world.mirrorWork()
    await installHook(
      world.app.dir,
      'pre-receive',
      `while read old new ref; do git rev-list "$new" | grep -q ${commits[2] ?? ''} || continue
        echo "error: GH001: Large files detected." >&2
        echo "error: File part-2.txt is 120.00 MB; this exceeds GitHub's file size limit of 100.00 MB" >&2
        exit 1; done`,
    )

    const pushed = await push(world, [
      { ref: MAIN, sha: commits[3] ?? null },
      { ref: 'refs/heads/old', sha: commits[1] ?? null },
    ])

    expect(pushed).toMatchObject({
      ok: true,
      results: new Map<string, object>([
        [MAIN, { status: 'rejected', kind: 'too_large' }],
        ['refs/heads/old', OK],
      ]),
    })
    expect(pushed.ok ? pushed.results.get(MAIN)?.reason : '').toContain('File part-2.txt is 120.00 MB')
    expect(pushesOf(world)).toBe(3)
  })

  test('that were refused beside a branch which went its own way all arrive', async () => {
    await using world = await openGitWorld()
    await world.work.commit('base')
    const theirs = await world.work.commit('theirs')
    await world.work.push(world.app.dir, 'main')
    const ours = await world.work.amend('ours')
    await world.work.branch('large')
    const commits = await commitLarge(world, 4, 200 * KB)
    await world.mirrorWork()
    limit(world, 500 * KB)

    const pushed = await push(world, [
      { ref: MAIN, sha: ours },
      { ref: 'refs/heads/large', sha: commits[3] ?? null },
    ])

    expect(pushed).toMatchObject({
      ok: true,
      results: new Map<string, object>([
        [MAIN, { status: 'rejected', kind: 'non_fast_forward' }],
        ['refs/heads/large', OK],
      ]),
    })
    expect((await readRefs(world.app.dir)).get(MAIN)).toBe(theirs)
  })
})

describe('a connection that breaks during a large push', () => {
  test('is looked after, and what had arrived is done', async () => {
    await using world = await openGitWorld()
    const [large] = await commitLarge(world, 1, 2000 * KB)
    await world.mirrorWork()
    // Git asks with an empty request first.
    world.server.hold('receive-pack').release()
    const hold = world.server.hold('receive-pack')

    const pushing = push(world, [{ ref: MAIN, sha: large ?? null }])
    await hold.reached
    world.server.fault('*', { kind: 'lost_answer' })
    hold.release()
    const pushed = await pushing

    expect(pushed).toEqual({ ok: true, results: new Map([[MAIN, OK]]) })
    expect(world.room.operations).toEqual(['fetch', 'push', 'ls-remote'])
  })

  test('is not taken for a limit where no smaller push gets through either', async () => {
    await using world = await openGitWorld()
    const commits = await commitLarge(world, 4, 2000 * KB)
    await world.mirrorWork()
    world.server.fault('*', { kind: 'lost_answer' })

    const pushed = await push(world, [{ ref: MAIN, sha: commits[3] ?? null }])

    expect(pushed).toMatchObject({ ok: false, failure: { kind: 'unreachable' } })
    expect(pushesOf(world)).toBeLessThanOrEqual(4)
  })
})
