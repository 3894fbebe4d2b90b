import { readdir } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { readRef } from '../../src/git/mirror-repository.ts'
import { runGit } from '../../src/git/git.ts'
import { fetchRefs, listRefs, pushRefs } from '../../src/git/remote.ts'
import { openGitWorld, refName } from '../rig/git-world.ts'
import type { GitWorld } from '../rig/git-world.ts'
import { findProcesses, waitForProcesses } from '../rig/processes.ts'
import { installHook, readRefs } from '../rig/repository.ts'

const { signal } = new AbortController()
const MAIN = refName('refs/heads/main')

/** A commit of a size that no server sends in one go. */
async function commitMuch(world: GitWorld): Promise<void> {
  await world.work.commit('much', { 'much.txt': randomBytes(2 * 2 ** 20).toString('hex') })
  await world.work.push(world.app.dir, 'main')
}

test('a server that never answers is given up without leaving a process behind', async () => {
  await using world = await openGitWorld({ idleTimeoutMs: 300 })
  world.server.fault('*', { kind: 'hang' })

  const listed = await listRefs(world.room.git, world.remote, { signal })

  expect(listed).toMatchObject({ ok: false, failure: { kind: 'stalled' } })
  expect(await findProcesses(world.server.origin)).toEqual([])
})

test('a transfer that stops in the middle is given up, changes nothing and works the next time', async () => {
  await using world = await openGitWorld({ idleTimeoutMs: 500 })
  const { room, server, remote, mirror } = world
  await commitMuch(world)
  server.fault('*', { kind: 'stall', afterBytes: 100_000 })

  const stalled = await fetchRefs(room.git, mirror, remote, { allInto: 'refs/internal' }, { signal })
  const kept = await readRef(mirror, 'refs/internal/heads/main')
  server.fault('*', { kind: 'ok' })
  const again = await fetchRefs(room.git, mirror, remote, { allInto: 'refs/internal' }, { signal })

  expect(stalled).toMatchObject({ ok: false, failure: { kind: 'stalled' } })
  expect(kept).toBeUndefined()
  expect(again).toEqual({ ok: true })
  expect(await findProcesses(server.origin)).toEqual([])
})

test('a transfer that is cut off changes nothing', async () => {
  await using world = await openGitWorld()
  await commitMuch(world)
  world.server.fault('*', { kind: 'cut', afterBytes: 100_000 })

  const cut = await fetchRefs(
    world.room.git,
    world.mirror,
    world.remote,
    { allInto: 'refs/internal' },
    { signal },
  )

  expect(cut).toMatchObject({ ok: false, failure: { kind: 'unreachable' } })
  expect(await readRef(world.mirror, 'refs/internal/heads/main')).toBeUndefined()
})

test('output counts as progress, the total limit ends a call all the same', async () => {
  await using world = await openGitWorld({ idleTimeoutMs: 1500, timeoutMs: 4000 })
  const first = await world.work.commit('first')
  await world.mirrorWork()
  await installHook(world.app.dir, 'pre-receive', 'while :; do echo working >&2; sleep 0.2; done')

  const pushed = await pushRefs(world.room.git, world.mirror, world.remote, [{ ref: MAIN, sha: first }], {
    signal,
  })

  expect(pushed).toMatchObject({ ok: false, failure: { kind: 'timed_out' } })
  expect(await findProcesses(world.server.origin)).toEqual([])
})

test('an abort ends git and its helpers at once and leaves no record', async () => {
  await using world = await openGitWorld()
  const { room, server, remote, work, mirror } = world
  const first = await work.commit('first')
  await world.mirrorWork()
  const hold = server.hold('receive-pack')
  const abort = new AbortController()

  const pushing = pushRefs(room.git, mirror, remote, [{ ref: MAIN, sha: first }], { signal: abort.signal })
  await hold.reached
  const running = await findProcesses(server.origin)
  abort.abort()
  const pushed = await pushing

  expect(running.length).toBeGreaterThan(1)
  expect(new Set(running.map(({ group }) => group)).size).toBe(1)
  expect(pushed).toMatchObject({ ok: false, failure: { kind: 'canceled' } })
  expect(await findProcesses(server.origin)).toEqual([])
  expect((await readdir(world.folder)).filter((name) => name.endsWith('.pid'))).toEqual([])
  expect((await readRefs(world.app.dir)).size).toBe(0)
})

test('an abort before the start starts nothing', async () => {
  await using world = await openGitWorld()

  const listed = await listRefs(world.room.git, world.remote, { signal: AbortSignal.abort() })

  expect(listed).toMatchObject({ ok: false, failure: { kind: 'canceled' } })
  expect(world.room.operations).toEqual([])
  expect(world.server.requests).toEqual([])
})

test('a process that ignores the polite signal is killed', async () => {
  await using world = await openGitWorld({ idleTimeoutMs: 300 })
  // An alias is the one way to make git start a shell for a test.
  const stubborn = `alias.stubborn=!trap '' TERM; while :; do sleep 1; done; #${world.folder}`

  const result = await runGit(world.room.git, {
    operation: 'stubborn',
    args: ['-c', stubborn, 'stubborn'],
    signal,
  })

  expect(result).toMatchObject({ kind: 'stopped', failure: { kind: 'stalled' } })
  await waitForProcesses(world.folder, (processes) => processes.length === 0)
})

test('more output than expected ends the call', async () => {
  await using world = await openGitWorld()
  const flood = 'alias.flood=!cat /dev/zero'

  const result = await runGit(world.room.git, { operation: 'flood', args: ['-c', flood, 'flood'], signal })

  expect(result).toMatchObject({ kind: 'stopped', failure: { kind: 'unknown' } })
})
