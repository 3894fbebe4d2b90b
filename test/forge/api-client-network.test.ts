import { afterEach, expect, test } from 'vitest'
import { createApiClient } from '../../src/forge/api-client.ts'
import type { ApiClientDeps } from '../../src/forge/api-client.ts'
import type { HostNetwork } from '../../src/host-network.ts'
import { createAuthority } from '../rig/certificate.ts'
import { createTestClock } from '../rig/clock.ts'
import { startFakeForge } from '../rig/fake-forge.ts'
import { startForwardProxy } from '../rig/forward-proxy.ts'
import type { ForwardProxyOptions } from '../rig/forward-proxy.ts'
import { networkOf } from '../rig/host-network.ts'

const NAME = 'git.corp.example'
const TOKEN = 'token-that-nobody-may-see'
const LOGIN = { username: 'ann', password: 'pr:oxy pass%' }
const PROXY_SECRETS = [LOGIN.password, encodeURIComponent(LOGIN.password), btoa(`ann:${LOGIN.password}`)]

/** A forge with an API, and a proxy that alone knows its name. */
async function openWorld({ secure, ...options }: ForwardProxyOptions & { readonly secure: boolean }) {
  await using stack = new AsyncDisposableStack()
  const authority = createAuthority()
  const certificate = secure ? authority.issue(NAME) : undefined
  const forge = stack.use(await startFakeForge(() => ({ status: 200, json: [] }), certificate))
  const proxy = stack.use(await startForwardProxy({ names: [NAME], ...options }))
  const owned = stack.move()
  return {
    forge,
    proxy,
    url: `${forge.origin.replace('127.0.0.1', NAME)}/api/hooks?page=2`,
    network: networkOf({ ca: { [NAME]: authority.cert }, proxy: { '*': proxy.url } }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

function call(url: string, network: HostNetwork, deps: Partial<ApiClientDeps> = {}) {
  const client = createApiClient({
    clock: createTestClock(),
    allowAddress: () => true,
    lookup: (host) => Promise.reject(new Error(`${host} was looked up`)),
    timeoutMs: 10_000,
    network,
    ...deps,
  })
  return client.request({ method: 'GET', url, headers: { authorization: TOKEN }, secrets: [TOKEN] })
}

test('a forge with a certificate of a private authority is asked once the authority is named', async () => {
  const authority = createAuthority()
  await using forge = await startFakeForge(() => ({ status: 200, json: [] }), authority.issue('127.0.0.1'))

  const named = await call(forge.origin, networkOf({ ca: { '127.0.0.1': authority.cert } }))
  const other = await call(forge.origin, networkOf({ ca: { '*': createAuthority('Other').cert } }))

  expect(named).toMatchObject({ ok: true })
  expect(other).toMatchObject({ ok: false, failure: { kind: 'tls' } })
  expect(forge.requests).toHaveLength(1)
})

test('a request to an https forge goes through the tunnel of the proxy, which sees no token', async () => {
  await using world = await openWorld({ secure: true, ...LOGIN })

  const outcome = await call(world.url, world.network)

  expect(outcome).toMatchObject({ ok: true, value: { json: [] } })
  expect(world.forge.requests).toMatchObject([{ path: '/api/hooks', headers: { authorization: TOKEN } }])
  const { host } = new URL(world.url)
  expect(world.proxy.requests).toMatchObject([{ method: 'CONNECT', target: host }])
  expect(world.proxy.heard()).not.toContain(TOKEN)
})

test('a request to an http forge goes through the proxy, whose login stays with it', async () => {
  await using world = await openWorld({ secure: false, ...LOGIN })

  const outcome = await call(world.url, world.network)

  expect(outcome).toMatchObject({ ok: true })
  expect(world.proxy.requests).toMatchObject([{ method: 'GET', target: world.url }])
  expect(world.forge.requests).toMatchObject([{ path: '/api/hooks', headers: { authorization: TOKEN } }])
  expect(world.forge.requests[0]?.headers).not.toHaveProperty('proxy-authorization')
})

test.each([
  [407, 'proxy', 'the proxy answered 407'],
  [403, 'proxy', 'the proxy answered 403'],
  [502, 'unreachable', 'the proxy answered 502'],
])('a proxy that answers %i to a tunnel is told apart', async (status, kind, words) => {
  await using world = await openWorld({ secure: true, ...LOGIN })
  world.proxy.failWith(status)

  const outcome = await call(world.url, world.network)

  const { host } = new URL(world.url)
  const detail = `${host} cannot be reached through the proxy 127.0.0.1:${world.proxy.port}: ${words}`
  expect(outcome).toMatchObject({ ok: false, failure: { kind, detail } })
  for (const secret of [...PROXY_SECRETS, TOKEN]) expect(JSON.stringify(outcome)).not.toContain(secret)
  expect(world.forge.requests).toEqual([])
})

test('a proxy that wants another login is told apart over http', async () => {
  await using world = await openWorld({ secure: false, ...LOGIN })
  const network = networkOf({ proxy: { '*': world.proxy.url.replace('ann:', 'bob:') } })

  const outcome = await call(world.url, network)

  expect(outcome).toMatchObject({ ok: false, failure: { kind: 'proxy', detail: 'the proxy answered 407' } })
  expect(world.forge.requests).toEqual([])
})

test('a proxy that is down is named', async () => {
  await using world = await openWorld({ secure: true, ...LOGIN })
  await world.proxy[Symbol.asyncDispose]()

  const outcome = await call(world.url, world.network)

  const detail = `through the proxy 127.0.0.1:${world.proxy.port}: ECONNREFUSED`
  expect(outcome).toMatchObject({ ok: false, failure: { kind: 'unreachable' } })
  expect(outcome).toHaveProperty('failure.detail', expect.stringContaining(detail))
})

test.each(['metadata.corp.example', '169.254.169.254', '[fe80::1]'])(
  'the proxy is not asked for %s when that is not allowed',
  async (host) => {
    const asked: string[] = []
    await using world = await openWorld({ secure: true })
    const deny = (name: string): boolean => asked.push(name) < 0
    const network = networkOf({ proxy: { '*': world.proxy.url }, allowsProxied: deny })

    const outcome = await call(`https://${host}/api`, network)

    expect(outcome).toMatchObject({ ok: false, failure: { kind: 'unreachable' } })
    expect(outcome).toHaveProperty('failure.detail', expect.stringContaining('may not be contacted'))
    expect(asked).toEqual([host.replace(/^\[(.*)\]$/, '$1')])
    expect(world.proxy.requests).toEqual([])
  },
)

test.each([true, false])('a proxy that never answers keeps no connection (https: %s)', async (secure) => {
  await using world = await openWorld({ secure })
  const clock = createTestClock()
  world.proxy.failWith('hang')

  const calling = call(world.url, world.network, { clock })
  await world.proxy.asked()
  clock.advance(10_000)
  const outcome = await calling
  await world.proxy.deserted()

  expect(outcome).toMatchObject({ ok: false, failure: { kind: 'unreachable' } })
  expect(outcome).toHaveProperty(
    'failure.detail',
    expect.stringContaining('took longer than 10000 ms through the proxy'),
  )
})

afterEach(() => {
  delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']
})

test('the check of certificates cannot be switched off by the environment', async () => {
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'
  await using world = await openWorld({ secure: true })
  const network = networkOf({ proxy: { '*': world.proxy.url } })
  const local = world.url.replace(NAME, '127.0.0.1')

  const proxied = await call(world.url, network)
  const direct = await call(local, networkOf({}))

  expect(proxied).toMatchObject({ ok: false, failure: { kind: 'tls' } })
  expect(direct).toMatchObject({ ok: false, failure: { kind: 'tls' } })
  expect(world.forge.requests).toEqual([])
})
