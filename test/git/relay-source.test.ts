import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { packBetween } from '../rig/history.ts'
import { PASSWORD } from '../rig/git-world.ts'
import { git, readRefs, remoteUrl } from '../rig/repository.ts'
import { answerWith, band, firstPackets, LARGE, rewritePack } from './relay-answers.ts'
import { doubtOf, MAIN, openRelayWorld } from './relay-world.ts'

describe('a source', () => {
  test.each([
    ['cut off', 'unreachable', { kind: 'cut', afterBytes: 1_000_000 }],
    ['that stops sending', 'stalled', { kind: 'stall', afterBytes: 1_000_000 }],
    [
      'that says that it gives up',
      'refused',
      rewritePack((body) => Buffer.concat([firstPackets(body, 4), band(3, 'out of memory')])),
    ],
    ['that ends without an end', 'malformed', rewritePack((body) => body.subarray(0, -4))],
    ['that ends in the middle of a packet', 'malformed', rewritePack((body) => body.subarray(0, -40_000))],
    [
      'that goes on after the end',
      'malformed',
      rewritePack((body) => Buffer.concat([body, band(1, 'more')])),
    ],
  ] as const)('%s in the middle of a pack leaves the target as it was', async (_, kind, fault) => {
    await using world = await openRelayWorld({ idleTimeoutMs: 1500 })
    await world.advance('second', LARGE)
    world.servers.source.fault('*', { kind: 'at', service: 'upload-pack', fault })

    const relayed = await world.relay()

    expect(doubtOf(relayed)).toEqual([kind, 'source'])
    expect(await world.targetHead()).toBe(world.first)
    expect(await git(world.target.dir, 'count-objects', '-v')).toContain('in-pack: 0')
  })

  test('with another history than before is not followed', async () => {
    await using world = await openRelayWorld()
    await world.work.amend('rewritten')
    await world.work.push(world.source.dir, '+HEAD:refs/heads/main')

    const relayed = await world.relay()

    expect(doubtOf(relayed)).toEqual(['not_proven', 'source'])
    expect(await world.targetHead()).toBe(world.first)
    expect(world.servers.target.requests.map(({ service }) => service)).toEqual(['info/refs'])
  })

  test('that does not know the commit of before is not followed', async () => {
    await using world = await openRelayWorld()
    const tree = await git(world.work.dir, 'write-tree')
    const unknown = await git(world.work.dir, 'commit-tree', '-m', 'theirs', '-p', world.first, tree)
    await world.work.push(world.target.dir, `${unknown}:refs/heads/main`)
    await world.advance('second')

    const relayed = await world.relay({ before: await world.work.resolve(unknown) })

    expect(doubtOf(relayed)).toEqual(['not_proven', 'source'])
    expect((await readRefs(world.target.dir)).get(MAIN)).toBe(unknown)
  })

  test('that was set back is not followed', async () => {
    await using world = await openRelayWorld()
    const second = await world.advance('second')
    await world.work.push(world.target.dir, 'main')
    await world.work.push(world.source.dir, `+${world.first}:refs/heads/main`)

    const relayed = await world.relay({ before: second })

    expect(doubtOf(relayed)).toEqual(['not_proven', 'source'])
    expect(await world.targetHead()).toBe(second)
  })

  test('that sends the pack of other commits is not believed', async () => {
    await using world = await openRelayWorld()
    await world.work.branch('other')
    const other = await world.work.commit('other')
    const pack = await packBetween(world.work.dir, other, world.first)
    await world.work.checkout('main')
    await world.advance('second')
    world.servers.source.fault('*', answerWith(pack))

    const relayed = await world.relay()

    expect(doubtOf(relayed)).toEqual(['not_proven', 'source'])
    expect(await world.targetHead()).toBe(world.first)
  })

  test('that leaves objects out of the pack is refused by the target', async () => {
    await using world = await openRelayWorld()
    const second = await world.advance('second', { 'a.txt': 'a', 'b.txt': 'b' })
    // The commit alone: its tree and its files are on no side.
    const pack = await packBetween(world.work.dir, second, world.first, ['--filter=tree:0'])
    world.servers.source.fault('*', answerWith(pack))

    const relayed = await world.relay()

    expect(doubtOf(relayed)).toEqual(['refused', 'target'])
    expect(await world.targetHead()).toBe(world.first)
  })

  test('that sends a damaged pack is refused by the target', async () => {
    await using world = await openRelayWorld()
    await world.advance('second', LARGE)
    world.servers.source.fault(
      '*',
      rewritePack((body) => {
        const damaged = Buffer.from(body)
        damaged[1_000_000] = (damaged[1_000_000] ?? 0) ^ 1
        return damaged
      }),
    )

    const relayed = await world.relay()

    expect(doubtOf(relayed)).toEqual(['refused', 'target'])
    expect(await world.targetHead()).toBe(world.first)
  })

  test('that lacks an object is quoted', async () => {
    await using world = await openRelayWorld()
    const second = await world.advance('second')
    await rm(join(world.source.dir, 'objects', second.slice(0, 2), second.slice(2)))

    const relayed = await world.relay({ hint: second })

    expect(relayed.ok).toBe(false)
    expect(await world.targetHead()).toBe(world.first)
  })

  test('that is shallow is left to git', async () => {
    await using world = await openRelayWorld()
    const second = await world.advance('second')
    const third = await world.advance('third')
    const shallow = await world.servers.source.createRepository('shallow')
    await git(shallow.dir, 'fetch', '--quiet', '--depth=2', `file://${world.source.dir}`, 'main:main')
    await world.work.push(world.target.dir, `${second}:refs/heads/main`)
    const source = { url: remoteUrl(shallow.url), credential: PASSWORD }

    const relayed = await world.relay({ source, before: second, hint: third })

    expect(doubtOf(relayed)).toEqual(['malformed', 'source'])
    expect(await world.targetHead()).toBe(second)
  })

  test('of an older version of the protocol is left to git', async () => {
    await using world = await openRelayWorld()
    await world.advance('second')
    world.servers.source.fault('*', { kind: 'old_protocol' })

    const relayed = await world.relay()

    expect(doubtOf(relayed)).toEqual(['old_version', 'source'])
    expect(await world.targetHead()).toBe(world.first)
  })
})

test('commits of the other object format are left to git', async () => {
  await using world = await openRelayWorld()
  const inner = await world.servers.source.createRepository('sha256', 'sha256')
  const source = { url: remoteUrl(inner.url), credential: PASSWORD }

  const first = await world.relay({ source })
  await world.advance('second')
  await world.relay()
  const known = await world.relay({ source })

  expect(doubtOf(first)).toEqual(['object_format', 'source'])
  expect(known.ok).toBe(false)
})
