import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { PushStep } from '../../src/git/push-history.ts'
import type { Sha } from '../../src/git/refs.ts'
import type { GitWorld } from '../rig/git-world.ts'
import { openGitWorld, refName } from '../rig/git-world.ts'
import { git, readRefs, shaOf } from '../rig/repository.ts'
import { commitLarge, KB, limit, push, pushesOf, record } from './large-world.ts'
import { MAIN, OK } from './push-world.ts'

describe('a branch that is too large for one push', () => {
  test('goes in one piece where nothing is taken whose length is not told', async () => {
    await using world = await openGitWorld()
    const commits = await commitLarge(world, 1, 3000 * KB)
    await world.mirrorWork()
    world.server.fault('*', { kind: 'no_chunks' })

    const pushed = await push(world, [{ ref: MAIN, sha: commits[0] ?? null }])

    expect(pushed).toEqual({ ok: true, results: new Map([[MAIN, OK]]) })
    expect((await readRefs(world.app.dir)).get('refs/heads/main')).toBe(commits[0])
    expect(pushesOf(world)).toBe(2)
  })

  test.each(['refuse', 'cut'] as const)('goes forward in steps along its own history: %s', async (how) => {
    await using world = await openGitWorld()
    const commits = await commitLarge(world, 12, 400 * KB)
    await world.mirrorWork()
    const seen = await record(world)
    limit(world, 1500 * KB, how)
    const steps: PushStep[] = []

    const pushed = await push(world, [{ ref: MAIN, sha: commits[11] ?? null }], {
      onStep: (step) => void steps.push(step),
    })

    const values = await seen()
    expect(pushed).toEqual({ ok: true, results: new Map([[MAIN, OK]]) })
    expect(values).toEqual(commits.filter((commit) => values.includes(commit)))
    expect(values.at(-1)).toBe(commits[11])
    expect(values.length).toBeLessThanOrEqual(6)
    expect(pushesOf(world)).toBeLessThanOrEqual(9)
    expect(steps.map(({ sha }) => sha)).toEqual(values)
    expect(steps.at(-1)).toMatchObject({ ref: MAIN, done: 12, of: 12 })
  })

  test('goes on from what the target has', async () => {
    await using world = await openGitWorld()
    const first = await world.work.commit('first')
    await world.work.push(world.app.dir, 'main')
    const commits = await commitLarge(world, 6, 200 * KB)
    await world.mirrorWork()
    const seen = await record(world)
    await git(world.app.dir, 'config', 'receive.maxInputSize', `${500 * KB}`)

    const pushed = await push(world, [{ ref: MAIN, sha: commits[5] ?? null }])

    expect(pushed).toEqual({ ok: true, results: new Map([[MAIN, OK]]) })
    expect((await seen()).every((value) => commits.some((commit) => commit === value))).toBe(true)
    expect(await git(world.app.dir, 'rev-list', '--count', `${first}..main`)).toBe('6')
  })

  test('never steps to where it would lose what the target holds', async () => {
    await using world = await openGitWorld()
    await world.work.commit('base')
    await world.work.branch('theirs')
    const theirs = await world.work.commit('theirs')
    await world.work.push(world.app.dir, 'theirs:refs/heads/main')
    await world.work.checkout('main')
    const before = await commitLarge(world, 4, 100 * KB, 'before')
    await git(world.work.dir, 'merge', '--quiet', '--no-ff', '-m', 'merge', 'theirs')
    const [after] = await commitLarge(world, 1, 100 * KB, 'after')
    await world.mirrorWork()
    const seen = await record(world)
    limit(world, 340 * KB)

    const pushed = await push(world, [{ ref: MAIN, sha: after ?? null }])

    const values = await seen()
    expect(pushed).toEqual({ ok: true, results: new Map([[MAIN, OK]]) })
    expect(values.some((value) => before.some((commit) => commit === value))).toBe(false)
    expect(values.length).toBeGreaterThan(1)
    expect(await git(world.app.dir, 'rev-list', '--count', `${theirs}..main`)).toBe('6')
  })

  test('is continued by whoever comes after a crash', async () => {
    await using world = await openGitWorld()
    const commits = await commitLarge(world, 8, 200 * KB)
    await world.mirrorWork()
    limit(world, 450 * KB)
    const crash = new AbortController()

    const broken = await push(world, [{ ref: MAIN, sha: commits[7] ?? null }], {
      onStep: () => crash.abort(),
      signal: crash.signal,
    })
    const reached = (await readRefs(world.app.dir)).get(MAIN)
    const again = await push(world, [{ ref: MAIN, sha: commits[7] ?? null }])

    expect(broken).toMatchObject({ ok: false, failure: { kind: 'canceled' } })
    expect(commits.slice(0, 7)).toContain(reached)
    expect(again).toEqual({ ok: true, results: new Map([[MAIN, OK]]) })
  })

  test('stops where somebody else has pushed meanwhile, and their commit stays', async () => {
    await using world = await openGitWorld()
    const commits = await commitLarge(world, 8, 200 * KB)
    await world.mirrorWork()
    limit(world, 450 * KB)
    const intruder = intrude(world)

    const pushed = await push(world, [{ ref: MAIN, sha: commits[7] ?? null }], intruder)

    const theirs = await intruder.commit
    expect(pushed).toMatchObject({
      ok: true,
      results: new Map([[MAIN, { status: 'rejected', kind: 'non_fast_forward' }]]),
    })
    expect((await readRefs(world.app.dir)).get(MAIN)).toBe(theirs)
  })

  test('that has a single commit which is too large arrives up to it, and the file is named', async () => {
    await using world = await openGitWorld()
    const small = await commitLarge(world, 4, 200 * KB)
    const content = randomBytes(1500 * KB).toString('base64')
    const large = await world.work.commit('large', { 'data/größe.bin': content, 'small.txt': 'x' })
    const last = await world.work.commit('last')
    await world.mirrorWork()
    limit(world, 900 * KB)

    const pushed = await push(world, [
      { ref: 'refs/heads/other', sha: small[0] ?? null },
      { ref: MAIN, sha: last },
    ])
    const stuck = (await readRefs(world.app.dir)).get(MAIN)
    limit(world, 9000 * KB)
    const again = await push(world, [{ ref: MAIN, sha: last }])

    const result = pushed.ok ? pushed.results.get(MAIN) : undefined
    expect(result).toMatchObject({ status: 'rejected', kind: 'too_large' })
    expect(result?.reason).toMatch(`commit ${large.slice(0, 7)} alone is 1.5 MB`)
    expect(result?.reason).toMatch('its largest file is data/größe.bin (2.0 MB)')
    expect(result?.reason).toMatch('3 of 5 commits before it have arrived')
    expect(pushed.ok ? pushed.results.get(refName('refs/heads/other')) : undefined).toEqual(OK)
    expect(stuck).toBe(small[3])
    expect(again).toEqual({ ok: true, results: new Map([[MAIN, OK]]) })
  })
})

describe('a forced update that is too large for one push', () => {
  test('replaces exactly the head of its lease, and goes forward from there', async () => {
    await using world = await openGitWorld()
    const theirs = await world.work.commit('theirs')
    await world.work.push(world.app.dir, 'main')
    const commits = await rewrite(world, 6, 200 * KB)
    const seen = await record(world)
    limit(world, 500 * KB)

    const stale = await push(world, [{ ref: MAIN, sha: commits[5] ?? null, lease: commits[0] ?? null }])
    const pushed = await push(world, [{ ref: MAIN, sha: commits[5] ?? null, lease: theirs }])

    expect(stale).toMatchObject({ results: new Map([[MAIN, { kind: 'moved_meanwhile' }]]) })
    expect(pushed).toEqual({ ok: true, results: new Map([[MAIN, OK]]) })
    expect((await seen()).every((value) => commits.some((commit) => commit === value))).toBe(true)
    expect((await readRefs(world.app.dir)).get(MAIN)).toBe(commits[5])
  })

  test('is a lost race where somebody else has pushed meanwhile, and their commit stays', async () => {
    await using world = await openGitWorld()
    const theirs = await world.work.commit('theirs')
    await world.work.push(world.app.dir, 'main')
    const commits = await rewrite(world, 8, 200 * KB)
    limit(world, 450 * KB)
    const intruder = intrude(world)

    const pushed = await push(world, [{ ref: MAIN, sha: commits[7] ?? null, lease: theirs }], intruder)

    const late = await intruder.commit
    expect(pushed).toMatchObject({
      ok: true,
      results: new Map([[MAIN, { status: 'rejected', kind: 'moved_meanwhile' }]]),
    })
    expect((await readRefs(world.app.dir)).get(MAIN)).toBe(late)
  })

  test('that cannot be completed puts back what it replaced', async () => {
    await using world = await openGitWorld()
    const theirs = await world.work.commit('theirs')
    await world.work.push(world.app.dir, 'main')
    const commits = await rewrite(world, 4, 200 * KB)
    await git(world.work.dir, 'update-ref', 'refs/heads/theirs', theirs)
    const [large] = await commitLarge(world, 1, 2000 * KB, 'large')
    await world.mirrorWork()
    const seen = await record(world)
    limit(world, 900 * KB)

    const pushed = await push(world, [{ ref: MAIN, sha: large ?? null, lease: theirs }])

    const result = pushed.ok ? pushed.results.get(MAIN) : undefined
    expect(result).toMatchObject({ status: 'rejected', kind: 'too_large' })
    expect(result?.reason).toContain('the head before it was put back')
    expect(await seen()).toContain(commits[3])
    expect((await readRefs(world.app.dir)).get(MAIN)).toBe(theirs)
  })
})

/** Replaces the whole history of the work repository by large commits, and brings them into the mirror. */
async function rewrite(world: GitWorld, count: number, bytes: number): Promise<readonly Sha[]> {
  await git(world.work.dir, 'checkout', '--quiet', '--orphan', 'rewritten')
  const commits = await commitLarge(world, count, bytes, 'rewritten')
  await git(world.work.dir, 'branch', '--quiet', '--force', 'main')
  await world.work.checkout('main')
  await world.mirrorWork()
  return commits
}

/** Somebody pushes between the first steps of a large push. */
function intrude(world: GitWorld): {
  readonly onStep: (step: PushStep) => void
  readonly commit: Promise<string>
} {
  const moved = Promise.withResolvers<string>()
  let isDone = false
  return {
    commit: moved.promise,
    onStep: ({ sha }) => {
      if (isDone) return
      isDone = true
      const hold = world.server.hold('info/refs')
      void hold.reached
        .then(() => commitAt(world, sha))
        .then(moved.resolve, moved.reject)
        .finally(hold.release)
    },
  }
}

/** Somebody commits on top of `sha` at the server. */
async function commitAt(world: GitWorld, sha: Sha): Promise<string> {
  const { dir } = world.app
  const person = ['-c', 'user.name=Eve', '-c', 'user.email=eve@example.org']
  const commit = await git(dir, ...person, 'commit-tree', '-m', 'theirs', '-p', sha, `${sha}^{tree}`)
  await git(dir, 'update-ref', MAIN, commit)
  return shaOf(commit)
}
