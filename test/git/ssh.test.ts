import { randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { MINUTE, systemClock } from '../../src/clock.ts'
import { fingerprintOf } from '../../src/credential/public-key.ts'
import { initBare, readRef } from '../../src/git/mirror-repository.ts'
import { fetchRefs, listRefs, pushRefs } from '../../src/git/remote.ts'
import type { Remote } from '../../src/git/remote.ts'
import { hostKeysIn, openTestGit } from '../rig/git-room.ts'
import type { TestGit } from '../rig/git-room.ts'
import { startGitSshServer } from '../rig/git-ssh-server.ts'
import type { GitSshServer, SshRepository } from '../rig/git-ssh-server.ts'
import { refName } from '../rig/git-world.ts'
import { holdPushes } from '../rig/held-push.ts'
import { waitForProcesses } from '../rig/processes.ts'
import { createFolder, createWorkRepository, git, readRefs, remoteUrl } from '../rig/repository.ts'
import type { WorkRepository } from '../rig/repository.ts'

const { signal } = new AbortController()
const MAIN = refName('refs/heads/main')

type SshWorld = AsyncDisposable & {
  readonly folder: string
  readonly room: TestGit
  readonly server: GitSshServer
  readonly app: SshRepository
  readonly remote: Remote
  readonly work: WorkRepository
}

async function openSshWorld(options: Parameters<typeof openTestGit>[1] = {}): Promise<SshWorld> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await createFolder()).path
  const server = stack.use(await startGitSshServer())
  const room = stack.use(await openTestGit(folder, options))
  const app = await server.createRepository('app')
  const work = await createWorkRepository(folder)
  const credential = { kind: 'ssh_key', privateKey: server.userKey } as const
  const owned = stack.move()
  return {
    folder,
    room,
    server,
    app,
    work,
    remote: { url: remoteUrl(app.url), credential },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

function logins(server: GitSshServer): number {
  return server.log().split('Accepted publickey').length - 1
}

test('a connection that is always busy is made anew in time, so that a server can change its mind', async () => {
  let passed = 0
  const clock = { ...systemClock, now: () => systemClock.now() + passed }
  await using world = await openSshWorld({ clock })
  const { room, server, remote } = world

  await listRefs(room.git, remote, { signal })
  await listRefs(room.git, remote, { signal })
  const shared = logins(server)
  passed = 6 * MINUTE
  const listed = await listRefs(room.git, remote, { signal })

  expect(shared).toBe(1)
  expect(listed.ok).toBe(true)
  expect(logins(server)).toBe(2)
})

test('several calls share one SSH connection, which ends with the room', async () => {
  await using world = await openSshWorld()
  const { room, server, app, remote, work, folder } = world
  const first = await work.commit('first')
  await work.push(app.dir, 'main')
  const mirror = join(folder, 'mirror.git')
  await initBare(mirror)

  const listed = await listRefs(room.git, remote, { signal })
  const fetched = await fetchRefs(room.git, mirror, remote, { allInto: 'refs/internal' }, { signal })
  const pushed = await pushRefs(room.git, mirror, remote, [{ ref: refName('refs/heads/b'), sha: first }], {
    signal,
  })
  const runtimeDir = await room.git.runtimeDir()
  const shared = await waitForProcesses(runtimeDir, (processes) => processes.length > 0)
  await room[Symbol.asyncDispose]()
  await waitForProcesses(runtimeDir, (processes) => processes.length === 0)

  expect(listed).toMatchObject({ ok: true, refs: new Map([[MAIN, first]]), head: MAIN })
  expect(fetched).toEqual({ ok: true })
  expect(pushed).toMatchObject({ ok: true })
  expect(await readRef(mirror, 'refs/internal/heads/main')).toBe(first)
  expect((await readRefs(app.dir)).get('refs/heads/b')).toBe(first)
  expect(logins(server)).toBe(1)
  expect(shared).toHaveLength(1)
  expect(await readdir(join(folder, 'run'))).toEqual([])
})

test('the first key of a host is trusted and reported, another one later is refused', async () => {
  await using world = await openSshWorld()
  const { room, server, remote } = world
  const expected = await server.hostKey()

  const first = await listRefs(room.git, remote, { signal })
  await server.changeHostKey()
  const changed = await listRefs(room.git, remote, { signal })

  const [key] = room.hostKeys
  expect(first).toMatchObject({ ok: true })
  expect(room.hostKeys).toHaveLength(1)
  expect([key?.type, key?.key]).toEqual(expected.split(' '))
  expect(key?.host).toBe(`[127.0.0.1]:${server.port}`)
  expect(key === undefined ? '' : fingerprintOf(key)).toMatch(/^SHA256:[\w+/]{43}$/)
  expect(changed).toMatchObject({ ok: false, failure: { kind: 'host_key_changed' } })
  expect(logins(server)).toBe(0)
})

test('a key of another type is not a first use either', async () => {
  await using world = await openSshWorld()
  const { room, server, remote } = world
  const host = `[127.0.0.1]:${server.port}`
  const rsa =
    'AAAAB3NzaC1yc2EAAAADAQABAAAAgQC7vbqajDhA0000000000000000000000000000000000000000000000000000000000000000'
  room.hostKeys.push({ host, type: 'ssh-rsa', key: rsa })

  const listed = await listRefs(room.git, remote, { signal })

  expect(listed).toMatchObject({ ok: false, failure: { kind: 'host_key_changed' } })
  expect(room.hostKeys).toHaveLength(1)
})

test('in strict mode an unknown host is refused and a known one is not', async () => {
  const keys: TestGit['hostKeys'] = []
  await using world = await openSshWorld({ hostKeys: hostKeysIn(keys, 'strict') })
  const { room, server, remote } = world

  const unknown = await listRefs(room.git, remote, { signal })
  const [type = '', key = ''] = (await server.hostKey()).split(' ')
  keys.push({ host: `[127.0.0.1]:${server.port}`, type, key })
  const known = await listRefs(room.git, remote, { signal })

  expect(unknown).toMatchObject({ ok: false, failure: { kind: 'host_key_unknown' } })
  expect(known).toMatchObject({ ok: true })
  expect(keys).toHaveLength(1)
})

test('a key that the server does not know is refused, also while the connection of a good one is open', async () => {
  await using world = await openSshWorld()
  const { room, server, remote } = world
  const stranger = { ...remote, credential: { kind: 'ssh_key', privateKey: server.strangerKey } } as const

  const good = await listRefs(room.git, remote, { signal })
  const bad = await listRefs(room.git, stranger, { signal })

  expect(good).toMatchObject({ ok: true })
  expect(bad).toMatchObject({ ok: false, failure: { kind: 'ssh_key_rejected' } })
})

test('two keys for one host never share a connection', async () => {
  await using world = await openSshWorld()
  const { room, server, remote } = world
  const other = { ...remote, credential: { kind: 'ssh_key', privateKey: server.secondKey } } as const

  const listed = await Promise.all(
    [remote, other, remote, other].map((each) => listRefs(room.git, each, { signal })),
  )
  const again = await listRefs(room.git, other, { signal })
  const masters = await waitForProcesses(await room.git.runtimeDir(), (processes) => processes.length === 2)

  expect([...listed, again].map(({ ok }) => ok)).toEqual([true, true, true, true, true])
  expect(new Set(masters.map(({ command }) => command)).size).toBe(2)
  const fingerprints = server.log().matchAll(/Accepted publickey for .* (SHA256:\S+)/g)
  expect(new Set([...fingerprints].map(([, fingerprint]) => fingerprint)).size).toBe(2)
})

test('a key with Windows line ends works, a text that is no key is refused', async () => {
  await using world = await openSshWorld()
  const { room, server, remote } = world
  const withKey = (privateKey: string): Remote => ({ ...remote, credential: { kind: 'ssh_key', privateKey } })

  const windows = await listRefs(room.git, withKey(server.userKey.trim().replaceAll('\n', '\r\n')), {
    signal,
  })
  const text = await listRefs(room.git, withKey('secret text'), { signal })

  expect(windows).toMatchObject({ ok: true })
  expect(text).toMatchObject({ ok: false, failure: { kind: 'ssh_key_rejected' } })
  expect(JSON.stringify(text)).not.toContain('secret text')
})

test('a missing repository, a closed port and a password are told apart', async () => {
  await using world = await openSshWorld()
  const { room, remote } = world
  const at = (url: string): Remote => ({ ...remote, url: remoteUrl(url) })
  const password = { kind: 'password', username: 'ada', password: 'x' } as const

  const missing = await listRefs(room.git, at(remote.url.replace('/app.git', '/gone.git')), { signal })
  const closed = await listRefs(room.git, at('ssh://git@127.0.0.1:9/app.git'), { signal })
  const wrongKind = await listRefs(room.git, { ...remote, credential: password }, { signal })

  expect(missing).toMatchObject({ ok: false, failure: { kind: 'not_found' } })
  expect(closed).toMatchObject({ ok: false, failure: { kind: 'unreachable' } })
  expect(wrongKind).toMatchObject({ ok: false, failure: { kind: 'auth' } })
})

test('a push that is canceled ends at once, also while the server is busy with it', async () => {
  await using world = await openSshWorld()
  const { room, app, remote, work, folder } = world
  const mirror = join(folder, 'mirror.git')
  await initBare(mirror)
  const head = await work.commit('first')
  await work.push(app.dir, 'main')
  await fetchRefs(room.git, mirror, remote, { allInto: 'refs/internal' }, { signal })
  await using hold = await holdPushes(folder, app.dir)
  const stop = new AbortController()

  const pushing = pushRefs(room.git, mirror, remote, [{ ref: refName('refs/heads/b'), sha: head }], {
    signal: stop.signal,
  })
  await hold.reached
  stop.abort()
  const pushed = await pushing

  expect(pushed).toMatchObject({ ok: false, failure: { kind: 'canceled' } })
})

test('no key file outlives its call', async () => {
  await using world = await openSshWorld()
  const { room, remote } = world

  await listRefs(room.git, remote, { signal })

  expect(await readdir(await room.git.runtimeDir())).toEqual(['s'])
})

test('a branch that is too large for one push goes in steps over SSH as well', async () => {
  await using world = await openSshWorld()
  const { room, app, remote, work, folder } = world
  for (let number = 0; number < 6; number += 1) {
    await work.commit(`part ${number}`, { [`${number}.txt`]: randomBytes(150_000).toString('base64') })
  }
  const head = await work.resolve('main')
  const mirror = join(folder, 'mirror.git')
  await initBare(mirror)
  const local = { url: remoteUrl(`file://${work.dir}`), credential: undefined }
  await fetchRefs(room.git, mirror, local, { allInto: 'refs/work' }, { signal })
  await git(app.dir, 'config', 'receive.maxInputSize', '400k')
  const steps: number[] = []

  const pushed = await pushRefs(room.git, mirror, remote, [{ ref: MAIN, sha: head }], {
    signal,
    onStep: ({ done }) => void steps.push(done),
  })

  expect(pushed).toMatchObject({ ok: true, results: new Map([[MAIN, { status: 'ok' }]]) })
  expect(steps.length).toBeGreaterThan(2)
  expect((await readRefs(app.dir)).get(MAIN)).toBe(head)
})
