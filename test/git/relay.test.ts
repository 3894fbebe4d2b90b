import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { writeHistories } from '../rig/history.ts'
import { git, readRefs, shaOf } from '../rig/repository.ts'
import { refName } from '../rig/git-world.ts'
import { doubtOf, MAIN, openRelayWorld } from './relay-world.ts'

describe('a branch that moved forward', () => {
  test('travels without a git process, in one request to each server and a look', async () => {
    await using world = await openRelayWorld()
    const second = await world.advance('second')
    await world.relay()
    const third = await world.advance('third')
    const asked = {
      source: world.servers.source.requests.length,
      target: world.servers.target.requests.length,
    }

    const relayed = await world.relay({ before: second })

    const requests = [
      ...world.servers.source.requests.slice(asked.source),
      ...world.servers.target.requests.slice(asked.target),
    ]
    expect(relayed).toEqual({ ok: true, after: third })
    expect(await world.targetHead()).toBe(third)
    expect(world.room.operations).toEqual([])
    expect(requests.map(({ service }) => service)).toEqual(['upload-pack', 'upload-pack', 'receive-pack'])
    expect(requests.every(({ authorization }) => authorization?.startsWith('Basic '))).toBe(true)
    expect(requests.every(({ userAgent }) => userAgent?.startsWith('git/'))).toBe(true)
  })

  test('opens a connection to the target while the source is asked, and keeps all of them', async () => {
    await using world = await openRelayWorld()
    await world.advance('second')
    await world.relay()
    const third = await world.advance('third')
    await world.relay({ before: await world.work.resolve('HEAD^') })

    const { source, target } = world.servers
    expect(await world.targetHead()).toBe(third)
    expect(target.requests.map(({ service }) => service)).toEqual([
      'info/refs',
      'receive-pack',
      'receive-pack',
    ])
    expect(new Set(target.requests.map(({ connection }) => connection)).size).toBe(1)
    expect(new Set(source.requests.map(({ connection }) => connection)).size).toBe(2)
  })

  test.each([
    ['1 commit', 1],
    ['1,000 commits', 1000],
  ])(
    'by %s arrives whole',
    async (_, count) => {
      await using world = await openRelayWorld()
      const history = Array.from({ length: count + 1 }, (_each, commit) => (commit === 0 ? [] : [commit - 1]))
      const [commits = []] = await writeHistories(world.work.dir, [history])
      const [before] = commits
      const after = commits.at(-1)
      if (before === undefined || after === undefined) throw new Error('no commits')
      await world.work.push(world.source.dir, `${after}:refs/heads/long`)
      await world.work.push(world.target.dir, `${before}:refs/heads/long`)
      const long = refName('refs/heads/long')

      const relayed = await world.relay({ before, sourceRef: long, targetRef: long })

      expect(relayed).toEqual({ ok: true, after })
      expect(await git(world.target.dir, 'rev-list', '--count', 'long')).toBe(String(count + 1))
      expect(await git(world.target.dir, 'fsck', '--full', '--strict')).toBe('')
    },
    60_000,
  )

  test('arrives with merges, octopus merges and empty commits', async () => {
    await using world = await openRelayWorld()
    await world.work.branch('side')
    await world.work.commit('on the side')
    await world.work.branch('other', world.first)
    await world.work.commit('on another side')
    await world.work.checkout('main')
    await world.work.commit('empty', {})
    await git(world.work.dir, 'merge', '--quiet', '--no-ff', '-m', 'octopus', 'side', 'other')
    const merged = await world.advance('empty again', {})

    const relayed = await world.relay()

    expect(relayed).toEqual({ ok: true, after: merged })
    expect(await git(world.target.dir, 'log', '--format=%s', '--max-count=1', 'main^^2')).toBe('on the side')
    expect(await git(world.target.dir, 'fsck', '--full', '--strict')).toBe('')
  })

  test.each(['feature/größe/日本', "it's-100%-$HOME;`x`", 'a.b-c_d+e=f@g,h', 'x'.repeat(200)])(
    'may be called %s, and otherwise on the other side',
    async (name) => {
      await using world = await openRelayWorld()
      const ref = refName(`refs/heads/${name}`)
      const other = refName('refs/heads/vendor/main')
      await world.work.push(world.target.dir, 'main:refs/heads/vendor/main')
      const second = await world.work.commit('second')
      await world.work.push(world.source.dir, `HEAD:${ref}`)

      const relayed = await world.relay({ sourceRef: ref, targetRef: other })

      expect(relayed).toEqual({ ok: true, after: second })
      expect(await world.targetHead(other)).toBe(second)
      expect(await world.targetHead()).toBe(world.first)
    },
  )

  test('takes no other branch and no tag with it', async () => {
    await using world = await openRelayWorld()
    const second = await world.advance('second')
    await world.work.tag('v1', 'a tag of it')
    await world.work.push(world.source.dir, 'v1', 'main:refs/heads/main-2', 'main:refs/pull/1/head')

    await world.relay()

    expect(await readRefs(world.target.dir)).toEqual(new Map([[MAIN, second]]))
  })

  test('is told from one whose name only begins alike', async () => {
    await using world = await openRelayWorld()
    const second = await world.work.commit('second')
    await world.work.push(world.source.dir, 'main:refs/heads/main-2')

    const relayed = await world.relay({ hint: second })

    expect(doubtOf(relayed)).toEqual(['unmoved', 'source'])
    expect(await world.targetHead()).toBe(world.first)
  })

  test('travels whatever was said about it, and nothing travels that is only said', async () => {
    await using world = await openRelayWorld()
    // The source holds a further commit of somebody, which is not what its branch shows.
    const proposed = await world.work.commit('proposed')
    await world.work.push(world.source.dir, 'main:refs/pull/1/head')
    const unmoved = await world.relay({ hint: proposed })
    await git(world.work.dir, 'reset', '--quiet', '--hard', world.first)
    const second = await world.advance('second')

    const misled = await world.relay({ hint: proposed })
    const third = await world.advance('third')
    const late = await world.relay({ before: second, hint: second })
    const fourth = await world.advance('fourth')
    const untold = await world.relay({ before: third, hint: undefined })
    const fifth = await world.advance('fifth')
    const unknown = await world.relay({ before: fourth, hint: shaOf('f'.repeat(40)) })

    expect(doubtOf(unmoved)).toEqual(['unmoved', 'source'])
    expect([misled, late, untold, unknown]).toEqual(
      [second, third, fourth, fifth].map((after) => ({ ok: true, after })),
    )
    expect(await world.targetHead()).toBe(fifth)
  })
})

test('a file of 100 MB passes through without being held in memory', async () => {
  await using world = await openRelayWorld()
  const size = 100 * 2 ** 20
  const { dir } = world.work
  for (const repository of [dir, world.source.dir, world.target.dir]) {
    // What cannot be packed any smaller need not be tried.
    await git(repository, 'config', 'core.compression', '0')
    await git(repository, 'config', 'core.bigFileThreshold', '1m')
  }
  await writeFile(join(dir, 'large.bin'), randomBytes(size))
  const large = await world.advance('large', {})
  const before = process.memoryUsage().rss
  let peak = before
  const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 5)

  const relayed = await world.relay()
  clearInterval(watch)

  expect(relayed).toEqual({ ok: true, after: large })
  expect(await git(world.target.dir, 'cat-file', '-s', 'main:large.bin')).toBe(String(size))
  expect((peak - before) / 2 ** 20).toBeLessThan(50)
}, 120_000)
