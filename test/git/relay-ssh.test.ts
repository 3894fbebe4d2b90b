import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { fetchRefs } from '../../src/git/remote.ts'
import { initBare } from '../../src/git/mirror-repository.ts'
import { git, readRefs, remoteUrl, shaOf } from '../rig/repository.ts'
import { waitForProcesses } from '../rig/processes.ts'
import type { GitSshServer } from '../rig/git-ssh-server.ts'
import { openSshRelayWorld } from './relay-ssh-world.ts'

const { signal } = new AbortController()

async function services(server: GitSshServer): Promise<readonly (string | undefined)[]> {
  return (await server.commands()).map((command) => command.split(' ')[0])
}

function logins(server: GitSshServer): number {
  return server.log().split('Accepted publickey').length - 1
}

describe('a branch that moved forward', () => {
  test.each([
    ['ssh', 'ssh'],
    ['ssh', 'http'],
    ['http', 'ssh'],
  ] as const)('travels from %s to %s without a git process', async (source, target) => {
    await using world = await openSshRelayWorld({ source, target })
    const second = await world.advance('second', { 'a.txt': 'a', 'b/c.txt': 'c' })
    const first = await world.relay()
    const third = await world.advance('third')

    const relayed = await world.relay({ before: second })

    expect([first, relayed]).toEqual([
      { ok: true, after: second },
      { ok: true, after: third },
    ])
    expect(await world.targetHead()).toBe(third)
    expect(await git(world.target.dir, 'fsck', '--full', '--strict')).toBe('')
    expect(world.room.operations).toEqual([])
  })

  test('costs one command at each server, over the connection that git shares', async () => {
    await using world = await openSshRelayWorld()
    const mirror = join(world.folder, 'mirror.git')
    await initBare(mirror)
    await world.advance('second')

    const relayed = await world.relay()
    const fetched = await fetchRefs(
      world.room.git,
      mirror,
      world.source.remote,
      { allInto: 'refs/a' },
      { signal },
    )

    expect([relayed.ok, fetched.ok]).toEqual([true, true])
    expect(await services(world.servers.source)).toEqual(['git-upload-pack', 'git-upload-pack'])
    expect(await services(world.servers.target)).toEqual(['git-receive-pack'])
    expect([logins(world.servers.source), logins(world.servers.target)]).toEqual([1, 1])
    expect(world.room.hostKeys).toHaveLength(2)
  })

  test('travels within one server, also when no connection is open yet', async () => {
    await using world = await openSshRelayWorld()
    const { source } = world.servers
    const other = await source.createRepository('other')
    await world.work.push(other.dir, 'main')
    const second = await world.advance('second')
    const target = { ...world.source.remote, url: remoteUrl(other.url) }

    const relayed = await world.relay({ target })

    expect(relayed).toEqual({ ok: true, after: second })
    expect((await readRefs(other.dir)).get('refs/heads/main')).toBe(second)
  })

  test('travels over a new connection when the server was started again', async () => {
    await using world = await openSshRelayWorld()
    const second = await world.advance('second')
    await world.relay()
    await Promise.all([world.servers.source.restart(), world.servers.target.restart()])
    await waitForProcesses(await world.room.git.runtimeDir(), (processes) => processes.length === 0)
    const third = await world.advance('third')

    const relayed = await world.relay({ before: second })

    expect(relayed).toEqual({ ok: true, after: third })
    expect([logins(world.servers.source), logins(world.servers.target)]).toEqual([2, 2])
  })

  test('travels whatever was said about it, and nothing travels that is only said', async () => {
    await using world = await openSshRelayWorld()
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

    expect(unmoved).toMatchObject({ ok: false, at: 'source', doubt: { kind: 'unmoved' } })
    expect([misled, late, untold, unknown]).toEqual(
      [second, third, fourth, fifth].map((after) => ({ ok: true, after })),
    )
    expect(await world.targetHead()).toBe(fifth)
  })

  test('may hold a large file, which is not held in memory', async () => {
    await using world = await openSshRelayWorld()
    const size = 100 * 2 ** 20
    for (const dir of [world.work.dir, world.source.dir, world.target.dir]) {
      // What cannot be packed any smaller need not be tried.
      await git(dir, 'config', 'core.compression', '0')
      await git(dir, 'config', 'core.bigFileThreshold', '1m')
    }
    await writeFile(join(world.work.dir, 'large.bin'), randomBytes(size))
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
})
