import { createServer } from 'node:http'
import type { RequestListener, Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { gzipSync } from 'node:zlib'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import type { HttpClient, HttpRequest } from '../../../src/git/wire/http-client.ts'
import { createHttpClient } from '../../../src/git/wire/http-client.ts'
import { createContexts } from '../../../src/host-agent.ts'
import { DIRECT_ROUTE } from '../../../src/host-network.ts'
import { createCertificate } from '../../rig/certificate.ts'
import type { Certificate } from '../../rig/certificate.ts'

type TestServer = AsyncDisposable & {
  readonly server: Server
  readonly port: number
  readonly connections: () => number
}

async function serve(onRequest: RequestListener, certificate?: Certificate): Promise<TestServer> {
  const server =
    certificate === undefined ? createServer(onRequest) : createSecureServer(certificate, onRequest)
  let connections = 0
  server.on('connection', () => (connections += 1))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return {
    server,
    port: address.port,
    connections: () => connections,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

function openClient(): HttpClient & AsyncDisposable {
  const client = createHttpClient(createContexts())
  return { ...client, [Symbol.asyncDispose]: client.close }
}

async function ask(client: HttpClient, url: string, request: Partial<HttpRequest> = {}): Promise<string> {
  const answer = await client.send({
    url: new URL(url),
    access: { authorization: undefined, addresses: ['127.0.0.1'], route: DIRECT_ROUTE },
    headers: {},
    signal: AbortSignal.timeout(20_000),
    onProgress: () => {},
    ...request,
  })
  return `${answer.status} ${await text(answer.body)}`
}

test('a connection is kept for the next request', async () => {
  await using client = openClient()
  await using site = await serve((_, response) => response.end('hello'))
  const url = `http://127.0.0.1:${site.port}/a`

  const before = client.isConnected(new URL(url))
  const answers = [await ask(client, url), await ask(client, url)]
  const after = client.isConnected(new URL(url))

  expect(answers).toEqual(['200 hello', '200 hello'])
  expect(site.connections()).toBe(1)
  expect([before, after]).toEqual([false, true])
})

test('a request over a kept connection that the server closes in that moment is repeated over another one', async () => {
  await using client = openClient()
  let asked = 0
  await using site = await serve((request, response) => {
    asked += 1
    // The second request of a connection meets its end.
    if (asked === 2) request.socket.destroy()
    else response.end(`answer ${asked}`)
  })
  const url = `http://127.0.0.1:${site.port}/a`

  const answers = [await ask(client, url), await ask(client, url, { body: Buffer.from('again') })]

  expect(answers).toEqual(['200 answer 1', '200 answer 3'])
})

test('a request over a new connection is not repeated, and neither is a stream', async () => {
  await using client = openClient()
  let asked = 0
  await using site = await serve((request, response) => {
    asked += 1
    if (request.url === '/break') request.socket.destroy()
    else response.end()
  })
  const url = `http://127.0.0.1:${site.port}`
  async function* body() {
    yield Buffer.from('once')
  }

  await expect(ask(client, `${url}/break`)).rejects.toThrow('other side closed')
  await ask(client, `${url}/well`)
  await expect(ask(client, `${url}/break`, { body: body() })).rejects.toThrow('other side closed')

  expect(asked).toBe(3)
})

test('a redirect is an answer like any other', async () => {
  await using client = openClient()
  await using site = await serve((_, response) => response.writeHead(302, { location: '/b' }).end('moved'))

  const answer = await ask(client, `http://127.0.0.1:${site.port}/a`)

  expect(answer).toBe('302 moved')
  expect(site.connections()).toBe(1)
})

test('a name is not looked up again: the checked addresses are where it leads', async () => {
  await using client = openClient()
  const hosts: (string | undefined)[] = []
  await using site = await serve((request, response) => {
    hosts.push(request.headers.host)
    response.end()
  })

  await ask(client, `http://forge.invalid:${site.port}/a`)
  const unknown = ask(client, `http://other.invalid:${site.port}/a`, {
    access: { authorization: undefined, addresses: [], route: DIRECT_ROUTE },
  })

  await expect(unknown).rejects.toThrow('has no address')
  expect(hosts).toEqual([`forge.invalid:${site.port}`])
})

test('it logs in with the first request and says that it is a kind of git', async () => {
  await using client = openClient()
  const seen: unknown[] = []
  await using site = await serve((request, response) => {
    seen.push([request.method, request.headers.authorization, request.headers['user-agent']])
    response.end()
  })

  await ask(client, `http://127.0.0.1:${site.port}/a`, {
    access: { authorization: 'Basic YTpi', addresses: [], route: DIRECT_ROUTE },
    body: Buffer.from('x'),
  })

  expect(seen).toEqual([['POST', 'Basic YTpi', 'git/reposync']])
})

test('a packed answer is unpacked, and one that breaks off is an error', async () => {
  await using client = openClient()
  const packed = gzipSync('refs '.repeat(10_000))
  await using site = await serve((request, response) => {
    response.writeHead(200, { 'content-encoding': request.url === '/odd' ? 'br' : 'gzip' })
    response.end(request.url === '/half' ? packed.subarray(0, 50) : packed)
  })
  const url = `http://127.0.0.1:${site.port}`

  const whole = await ask(client, `${url}/whole`)

  expect(whole).toBe(`200 ${'refs '.repeat(10_000)}`)
  await expect(ask(client, `${url}/half`)).rejects.toThrow('unexpected end of file')
  await expect(ask(client, `${url}/odd`)).rejects.toThrow('in a way that nobody asked for')
})

test('a stream is sent no faster than the server takes it', async () => {
  await using client = openClient()
  const going = Promise.withResolvers<void>()
  await using site = await serve((request, response) => {
    if (request.method === 'POST') {
      void going.promise.then(() => request.resume())
      request.on('end', () => response.end('taken'))
    } else response.end()
  })
  const url = `http://127.0.0.1:${site.port}/a`
  let sent = 0
  let progress = 0
  async function* body() {
    for (; sent < 1000; sent += 1) yield Buffer.alloc(65_536)
  }

  const asked = ask(client, url, { body: body(), onProgress: () => (progress += 1) })
  // Meanwhile there is time enough to send all of it.
  for (let turn = 0; turn < 200; turn += 1) await ask(client, url)
  const held = sent
  going.resolve()
  const answer = await asked

  expect(held).toBeLessThan(300)
  expect(answer).toBe('200 taken')
  expect(progress).toBeGreaterThan(1000)
})

test('a stream that fails ends the request, and the server does not get the rest', async () => {
  await using client = openClient()
  const ended = Promise.withResolvers<string>()
  await using site = await serve((request) => {
    request.resume()
    request.on('end', () => ended.resolve('complete'))
    request.on('error', () => ended.resolve('broken'))
  })
  async function* body() {
    yield Buffer.from('a beginning')
    throw new Error('the source broke off')
  }

  const asked = ask(client, `http://127.0.0.1:${site.port}/a`, { body: body() })

  await expect(asked).rejects.toThrow('the source broke off')
  expect(await ended.promise).toBe('broken')
})

test('an abort ends a request that waits for its answer', async () => {
  await using client = openClient()
  const arrived = Promise.withResolvers<void>()
  await using site = await serve(() => arrived.resolve())
  const stop = new AbortController()

  const asked = ask(client, `http://127.0.0.1:${site.port}/a`, { signal: stop.signal })
  await arrived.promise
  stop.abort(new Error('enough'))

  await expect(asked).rejects.toThrow('enough')
})

test('a certificate of an authority that the system trusts is accepted, and no other', async () => {
  const certificate = createCertificate('git.example.com')
  const stranger = createCertificate('git.example.com')
  const before = getCACertificates('default')
  setDefaultCACertificates([...before, certificate.cert])
  using _ = { [Symbol.dispose]: () => setDefaultCACertificates(before) }
  await using client = openClient()
  await using site = await serve((_request, response) => response.end('hello'), certificate)
  await using false_ = await serve((_request, response) => response.end('hello'), stranger)

  const answer = await ask(client, `https://git.example.com:${site.port}/a`)

  expect(answer).toBe('200 hello')
  await expect(ask(client, `https://git.example.com:${false_.port}/a`)).rejects.toThrow(/self-signed/)
  await expect(ask(client, `https://other.example.com:${site.port}/a`)).rejects.toThrow(/altnames/)
})

test('nothing is left open when it is closed', async () => {
  const client = createHttpClient(createContexts())
  await using site = await serve((_, response) => response.end('hello'))
  await ask(client, `http://127.0.0.1:${site.port}/a`)
  const closed = new Promise<void>((resolve) =>
    site.server.on('request', (request) => request.socket.on('close', resolve)),
  )
  await ask(client, `http://127.0.0.1:${site.port}/a`)

  await client.close()
  await closed

  expect(client.isConnected(new URL(`http://127.0.0.1:${site.port}`))).toBe(false)
})
