import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readRef } from '../../src/git/mirror-repository.ts'
import { fetchRefs, listRefs, pushRefs } from '../../src/git/remote.ts'
import { createAuthority } from '../rig/certificate.ts'
import { startForwardProxy } from '../rig/forward-proxy.ts'
import { openGitWorld, PASSWORD, refName } from '../rig/git-world.ts'
import { networkOf } from '../rig/host-network.ts'
import { readRefs, remoteUrl } from '../rig/repository.ts'
import { FORGE_SECRETS, NAME, openProxiedWorld, PROXY_LOGIN } from './network-world.ts'

const { signal } = new AbortController()
const MAIN = refName('refs/heads/main')

test('a host with a certificate of a private authority is reached once the authority is named', async () => {
  const authority = createAuthority()
  const network = networkOf({ ca: { '127.0.0.*': authority.cert } })
  await using world = await openGitWorld({
    server: { ...PASSWORD, tls: authority.issue('127.0.0.1') },
    network,
  })
  const { room, remote, work, mirror, app } = world
  const first = await work.commit('first')
  await world.mirrorWork()

  const pushed = await pushRefs(room.git, mirror, remote, [{ ref: MAIN, sha: first }], { signal })
  const listed = await listRefs(room.git, remote, { signal })
  const fetched = await fetchRefs(room.git, mirror, remote, { allInto: 'refs/internal' }, { signal })

  expect(pushed).toMatchObject({ ok: true })
  expect(listed).toMatchObject({ ok: true, refs: new Map([[MAIN, first]]) })
  expect(fetched).toEqual({ ok: true })
  expect((await readRefs(app.dir)).get(MAIN)).toBe(first)
})

test('what git is to trust is written again when somebody has tidied it away', async () => {
  const authority = createAuthority()
  await using world = await openGitWorld({
    server: { ...PASSWORD, tls: authority.issue('127.0.0.1') },
    network: networkOf({ ca: { '*': authority.cert } }),
  })
  const { room, remote } = world
  await listRefs(room.git, remote, { signal })
  const [trustFile = ''] = (await readdir(await room.git.runtimeDir())).filter((name) =>
    name.endsWith('.pem'),
  )
  await rm(join(await room.git.runtimeDir(), trustFile))

  const listed = await listRefs(room.git, remote, { signal })

  expect(listed).toMatchObject({ ok: true })
})

test.each([
  ['nobody vouches', () => networkOf({})],
  ['another authority vouches', () => networkOf({ ca: { '*': createAuthority('Other CA').cert } })],
  ['the authority is for another host', (cert: string) => networkOf({ ca: { '*.corp.example': cert } })],
])('a server for whose certificate %s is told nothing', async (_, networkFor) => {
  const authority = createAuthority()
  await using world = await openGitWorld({
    server: { ...PASSWORD, tls: authority.issue('127.0.0.1') },
    network: networkFor(authority.cert),
  })

  const listed = await listRefs(world.room.git, world.remote, { signal })

  expect(listed).toMatchObject({ ok: false, failure: { kind: 'tls' } })
  expect(world.server.requests).toEqual([])
})

test('a certificate of a known authority for another host is refused, directly and through a proxy', async () => {
  await using world = await openProxiedWorld({
    secure: true,
    network: (proxy, cert) => networkOf({ ca: { '*': cert }, proxy: { '127.0.0.1': proxy } }),
  })
  const { room, server, remote } = world
  const byAddress = { ...remote, url: remoteUrl(server.url('team/app')) }
  const byName = { ...remote, url: remoteUrl(server.url('team/app').replace('127.0.0.1', 'localhost')) }
  await using direct = await openGitWorld({
    lookup: () => Promise.resolve(['127.0.0.1']),
    network: networkOf({ ca: { '*': world.authority.cert } }),
  })

  const proxied = await listRefs(room.git, byAddress, { signal })
  const straight = await listRefs(direct.room.git, byName, { signal })

  expect(proxied).toMatchObject({ ok: false, failure: { kind: 'tls' } })
  expect(straight).toMatchObject({ ok: false, failure: { kind: 'tls' } })
  expect(world.proxy.requests).toHaveLength(1)
  expect(server.requests).toEqual([])
})

test('a branch travels through the tunnel of a proxy that wants a login, and the proxy learns no secret', async () => {
  await using world = await openProxiedWorld({ secure: true, ...PROXY_LOGIN })
  const { room, remote, work, mirror, app, proxy, server } = world
  const first = await work.commit('first')
  await world.mirrorWork()

  const pushed = await pushRefs(room.git, mirror, remote, [{ ref: MAIN, sha: first }], { signal })
  const listed = await listRefs(room.git, remote, { signal })
  const fetched = await fetchRefs(room.git, mirror, remote, { allInto: 'refs/internal' }, { signal })

  expect(pushed).toMatchObject({ ok: true })
  expect(listed).toMatchObject({ ok: true, refs: new Map([[MAIN, first]]) })
  expect(fetched).toEqual({ ok: true })
  expect(await readRef(mirror, 'refs/internal/heads/main')).toBe(first)
  expect((await readRefs(app.dir)).get(MAIN)).toBe(first)
  expect(new Set(proxy.requests.map(({ method, target }) => `${method} ${target}`))).toEqual(
    new Set([`CONNECT ${NAME}:${server.port}`]),
  )
  expect(proxy.requests.filter(({ headers }) => headers['proxy-authorization'] === undefined)).toEqual([])
  expect(proxy.requests.filter(({ headers }) => headers['authorization'] !== undefined)).toEqual([])
  for (const secret of FORGE_SECRETS) expect(proxy.heard()).not.toContain(secret)
  expect(proxy.heard().length).toBeGreaterThan(1000)
  expect(server.requests.filter(({ authorization }) => authorization === undefined)).toEqual([])
  expect(world.lookups).toEqual([])
})

test('plain http goes through a proxy as well', async () => {
  await using world = await openProxiedWorld({ secure: false, ...PROXY_LOGIN })
  const { room, remote, work, mirror, app, proxy, server } = world
  const first = await work.commit('first')
  await world.mirrorWork()

  const pushed = await pushRefs(room.git, mirror, remote, [{ ref: MAIN, sha: first }], { signal })
  const listed = await listRefs(room.git, remote, { signal })

  expect(pushed).toMatchObject({ ok: true })
  expect(listed).toMatchObject({ ok: true, refs: new Map([[MAIN, first]]) })
  expect((await readRefs(app.dir)).get(MAIN)).toBe(first)
  expect(proxy.requests[0]).toMatchObject({
    method: 'GET',
    target: `http://${NAME}:${server.port}/team/app.git/info/refs?service=git-receive-pack`,
  })
  // Over http everybody on the way hears everything; with this the test of the tunnel could fail.
  expect(proxy.heard()).toContain(FORGE_SECRETS.at(-1))
  expect(world.lookups).toEqual([])
})

test('a host that is to be reached directly stays bound to the address that was checked', async () => {
  await using proxy = await startForwardProxy()
  const answers = [['127.0.0.1'], ['127.0.0.2']]
  await using world = await openGitWorld({
    network: networkOf({ proxy: { '*.corp.example': 'direct', '*': proxy.url } }),
    lookup: () => Promise.resolve(answers.shift() ?? []),
  })
  const url = remoteUrl(`http://${NAME}:${world.server.port}/team/app.git`)

  const listed = await fetchRefs(
    world.room.git,
    world.mirror,
    { ...world.remote, url },
    { allInto: 'refs/internal' },
    { signal },
  )

  expect(listed).toEqual({ ok: true })
  expect(answers).toEqual([['127.0.0.2']])
  expect(proxy.requests).toEqual([])
})

test.each(['http', 'https'])(
  'a host that a proxy may not be asked for stays unknown to it over %s',
  async (scheme) => {
    const asked: string[] = []
    await using world = await openProxiedWorld({
      secure: true,
      network: (proxy) => networkOf({ proxy: { '*': proxy }, allowsProxied: (host) => asked.push(host) < 0 }),
    })
    const { room, mirror, proxy } = world
    const remotes = ['metadata.corp.example', '169.254.169.254', '[fe80::1]'].map((host) => ({
      url: remoteUrl(`${scheme}://${host}/team/app.git`),
      credential: PASSWORD,
    }))

    const listed = await Promise.all(remotes.map((remote) => listRefs(room.git, remote, { signal })))
    const fetched = await Promise.all(
      remotes.map((remote) => fetchRefs(room.git, mirror, remote, { allInto: 'refs/internal' }, { signal })),
    )

    for (const outcome of [...listed, ...fetched]) {
      expect(outcome).toMatchObject({ ok: false, failure: { kind: 'address_denied' } })
    }
    expect(new Set(asked)).toEqual(new Set(['metadata.corp.example', '169.254.169.254', 'fe80::1']))
    expect(room.operations).toEqual([])
    expect(proxy.requests).toEqual([])
    expect(world.lookups).toEqual([])
  },
)
