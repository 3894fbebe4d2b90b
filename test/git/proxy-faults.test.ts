import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { listRefs, pushRefs } from '../../src/git/remote.ts'
import { startForwardProxy } from '../rig/forward-proxy.ts'
import { refName } from '../rig/git-world.ts'
import { networkOf } from '../rig/host-network.ts'
import { findProcesses } from '../rig/processes.ts'
import { remoteUrl } from '../rig/repository.ts'
import { FORGE_SECRETS, NAME, openProxiedWorld, PROXY_LOGIN, PROXY_SECRETS } from './network-world.ts'

const { signal } = new AbortController()
const MAIN = refName('refs/heads/main')

test.each([
  ['wants a login', 407, 'proxy', 'proxy'],
  ['forbids the host', 403, 'proxy', 'auth'],
  ['takes no tunnels', 405, 'proxy', 'not_git'],
  ['cannot reach the host', 502, 'proxy', 'server_error'],
  ['has too much to do', 503, 'proxy', 'server_error'],
] as const)('a proxy that %s (%i) is told apart', async (_, status, kindOfTunnel, kindOfPlain) => {
  await using secure = await openProxiedWorld({ secure: true, ...PROXY_LOGIN })
  await using plain = await openProxiedWorld({ secure: false, ...PROXY_LOGIN })
  const first = await secure.work.commit('first')
  await secure.mirrorWork()
  secure.proxy.failWith(status)
  plain.proxy.failWith(status)

  const listed = await listRefs(secure.room.git, secure.remote, { signal })
  const updates = [{ ref: MAIN, sha: first }]
  const pushed = await pushRefs(secure.room.git, secure.mirror, secure.remote, updates, { signal })
  const plainly = await listRefs(plain.room.git, plain.remote, { signal })

  expect(listed).toMatchObject({ ok: false, failure: { kind: kindOfTunnel } })
  expect(pushed).toMatchObject({ ok: false, failure: { kind: kindOfTunnel } })
  expect(plainly).toMatchObject({ ok: false, failure: { kind: kindOfPlain } })
  const words = JSON.stringify([listed, pushed, plainly])
  expect(words.split(`through the proxy 127.0.0.1:${secure.proxy.port}`)).toHaveLength(3)
  for (const secret of [...FORGE_SECRETS, ...PROXY_SECRETS]) expect(words).not.toContain(secret)
})

test('a proxy that is down, or that nobody knows, is named', async () => {
  const down = await startForwardProxy(PROXY_LOGIN)
  await down[Symbol.asyncDispose]()
  await using world = await openProxiedWorld({
    secure: true,
    network: () => networkOf({ proxy: { [NAME]: down.url, '*': 'http://ann:pw@proxy.invalid:3128' } }),
  })
  const { room, remote } = world
  const other = { ...remote, url: remoteUrl('https://other.example/team/app.git') }

  const refused = await listRefs(room.git, remote, { signal })
  const unknown = await listRefs(room.git, other, { signal })

  expect(refused).toMatchObject({ ok: false, failure: { kind: 'unreachable' } })
  expect(refused).toHaveProperty(
    'failure.detail',
    expect.stringMatching(/^through the proxy 127\.0\.0\.1:\d+\n/),
  )
  expect(unknown).toMatchObject({ ok: false, failure: { kind: 'proxy' } })
  expect(unknown).toHaveProperty(
    'failure.detail',
    expect.stringMatching(/^through the proxy proxy\.invalid:3128\n/),
  )
})

test('a server that repeats the password of the proxy does not bring it into a message', async () => {
  await using world = await openProxiedWorld({ secure: true, ...PROXY_LOGIN })
  const body = `you came with ${PROXY_SECRETS.join(' and ')}\n`
  world.server.fault('*', { kind: 'status', status: 403, headers: { 'content-type': 'text/plain' }, body })

  const listed = await listRefs(world.room.git, world.remote, { signal })

  expect(listed).toHaveProperty(
    'failure.detail',
    expect.stringContaining('you came with *** and *** and ***'),
  )
})

test('no process and no file shows the password of the proxy', async () => {
  await using world = await openProxiedWorld({ secure: true, ...PROXY_LOGIN })
  const { room, remote, work, mirror, server } = world
  const first = await work.commit('first')
  await world.mirrorWork()
  const hold = server.hold('receive-pack')

  const pushing = pushRefs(room.git, mirror, remote, [{ ref: MAIN, sha: first }], { signal })
  await hold.reached
  const running = await findProcesses(NAME)
  const everything = (await findProcesses('')).map(({ command }) => command).join('\n')
  const files = (await Promise.all([mirror, await room.git.runtimeDir()].map(readAll))).join('\n')
  hold.release()
  await pushing

  expect(running.length).toBeGreaterThan(1)
  for (const secret of [...PROXY_SECRETS, ...FORGE_SECRETS]) {
    expect(everything).not.toContain(secret)
    expect(files).not.toContain(secret)
  }
})

test('what we ask ourselves goes through the proxy and trusts the authority too', async () => {
  await using world = await openProxiedWorld({ secure: true, ...PROXY_LOGIN })
  const { room, remote, server, proxy } = world

  const empty = await listRefs(room.git, remote, { signal })
  server.fault('*', { kind: 'status', status: 200, body: '<html>Please log in</html>' })
  const page = await listRefs(room.git, remote, { signal })
  server.fault('*', { kind: 'redirect', toOrigin: 'https://new.corp.example' })
  const moved = await listRefs(room.git, remote, { signal })

  expect(empty).toEqual({ ok: true, refs: new Map(), head: null })
  expect(page).toMatchObject({ ok: false, failure: { kind: 'not_git' } })
  expect(moved).toHaveProperty(
    'failure.detail',
    expect.stringContaining('redirects to https://new.corp.example/'),
  )
  expect(server.requests.filter(({ userAgent }) => userAgent === 'git/reposync')).toHaveLength(3)
  expect(proxy.requests).toHaveLength(6)
  for (const secret of FORGE_SECRETS) expect(proxy.heard()).not.toContain(secret)
  expect(world.lookups).toEqual([])
})

test('a proxy that never answers holds nothing up when the call is stopped', async () => {
  await using world = await openProxiedWorld({ secure: true })
  const { room, remote, proxy } = world
  const stopping = new AbortController()
  proxy.failWith('hang')

  const listing = listRefs(room.git, remote, { signal: stopping.signal })
  await proxy.asked()
  stopping.abort()
  const listed = await listing
  await proxy.deserted()

  expect(listed).toMatchObject({ ok: false, failure: { kind: 'canceled' } })
})

async function readAll(dir: string): Promise<string> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile())
  const texts = await Promise.all(files.map((file) => readFile(join(file.parentPath, file.name), 'latin1')))
  return texts.join('\n')
}
