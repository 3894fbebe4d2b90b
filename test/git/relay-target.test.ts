import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { PASSWORD } from '../rig/git-world.ts'
import { git, installHook, protectBranches } from '../rig/repository.ts'
import { band } from './relay-answers.ts'
import { doubtOf, MAIN, openRelayWorld } from './relay-world.ts'

describe('a target', () => {
  test('that moved meanwhile keeps what it has', async () => {
    await using world = await openRelayWorld()
    await world.work.branch('theirs')
    const theirs = await world.work.commit('theirs')
    await world.work.push(world.target.dir, 'HEAD:refs/heads/main')
    await world.work.checkout('main')
    await world.advance('ours')

    const relayed = await world.relay()

    expect(doubtOf(relayed)).toEqual(['refused', 'target'])
    expect(await world.targetHead()).toBe(theirs)
  })

  test('that moves while the pack is under way keeps what it has', async () => {
    await using world = await openRelayWorld()
    await world.work.branch('theirs')
    const theirs = await world.work.commit('theirs')
    await world.work.checkout('main')
    await world.advance('ours')
    const hold = world.servers.target.hold('receive-pack')

    const relaying = world.relay()
    await hold.reached
    await world.work.push(world.target.dir, 'theirs:refs/heads/main')
    hold.release()
    const relayed = await relaying

    expect(doubtOf(relayed)).toEqual(['refused', 'target'])
    expect(await world.targetHead()).toBe(theirs)
  })

  test('that lost the branch does not get it back', async () => {
    await using world = await openRelayWorld()
    await world.advance('second')
    await git(world.target.dir, 'update-ref', '-d', MAIN)

    const relayed = await world.relay()

    expect(doubtOf(relayed)).toEqual(['refused', 'target'])
    expect(await world.targetHead()).toBeUndefined()
  })

  test('that has the commit already refuses, and nothing changes', async () => {
    await using world = await openRelayWorld()
    const second = await world.advance('second')
    await world.work.push(world.target.dir, 'main')

    const relayed = await world.relay()

    expect(doubtOf(relayed)).toEqual(['refused', 'target'])
    expect(await world.targetHead()).toBe(second)
  })

  test('that protects the branch is quoted, without secrets', async () => {
    await using world = await openRelayWorld()
    await world.advance('second')
    await protectBranches(world.target.dir, 'main')

    const relayed = await world.relay()

    expect(doubtOf(relayed)).toEqual(['refused', 'target'])
    expect(JSON.stringify(relayed)).toContain('GH006: Protected branch update failed')
    expect(await world.targetHead()).toBe(world.first)
  })

  test('cannot make us repeat a secret', async () => {
    await using world = await openRelayWorld()
    await world.advance('second')
    await installHook(
      world.target.dir,
      'pre-receive',
      `echo 'you are \\033[31m${PASSWORD.password}' >&2; exit 1`,
    )

    const relayed = await world.relay()

    expect(JSON.stringify(relayed)).toContain('you are ***')
    expect(JSON.stringify(relayed)).not.toMatch(/u001b|open:se/)
  })

  test('that took the update and lost the answer holds what the source holds', async () => {
    await using world = await openRelayWorld()
    const second = await world.advance('second')
    world.servers.target.fault('*', { kind: 'lost_answer' })

    const relayed = await world.relay()

    expect(doubtOf(relayed)).toEqual(['unreachable', 'target'])
    expect(await world.targetHead()).toBe(second)
  })

  test.each([
    ['without an end', (body: Buffer) => body.subarray(0, -8)],
    ['with nothing in it', () => Buffer.alloc(0)],
    [
      'for another branch',
      (body: Buffer) => Buffer.from(body.toString('latin1').replace('heads/main', 'heads/mine'), 'latin1'),
    ],
  ])('with an answer %s is not believed', async (_, rewrite) => {
    await using world = await openRelayWorld()
    await world.advance('second')
    world.servers.target.fault('*', {
      kind: 'at',
      service: 'receive-pack',
      fault: { kind: 'rewrite', rewrite },
    })

    const relayed = await world.relay()

    expect(relayed.ok).toBe(false)
  })

  test('that gives up in the middle is quoted', async () => {
    await using world = await openRelayWorld()
    await world.advance('second')
    const rewrite = () => band(3, 'disk full\n')
    world.servers.target.fault('*', {
      kind: 'at',
      service: 'receive-pack',
      fault: { kind: 'rewrite', rewrite },
    })

    const relayed = await world.relay()

    expect(relayed).toMatchObject({ ok: false, doubt: { kind: 'refused', detail: 'disk full' } })
  })
})

test('a refusal in so many words does not keep the next push from being relayed', async () => {
  await using world = await openRelayWorld()
  await world.advance('second')
  await protectBranches(world.target.dir, 'main')
  const refused = await world.relay()
  await rm(join(world.target.dir, 'hooks', 'pre-receive'))

  const relayed = await world.relay()

  expect(doubtOf(refused)).toEqual(['refused', 'target'])
  expect(relayed.ok).toBe(true)
})
