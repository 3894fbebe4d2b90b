import { expect, test } from 'vitest'
import { relayBranch } from '../../../src/git/relay.ts'
import { listRefs } from '../../../src/git/remote.ts'
import { createAuthority } from '../../rig/certificate.ts'
import { startForwardProxy } from '../../rig/forward-proxy.ts'
import { openGitWorld, PASSWORD, refName } from '../../rig/git-world.ts'
import { networkOf } from '../../rig/host-network.ts'
import { readRefs, remoteUrl } from '../../rig/repository.ts'

// Without git the daemon reaches a host by the same way, and trusts there what git would trust.

const { signal } = new AbortController()
const MAIN = refName('refs/heads/main')
const NAME = 'git.corp.example'
const allowWire = () => true

test('a host with a certificate of a private authority is asked without git once the authority is named', async () => {
  const authority = createAuthority()
  await using world = await openGitWorld({
    server: { ...PASSWORD, tls: authority.issue('127.0.0.1') },
    network: networkOf({ ca: { '127.0.0.*': authority.cert } }),
    allowWire,
  })
  const first = await world.work.commit('first')
  await world.work.push(world.app.dir, 'main')

  const listed = await listRefs(world.room.git, world.remote, { signal })

  expect(listed).toMatchObject({ ok: true, refs: new Map([[MAIN, first]]) })
  expect(world.room.operations).toEqual([])
})

test('a server for whose certificate nobody vouches is told nothing', async () => {
  const authority = createAuthority()
  await using world = await openGitWorld({
    server: { ...PASSWORD, tls: authority.issue('127.0.0.1') },
    network: networkOf({ ca: { '*': createAuthority('Other CA').cert } }),
    allowWire,
  })

  const listed = await listRefs(world.room.git, world.remote, { signal })

  expect(listed).toMatchObject({ ok: false, failure: { kind: 'tls' } })
  expect(world.server.requests).toEqual([])
})

test.each([true, false])(
  'through a proxy with a password everything goes to the name that only the proxy knows (https: %s)',
  async (secure) => {
    const authority = createAuthority()
    await using proxy = await startForwardProxy({ username: 'ann', password: 'pr:oxy pass%', names: [NAME] })
    const lookups: string[] = []
    await using world = await openGitWorld({
      server: { ...PASSWORD, ...(secure ? { tls: authority.issue(NAME) } : {}) },
      network: networkOf({ ca: { [NAME]: authority.cert }, proxy: { [NAME]: proxy.url } }),
      lookup: (host) => Promise.resolve(void lookups.push(host)).then(() => []),
      allowWire,
    })
    const { work, server, app } = world
    const other = await server.createRepository('other')
    const first = await work.commit('first')
    await work.push(app.dir, 'main')
    await work.push(other.dir, 'main')
    const second = await work.commit('second', { 'large.txt': 'large '.repeat(100_000) })
    await work.push(app.dir, 'main')
    const remoteOf = ({ url }: { readonly url: string }) => ({
      url: remoteUrl(url.replace('127.0.0.1', NAME)),
      credential: PASSWORD,
    })

    const listed = await listRefs(world.room.git, remoteOf(app), { signal })
    const order = { sourceRef: MAIN, targetRef: MAIN, before: first, hint: second }
    const ends = { source: remoteOf(app), target: remoteOf(other) }
    const relayed = await relayBranch(world.room.git, { ...order, ...ends }, { signal })

    expect(listed).toMatchObject({ ok: true, refs: new Map([[MAIN, second]]) })
    expect(relayed).toEqual({ ok: true, after: second })
    expect((await readRefs(other.dir)).get(MAIN)).toBe(second)
    expect(world.room.operations).toEqual([])
    expect(lookups).toEqual([])
    expect(new Set(proxy.requests.map(({ method }) => method))).toEqual(
      secure ? new Set(['CONNECT']) : new Set(['GET', 'POST']),
    )
  },
)

test('a proxy that fails makes git try, and the failure names the proxy', async () => {
  await using proxy = await startForwardProxy({ names: [NAME] })
  await using world = await openGitWorld({ network: networkOf({ proxy: { [NAME]: proxy.url } }), allowWire })
  const url = remoteUrl(world.app.url.replace('127.0.0.1', NAME))
  proxy.failWith(502)

  const listed = await listRefs(world.room.git, { ...world.remote, url }, { signal })

  expect(listed).toMatchObject({ ok: false, failure: { kind: 'server_error' } })
  expect(!listed.ok && listed.failure.detail).toContain('through the proxy')
  expect(world.room.operations).toEqual(['ls-remote'])
})
