import { readFile, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { hostKeysIn } from '../rig/git-room.ts'
import { createFifo, holdPushes } from '../rig/held-push.ts'
import { waitForProcesses } from '../rig/processes.ts'
import { git, protectBranches, remoteUrl } from '../rig/repository.ts'
import { LARGE } from './relay-answers.ts'
import type { SshRelayWorld } from './relay-ssh-world.ts'
import { openSshRelayWorld } from './relay-ssh-world.ts'
import { doubtOf } from './relay-world.ts'

/** Lets so many bytes pass, each at once. */
function breakOff(bytes: number): string {
  return `stdbuf -o0 head -c ${bytes}`
}

describe('a source over SSH', () => {
  test.each([
    ['cut off', 'unreachable', breakOff(1_000_000)],
    ['that stops sending', 'stalled', `${breakOff(1_000_000)}; cat <&3`],
    ['that babbles', 'malformed', 'echo Welcome; cat'],
    ['that hangs up', 'unreachable', 'kill $PPID'],
  ])('%s leaves the target as it was', async (_, kind, script) => {
    await using world = await openSshRelayWorld({ idleTimeoutMs: 2500 })
    await world.advance('second', LARGE)
    await world.servers.source.filter('git-upload-pack', script)

    const relayed = await world.relay()

    expect(doubtOf(relayed)).toEqual([kind, 'source'])
    expect(await settledHead(world)).toBe(world.first)
    expect(await git(world.target.dir, 'count-objects', '-v')).toContain('in-pack: 0')
    expect(await leftBy(world)).toEqual(['s'])
  })

  test('with another history than before is not followed', async () => {
    await using world = await openSshRelayWorld()
    await world.work.amend('rewritten')
    await world.work.push(world.source.dir, '+HEAD:refs/heads/main')

    const relayed = await world.relay()

    expect(doubtOf(relayed)).toEqual(['not_proven', 'source'])
    expect(await settledHead(world)).toBe(world.first)
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
    expect(await settledHead(world)).toBe(world.first)
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
    expect(await settledHead(world)).toBe(world.first)
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
    expect(await settledHead(world)).toBe(world.first)
  })

  test('that wants no more of a pack says so, and need not have all of it', async () => {
    await using world = await openSshRelayWorld()
    await world.advance('second', LARGE)
    await git(world.target.dir, 'config', 'receive.maxInputSize', '100k')

    const relayed = await world.relay()

    expect(doubtOf(relayed)).toEqual(['refused', 'target'])
    expect(await settledHead(world)).toBe(world.first)
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
    await using world = await openSshRelayWorld({ idleTimeoutMs: 2500 })
    await world.advance('second')
    await world.servers.target.filter('git-receive-pack', script)

    const relayed = await world.relay()

    expect(doubtOf(relayed)).toEqual([kind, 'target'])
    expect(await leftBy(world)).toEqual(['s'])
  })
})

describe.each(['source', 'target'] as const)('at the %s', (end) => {
  test('a host that nobody vouched for is not asked, and one that shows another key neither', async () => {
    const keys: Parameters<typeof hostKeysIn>[0] = []
    await using world = await openSshRelayWorld({ hostKeys: hostKeysIn(keys, 'strict') })
    await world.advance('second')
    for (const each of ['source', 'target'] as const) {
      const [type = '', key = ''] = (await world.servers[each].hostKey()).split(' ')
      keys.push({ host: `[127.0.0.1]:${world.servers[each].port}`, type, key })
    }
    const [known] = keys.splice(end === 'source' ? 0 : 1, 1)

    const unknown = await world.relay()
    if (known !== undefined) keys.push(known)
    await world.servers[end].changeHostKey()
    const other = { ...world[end].remote, url: remoteUrl(world[end].remote.url.replace('.git', '.git/')) }
    const changed = await world.relay({ [end]: other })

    expect(unknown).toMatchObject({ ok: false, at: end, doubt: { kind: 'unreachable' } })
    expect(changed).toMatchObject({ ok: false, at: end, doubt: { kind: 'unreachable' } })
    expect(JSON.stringify(changed)).toContain('IDENTIFICATION HAS CHANGED')
    expect(keys).toHaveLength(2)
    expect(await world.servers[end].commands()).toEqual([])
    expect(await settledHead(world)).toBe(world.first)
  })

  test('a key that the server does not know is a doubt', async () => {
    await using world = await openSshRelayWorld()
    await world.advance('second')
    const privateKey = world.servers[end].strangerKey
    const stranger = { ...world[end].remote, credential: { kind: 'ssh_key', privateKey } as const }

    const relayed = await world.relay({ [end]: stranger })

    expect(relayed).toMatchObject({ ok: false, at: end, doubt: { kind: 'unreachable' } })
    expect(JSON.stringify(relayed)).not.toContain('PRIVATE KEY')
    expect(await leftBy(world)).toEqual(['s'])
  })

  test('a closed port is a doubt', async () => {
    await using world = await openSshRelayWorld()
    await world.advance('second')
    const gone = { ...world[end].remote, url: remoteUrl('ssh://git@127.0.0.1:9/app.git') }

    const relayed = await world.relay({ [end]: gone })

    expect(doubtOf(relayed)).toEqual(['unreachable', end])
  })
})

test('an abort leaves no ssh but the shared connections, and no key', async () => {
  await using world = await openSshRelayWorld()
  await world.advance('second')
  await using hold = await holdPushes(world.folder, world.target.dir)
  const stop = new AbortController()

  const relaying = world.relay({}, stop.signal)
  await hold.reached
  const during = await leftBy(world)
  stop.abort()
  const relayed = await relaying
  const after = await leftBy(world)
  await hold.release()
  const processes = await waitForProcesses(world.room.git.runtimeDir, (all) => all.length <= 2)

  expect(doubtOf(relayed)?.[0]).toBe('canceled')
  expect(during.filter((name) => name.endsWith('.pid'))).toHaveLength(2)
  expect(after).toEqual(['s'])
  expect(processes.every(({ command }) => command.endsWith('[mux]'))).toBe(true)
})

test('an abort in the middle of the pack leaves the target as it was', async () => {
  await using world = await openSshRelayWorld()
  await world.advance('second', LARGE)
  const reached = await createFifo(world.folder, 'reached')
  await world.servers.source.filter('git-upload-pack', `${breakOff(1_000_000)}; echo > '${reached}'; cat <&3`)
  const stop = new AbortController()

  const relaying = world.relay({}, stop.signal)
  await readFile(reached)
  stop.abort()
  const relayed = await relaying

  expect(doubtOf(relayed)?.[0]).toBe('canceled')
  expect(await settledHead(world)).toBe(world.first)
  expect(await leftBy(world)).toEqual(['s'])
})

test('where it is switched off for one of the hosts, nobody is contacted', async () => {
  await using world = await openSshRelayWorld({ allowWire: () => false })
  await world.advance('second')

  const relayed = await world.relay()

  expect(doubtOf(relayed)).toEqual(['off', 'source'])
  expect(world.servers.source.log()).not.toContain('Connection from')
})

test('what went wrong is not tried again at once', async () => {
  await using world = await openSshRelayWorld()
  await world.advance('second')
  await world.servers.source.filter('git-upload-pack', 'kill $PPID')
  await world.relay()
  await world.servers.source.filter('git-upload-pack', 'cat')

  const relayed = await world.relay()

  expect(doubtOf(relayed)).toEqual(['avoided', 'source'])
})

/** What the target holds when nobody works on it any more. */
async function settledHead({ target, targetHead }: SshRelayWorld): Promise<string | undefined> {
  await waitForProcesses(target.dir, (processes) => processes.length === 0)
  return targetHead()
}

/** What calls have left in the room. */
async function leftBy({ room }: SshRelayWorld): Promise<readonly string[]> {
  return readdir(room.git.runtimeDir)
}
