import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { listRefs } from '../../src/git/remote.ts'
import { holdPushes } from '../rig/held-push.ts'
import { git, protectBranches, remoteUrl } from '../rig/repository.ts'
import { LARGE } from './relay-answers.ts'
import { breakOff, openSshRelayWorld } from './relay-ssh-world.ts'
import { doubtOf } from './relay-world.ts'

describe('a source over SSH', () => {
  test.each([
    ['cut off', 'unreachable', breakOff(1_000_000)],
    ['that stops sending', 'stalled', `${breakOff(1_000_000)}; cat <&3`],
    ['that babbles', 'malformed', 'echo Welcome; cat'],
    ['that hangs up', 'unreachable', 'kill $PPID'],
  ])('%s leaves the target as it was', async (_, kind, script) => {
    await using world = await openSshRelayWorld({ idleTimeoutMs: kind === 'stalled' ? 2500 : 20_000 })
    await world.advance('second', LARGE)
    await world.servers.source.filter('git-upload-pack', script)

    const relayed = await world.relay()

    expect(doubtOf(relayed)).toEqual([kind, 'source'])
    expect(await world.settledHead()).toBe(world.first)
    expect(await git(world.target.dir, 'count-objects', '-v')).toContain('in-pack: 0')
    expect(await world.left()).toEqual(['s'])
  })

  test('with another history than before is not followed', async () => {
    await using world = await openSshRelayWorld()
    await world.work.amend('rewritten')
    await world.work.push(world.source.dir, '+HEAD:refs/heads/main')

    const relayed = await world.relay()

    expect(doubtOf(relayed)).toEqual(['not_proven', 'source'])
    expect(await world.settledHead()).toBe(world.first)
  })

  test('that may not be told the version of the protocol is asked once and no more', async () => {
    await using world = await openSshRelayWorld({ server: { acceptsVersion: false } })
    await world.advance('second')

    const first = await world.relay()
    const again = await world.relay()

    expect([doubtOf(first), doubtOf(again)]).toEqual([
      ['old_version', 'source'],
      ['old_version', 'source'],
    ])
    expect(await world.servers.source.commands()).toHaveLength(1)
    expect(await world.settledHead()).toBe(world.first)
  })

  test('that is known to speak an older version costs the target nothing', async () => {
    await using world = await openSshRelayWorld({ server: { acceptsVersion: false } })
    await world.advance('second')
    await listRefs(world.room.git, world.source.remote, { signal: AbortSignal.timeout(60_000) })

    const relayed = await world.relay()

    expect(doubtOf(relayed)).toEqual(['old_version', 'source'])
    expect(world.servers.target.log()).not.toContain('Connection from')
  })

  test('that has forgotten the version of the protocol is found out, and remembered', async () => {
    await using world = await openSshRelayWorld()
    const second = await world.advance('second')
    await world.relay()
    await world.advance('third')
    const deaf = `exec env -u GIT_PROTOCOL git upload-pack '${world.source.dir}' <&3`
    await world.servers.source.filter('git-upload-pack', deaf)

    const first = await world.relay({ before: second })
    await world.servers.source.filter('git-upload-pack', 'cat')
    const again = await world.relay({ before: second })

    expect([doubtOf(first)?.[0], doubtOf(again)?.[0]]).toEqual(['old_version', 'old_version'])
    expect(await world.targetHead()).toBe(second)
  })

  test('without the repository is quoted', async () => {
    await using world = await openSshRelayWorld()
    await world.advance('second')
    const url = remoteUrl(world.source.remote.url.replace('/source.git', '/gone.git'))

    const relayed = await world.relay({ source: { ...world.source.remote, url } })

    expect(relayed).toMatchObject({ ok: false, at: 'source', doubt: { kind: 'unreachable' } })
    expect(JSON.stringify(relayed)).toContain('does not appear to be a git repository')
  })

  test('that lacks an object is a doubt', async () => {
    await using world = await openSshRelayWorld()
    const second = await world.advance('second')
    await rm(join(world.source.dir, 'objects', second.slice(0, 2), second.slice(2)))

    const relayed = await world.relay({ hint: second })

    expect(relayed).toMatchObject({ ok: false, at: 'source' })
    expect(await world.settledHead()).toBe(world.first)
  })
})

describe('a target over SSH', () => {
  test('that moved meanwhile keeps what it has, and is sent nothing', async () => {
    await using world = await openSshRelayWorld()
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
    await using world = await openSshRelayWorld()
    await world.work.branch('theirs')
    const theirs = await world.work.commit('theirs')
    await world.work.checkout('main')
    await world.advance('ours')
    await using hold = await holdPushes(world.folder, world.target.dir)

    const relaying = world.relay()
    await hold.reached
    await git(world.target.dir, 'fetch', '--quiet', world.work.dir, '+theirs:main')
    await hold.release()
    const relayed = await relaying

    expect(doubtOf(relayed)).toEqual(['refused', 'target'])
    expect(await world.targetHead()).toBe(theirs)
  })

  test('that protects the branch is quoted', async () => {
    await using world = await openSshRelayWorld()
    await world.advance('second')
    await protectBranches(world.target.dir, 'main')

    const relayed = await world.relay()

    expect(doubtOf(relayed)).toEqual(['refused', 'target'])
    expect(JSON.stringify(relayed)).toContain('GH006: Protected branch update failed')
    expect(await world.settledHead()).toBe(world.first)
  })

  test('that wants no more of a pack says so, and need not have all of it', async () => {
    await using world = await openSshRelayWorld()
    await world.advance('second', LARGE)
    await git(world.target.dir, 'config', 'receive.maxInputSize', '100k')

    const relayed = await world.relay()

    expect(doubtOf(relayed)).toEqual(['refused', 'target'])
    expect(await world.settledHead()).toBe(world.first)
  })

  test.each([
    ['that is cut off before it has answered', 'unreachable', breakOff(200)],
    ['that stops answering', 'stalled', `${breakOff(200)}; cat <&3 >/dev/null`],
    [
      'that offers too little',
      'malformed',
      "perl -e 'while (sysread STDIN, $_, 65536) { s/side-band-64k/side-band-63k/; syswrite STDOUT, $_ }'",
    ],
  ])('%s is a doubt', async (_, kind, script) => {
    await using world = await openSshRelayWorld({ idleTimeoutMs: kind === 'stalled' ? 2500 : 20_000 })
    await world.advance('second')
    await world.servers.target.filter('git-receive-pack', script)

    const relayed = await world.relay()

    expect(doubtOf(relayed)).toEqual([kind, 'target'])
    expect(await world.left()).toEqual(['s'])
  })
})
