import { createServer as createHttpServer } from 'node:http'
import type { RequestListener } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { Server, Socket } from 'node:net'
import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { openHttp, readText } from '../../src/git/exchange.ts'
import type { Http, HttpRequest } from '../../src/git/exchange.ts'
import type { GitOutcome } from '../../src/git/git-error.ts'
import { createAgents } from '../../src/host-agent.ts'
import { DIRECT_NETWORK } from '../../src/host-network.ts'
import { createAuthority, createCertificate } from '../rig/certificate.ts'
import { startForwardProxy } from '../rig/forward-proxy.ts'
import { networkOf } from '../rig/host-network.ts'

const { signal } = new AbortController()

/** One `Http` to hosts that are where the test says. */
function open(
  hosts: Readonly<Record<string, readonly string[]>>,
  network = DIRECT_NETWORK,
): Http & { readonly lookedUp: string[] } {
  const lookedUp: string[] = []
  const http = openHttp({
    clock: systemClock,
    idleTimeoutMs: 5000,
    timeoutMs: 0,
    allowAddress: () => true,
    lookup: (host) => {
      lookedUp.push(host)
      return Promise.resolve(hosts[host] ?? [])
    },
    network,
    trustFile: () => Promise.reject(new Error('git is not asked')),
    openAgent: createAgents(),
  })
  return { ...http, lookedUp }
}

async function listen(server: Server): Promise<AsyncDisposable & { readonly port: number }> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => void sockets.add(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return {
    port: address.port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

function get(http: Http, url: string, network?: HttpRequest['network']): Promise<GitOutcome<object>> {
  return http.send({ method: 'GET', url: new URL(url), headers: {}, network }, signal, ({ body }) =>
    readText(body, 1000),
  )
}

test('requests of one piece of work share a connection and one look-up', async () => {
  let connections = 0
  const server = createHttpServer((_request, response) => response.end('hello'))
  server.on('connection', () => (connections += 1))
  await using listening = await listen(server)
  using http = open({ 'forge.test': ['127.0.0.1'] })

  const answers = []
  for (let count = 0; count < 3; count += 1) {
    answers.push(await get(http, `http://forge.test:${listening.port}/`))
  }

  expect(answers).toEqual(Array(3).fill({ ok: true, result: 'hello' }))
  expect(connections).toBe(1)
  expect(http.lookedUp).toEqual(['forge.test'])
})

test('a connection that the server has given up is replaced', async () => {
  let connections = 0
  const server = createServer((socket) => {
    connections += 1
    let requests = 0
    socket.on('error', () => {})
    socket.on('data', () => {
      requests += 1
      if (requests === 1) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello')
      else socket.resetAndDestroy()
    })
  })
  await using listening = await listen(server)
  using http = open({ 'forge.test': ['127.0.0.1'] })
  const url = `http://forge.test:${listening.port}/`

  const first = await get(http, url)
  const second = await get(http, url)

  expect([first, second]).toEqual(Array(2).fill({ ok: true, result: 'hello' }))
  expect(connections).toBe(2)
})

test('a request for a public network does not enter a private one, nor the other way round', async () => {
  let connections = 0
  const server = createServer(() => (connections += 1))
  await using listening = await listen(server)
  using http = open({
    'storage.test': ['127.0.0.1'],
    'half.test': ['198.51.100.7', '10.0.0.1'],
    'out.test': ['198.51.100.7'],
  })

  const inside = await get(http, `http://storage.test:${listening.port}/`, 'public')
  const half = await get(http, `http://half.test:${listening.port}/`, 'public')
  const outside = await get(http, 'http://out.test/', 'private')

  for (const answer of [inside, half, outside]) {
    expect(answer).toMatchObject({ ok: false, failure: { kind: 'address_denied' } })
  }
  expect(connections).toBe(0)
})

test('a certificate of nobody that is trusted is named', async () => {
  const server = createHttpsServer(createCertificate('forge.test'), (_request, response) => response.end())
  await using listening = await listen(server)
  using http = open({ 'forge.test': ['127.0.0.1'] })

  const answer = await get(http, `https://forge.test:${listening.port}/`)

  expect(answer).toMatchObject({ ok: false, failure: { kind: 'tls' } })
})

test('a certificate of an authority that is named for the host is good', async () => {
  const authority = createAuthority()
  const server = createHttpsServer(authority.issue('forge.test'), (_request, response) =>
    response.end('hello'),
  )
  await using listening = await listen(server)
  using http = open({ 'forge.test': ['127.0.0.1'] }, networkOf({ ca: { 'forge.test': authority.cert } }))

  const answer = await get(http, `https://forge.test:${listening.port}/`)

  expect(answer).toEqual({ ok: true, result: 'hello' })
})

test.each([{ secure: false }, { secure: true }])(
  'a host behind a proxy is reached through it, under its name: $secure',
  async ({ secure }) => {
    const authority = createAuthority()
    const answerHello: RequestListener = (_request, response) => response.end('hello')
    const server = secure
      ? createHttpsServer(authority.issue('forge.test'), answerHello)
      : createHttpServer(answerHello)
    await using listening = await listen(server)
    await using proxy = await startForwardProxy({ names: ['forge.test'] })
    const ca = { 'forge.test': authority.cert }
    using http = open({}, networkOf({ ca, proxy: { 'forge.test': proxy.url } }))
    const url = `http${secure ? 's' : ''}://forge.test:${listening.port}/`

    const answers = [await get(http, url), await get(http, url, 'public')]

    expect(answers).toEqual(Array(2).fill({ ok: true, result: 'hello' }))
    expect(http.lookedUp).toEqual([])
    expect(proxy.requests.length).toBe(secure ? 1 : 2)
  },
)

test('what a proxy hides is not taken for a private network, and an address hides nothing', async () => {
  await using proxy = await startForwardProxy({ names: ['forge.test'] })
  using http = open({}, networkOf({ proxy: { '*': proxy.url } }))

  const unproven = await get(http, 'http://forge.test/', 'private')
  const inside = await get(http, 'http://10.0.0.1/', 'public')

  for (const answer of [unproven, inside]) {
    expect(answer).toMatchObject({ ok: false, failure: { kind: 'address_denied' } })
  }
  expect(proxy.requests).toEqual([])
})

test('a host that nobody knows and a port where nobody listens are told apart', async () => {
  const server = createServer()
  const { port, ...listening } = await listen(server)
  await listening[Symbol.asyncDispose]()
  using http = open({ 'forge.test': ['127.0.0.1'] })

  const unknown = await get(http, 'http://other.test/')
  const closed = await get(http, `http://forge.test:${port}/`)

  expect(unknown).toMatchObject({ ok: false, failure: { kind: 'dns' } })
  expect(closed).toMatchObject({ ok: false, failure: { kind: 'unreachable' } })
})

test('what is aborted says so, also before it has begun', async () => {
  using http = open({})
  const stop = new AbortController()
  stop.abort()

  const answer = await http.send(
    { method: 'GET', url: new URL('http://forge.test/'), headers: {} },
    stop.signal,
    () => Promise.resolve(),
  )

  expect(answer).toMatchObject({ ok: false, failure: { kind: 'canceled' } })
})
