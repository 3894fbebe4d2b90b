import { expect, test } from 'vitest'
import { openGitWorld } from '../rig/git-world.ts'
import { git, installHook, protectBranches, readRefs, shaOf } from '../rig/repository.ts'
import { diverge, MAIN, OK, push } from './push-world.ts'

test('without a lease a branch only moves forward', async () => {
  await using world = await openGitWorld()
  const { ours, theirs } = await diverge(world)

  const pushed = await push(world, { ref: MAIN, sha: ours }, { ref: 'refs/heads/new', sha: ours })

  expect(pushed).toMatchObject({
    ok: true,
    results: new Map<string, object>([
      [MAIN, { status: 'rejected', kind: 'non_fast_forward' }],
      ['refs/heads/new', OK],
    ]),
  })
  expect(await readRefs(world.app.dir)).toEqual(
    new Map([
      [MAIN, theirs],
      ['refs/heads/new', ours],
    ]),
  )
})

test('a lease that still holds lets a branch be replaced, and the second time there is nothing to do', async () => {
  await using world = await openGitWorld()
  const { ours, theirs } = await diverge(world)

  const first = await push(world, { ref: MAIN, sha: ours, lease: theirs })
  const second = await push(world, { ref: MAIN, sha: ours, lease: theirs })

  expect(first).toEqual({ ok: true, results: new Map([[MAIN, OK]]) })
  expect(second).toMatchObject({ results: new Map([[MAIN, { status: 'up_to_date' }]]) })
  expect((await readRefs(world.app.dir)).get(MAIN)).toBe(ours)
})

test('a lease that no longer holds changes nothing', async () => {
  await using world = await openGitWorld()
  const { ours, theirs } = await diverge(world)

  const stale = await push(
    world,
    { ref: MAIN, sha: ours, lease: ours },
    { ref: 'refs/heads/b', sha: ours, lease: null },
  )
  const exists = await push(world, { ref: MAIN, sha: ours, lease: null })
  const deletion = await push(world, { ref: MAIN, sha: null, lease: ours })

  const moved = { status: 'rejected', kind: 'moved_meanwhile', reason: 'stale info' }
  expect(stale).toEqual({
    ok: true,
    results: new Map<string, object>([
      [MAIN, moved],
      ['refs/heads/b', OK],
    ]),
  })
  expect(exists).toEqual({ ok: true, results: new Map([[MAIN, moved]]) })
  expect(deletion).toEqual({ ok: true, results: new Map([[MAIN, moved]]) })
  expect((await readRefs(world.app.dir)).get(MAIN)).toBe(theirs)
})

test('a ref is deleted with a lease, and a default branch that the server keeps is protected', async () => {
  await using world = await openGitWorld()
  const { theirs } = await diverge(world)
  await world.work.push(world.app.dir, `${theirs}:refs/heads/old`)

  const pushed = await push(
    world,
    { ref: 'refs/heads/old', sha: null, lease: theirs },
    { ref: MAIN, sha: null, lease: theirs },
  )

  expect(pushed).toMatchObject({
    results: new Map<string, object>([
      ['refs/heads/old', OK],
      [MAIN, { status: 'rejected', kind: 'protected' }],
    ]),
  })
  expect([...(await readRefs(world.app.dir)).keys()]).toEqual([MAIN])
})

test('a tag that exists elsewhere does not move', async () => {
  await using world = await openGitWorld()
  await world.work.commit('first')
  const old = await world.work.tag('v1', 'old')
  await world.work.push(world.app.dir, 'v1')
  await world.work.commit('second')
  const moved = await world.work.tag('v1', 'new')
  await world.mirrorWork()

  const pushed = await push(world, { ref: 'refs/tags/v1', sha: moved })
  const leased = await push(world, { ref: 'refs/tags/v1', sha: moved, lease: old })

  expect(pushed).toMatchObject({
    results: new Map([['refs/tags/v1', { status: 'rejected', kind: 'tag_moved' }]]),
  })
  expect(leased).toMatchObject({ results: new Map([['refs/tags/v1', OK]]) })
})

test('a web page in place of the server is not taken for a push that went through', async () => {
  await using world = await openGitWorld()
  const first = await world.work.commit('first')
  await world.mirrorWork()
  world.server.fault('*', { kind: 'status', status: 200, body: '<html>Please log in</html>' })

  const pushed = await push(world, { ref: MAIN, sha: first }, { ref: 'refs/heads/old', sha: null })

  expect(pushed).toMatchObject({ ok: false })
})

test('of a push that a hook declines as a whole, all acceptable refs arrive', async () => {
  await using world = await openGitWorld()
  const first = await world.work.commit('first')
  await world.mirrorWork()
  await protectBranches(world.app.dir, 'number-13', 'number-14', 'number-77')
  const refs = Array.from({ length: 100 }, (_, index) => `refs/heads/number-${index}`)

  const pushed = await push(world, ...refs.map((ref) => ({ ref, sha: first })))

  const results = pushed.ok ? [...pushed.results] : []
  const refused = results.filter(([, { status }]) => status === 'rejected')
  expect(refused.map(([ref, { kind }]) => [ref, kind])).toEqual([
    ['refs/heads/number-13', 'protected'],
    ['refs/heads/number-14', 'protected'],
    ['refs/heads/number-77', 'protected'],
  ])
  expect(refused[0]?.[1].reason).toContain('GH006: Protected branch update failed for refs/heads/number-13')
  expect((await readRefs(world.app.dir)).size).toBe(97)
  expect(world.room.operations.filter((name) => name === 'push').length).toBeLessThan(40)
})

test('a server that declines everything is not asked once per ref', async () => {
  await using world = await openGitWorld()
  const first = await world.work.commit('first')
  await world.mirrorWork()
  await installHook(world.app.dir, 'pre-receive', 'echo "this repository is frozen" >&2; exit 1')
  const refs = Array.from({ length: 300 }, (_, index) => `refs/heads/number-${index}`)

  const pushed = await push(world, ...refs.map((ref) => ({ ref, sha: first })))

  const results = pushed.ok ? [...pushed.results.values()] : []
  expect(results).toHaveLength(300)
  expect(new Set(results.map(({ kind }) => kind))).toEqual(new Set(['hook_declined']))
  expect(results[299]?.reason).toContain('this repository is frozen')
  expect(world.room.operations.filter((name) => name === 'push').length).toBeLessThan(70)
})

test('an update hook refuses its own ref only', async () => {
  await using world = await openGitWorld()
  const first = await world.work.commit('first')
  await world.mirrorWork()
  await installHook(world.app.dir, 'update', 'case "$1" in *bad) echo "no bad branches" >&2; exit 1;; esac')

  const pushed = await push(world, { ref: MAIN, sha: first }, { ref: 'refs/heads/bad', sha: first })

  expect(pushed).toEqual({
    ok: true,
    results: new Map<string, object>([
      [MAIN, OK],
      [
        'refs/heads/bad',
        {
          status: 'rejected',
          kind: 'hook_declined',
          reason: 'hook declined: no bad branches error: hook declined to update refs/heads/bad',
        },
      ],
    ]),
  })
})

test('a ref that moves while the server works is a lost race and keeps what it got', async () => {
  await using world = await openGitWorld()
  const { theirs } = await diverge(world)
  const next = await world.work.commit('next')
  await world.mirrorWork()
  await git(world.work.dir, 'push', '--quiet', world.app.dir, `${next}:refs/heads/elsewhere`)
  await installHook(
    world.app.dir,
    'pre-receive',
    `unset GIT_QUARANTINE_PATH; git update-ref refs/heads/main ${next}`,
  )

  const pushed = await push(world, { ref: MAIN, sha: next, lease: theirs })

  expect(pushed).toMatchObject({
    results: new Map([[MAIN, { status: 'rejected', kind: 'moved_meanwhile' }]]),
  })
})

test('a lost answer is not reported as done', async () => {
  await using world = await openGitWorld()
  const first = await world.work.commit('first')
  await world.mirrorWork()
  world.server.fault('*', { kind: 'lost_answer' })

  const pushed = await push(world, { ref: MAIN, sha: first })
  world.server.fault('*', { kind: 'ok' })
  const again = await push(world, { ref: MAIN, sha: first, lease: null })

  const kind = pushed.ok ? pushed.results.get(MAIN)?.kind : pushed.failure.kind
  expect(kind).toBe('unreachable')
  expect(again).toMatchObject({ results: new Map([[MAIN, { status: 'up_to_date' }]]) })
})

test('an object that the mirror does not have is not pushed', async () => {
  await using world = await openGitWorld()

  const pushed = await push(world, { ref: MAIN, sha: shaOf('1'.repeat(40)) })

  const kind = pushed.ok ? pushed.results.get(MAIN)?.kind : pushed.failure.kind
  expect(kind).toBe('mirror_damaged')
  expect((await readRefs(world.app.dir)).size).toBe(0)
})
