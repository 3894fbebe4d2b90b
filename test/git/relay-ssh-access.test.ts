import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { hostKeysIn } from '../rig/git-room.ts'
import { createFifo, holdPushes } from '../rig/held-push.ts'
import { waitForProcesses } from '../rig/processes.ts'
import { remoteUrl } from '../rig/repository.ts'
import { LARGE } from './relay-answers.ts'
import { breakOff, openSshRelayWorld } from './relay-ssh-world.ts'
import { doubtOf } from './relay-world.ts'

// Who is believed and let in, and what a relay over SSH leaves behind.

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
    expect(await world.settledHead()).toBe(world.first)
  })

  test('a key that the server does not know is a doubt', async () => {
    await using world = await openSshRelayWorld()
    await world.advance('second')
    const privateKey = world.servers[end].strangerKey
    const stranger = { ...world[end].remote, credential: { kind: 'ssh_key', privateKey } as const }

    const relayed = await world.relay({ [end]: stranger })

    expect(relayed).toMatchObject({ ok: false, at: end, doubt: { kind: 'unreachable' } })
    expect(JSON.stringify(relayed)).not.toContain('PRIVATE KEY')
    expect(await world.left()).toEqual(['s'])
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
  const during = await world.left()
  stop.abort()
  const relayed = await relaying
  const after = await world.left()
  await hold.release()
  const processes = await waitForProcesses(await world.room.git.runtimeDir(), (all) => all.length <= 2)

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
  expect(await world.settledHead()).toBe(world.first)
  expect(await world.left()).toEqual(['s'])
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
