import { createServer, request as requestHttp } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

// A real forward proxy on loopback: CONNECT tunnels and plain requests, behind a password when one is given.
//
//   await using proxy = await startForwardProxy({ username: 'ann', password: 'p@ss', names: ['git.corp.example'] })
//   proxy.url                      // with the password, as HOST_PROXY takes it
//   proxy.failWith(502)            // what every request gets from now on; undefined: it is well again
//   proxy.requests                 // what it was asked for
//   proxy.heard()                  // every byte that clients have sent it, inside tunnels too
//
// It alone knows the names: to everybody else they do not exist. They lead to this machine, at the port asked for.

export type ProxyRequest = {
  readonly method: string
  /** `host:port` for a tunnel, a whole URL for a plain request. */
  readonly target: string
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
}

/** A status, or taking the request and never answering. */
export type ProxyFault = number | 'hang'

export type ForwardProxy = AsyncDisposable & {
  readonly url: string
  readonly port: number
  readonly requests: readonly ProxyRequest[]
  readonly heard: () => string
  /** Resolves with the next request that arrives. */
  readonly asked: () => Promise<ProxyRequest>
  /** Resolves when no client is connected any more. */
  readonly deserted: () => Promise<void>
  readonly failWith: (fault: ProxyFault | undefined) => void
}

export type ForwardProxyOptions = {
  readonly username?: string
  readonly password?: string
  readonly names?: readonly string[]
}

export async function startForwardProxy(options: ForwardProxyOptions = {}): Promise<ForwardProxy> {
  const { username = '', password, names = [] } = options
  const requests: ProxyRequest[] = []
  const heard: Buffer[] = []
  const sockets = new Set<Socket>()
  const asking = new Set<(request: ProxyRequest) => void>()
  const leaving = new Set<() => void>()
  let fault: ProxyFault | undefined

  const server = createServer((request, response) => {
    const refusal = receive(request)
    if (refusal === 'hang') return
    if (refusal !== undefined) response.writeHead(refusal, challenge(refusal)).end()
    else forward(request, response)
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('data', (chunk: Buffer) => void heard.push(chunk))
    // Sockets of Node's http server stay open when the other end has closed.
    socket.on('end', () => socket.end())
    socket.on('error', () => {})
    socket.on('close', () => {
      sockets.delete(socket)
      if (sockets.size === 0) for (const leave of leaving) leave()
    })
  })
  server.on('connect', (request, socket: Duplex, head: Buffer) => {
    const refusal = receive(request)
    if (refusal === 'hang') return
    if (refusal !== undefined) socket.end(`HTTP/1.1 ${refusal} No\r\n${challengeLine(refusal)}\r\n`)
    else tunnel(request.url ?? '', socket, head)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port')
  const { port } = address

  function receive(incoming: IncomingMessage): ProxyFault | undefined {
    const { method = '', url: target = '', headers } = incoming
    const request = { method, target, headers }
    requests.push(request)
    for (const ask of asking) ask(request)
    asking.clear()
    if (fault !== undefined) return fault
    const expected = `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}`
    return password === undefined || headers['proxy-authorization'] === expected ? undefined : 407
  }

  /** Undefined: nobody knows the name. */
  function resolve(host: string): string | undefined {
    if (/^[\d.]+$/.test(host)) return host
    return names.includes(host) ? '127.0.0.1' : undefined
  }

  function tunnel(target: string, client: Duplex, head: Buffer): void {
    const { hostname, port: targetPort } = new URL(`http://${target}`)
    const host = resolve(hostname)
    if (host === undefined) return void client.end('HTTP/1.1 502 No such host\r\n\r\n')
    const upstream = connect(Number(targetPort === '' ? 80 : targetPort), host, () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n')
      upstream.write(head)
      upstream.pipe(client).pipe(upstream)
    })
    upstream.on('error', () => client.destroy())
    client.on('error', () => upstream.destroy())
    client.on('close', () => upstream.destroy())
  }

  function forward(request: IncomingMessage, response: ServerResponse): void {
    const target = new URL(request.url ?? '')
    const host = resolve(target.hostname)
    if (host === undefined) return void response.writeHead(502).end()
    const { 'proxy-authorization': _, 'proxy-connection': __, ...headers } = request.headers
    const upstream = requestHttp(
      {
        host,
        port: target.port,
        method: request.method,
        path: `${target.pathname}${target.search}`,
        headers,
      },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(response)
      },
    )
    upstream.on('error', () => response.destroy())
    request.pipe(upstream)
  }

  const credentials =
    password === undefined ? '' : `${encodeURIComponent(username)}:${encodeURIComponent(password)}@`
  return {
    url: `http://${credentials}127.0.0.1:${port}`,
    port,
    requests,
    heard: () => Buffer.concat(heard).toString('latin1'),
    asked: () => new Promise((resolve) => void asking.add(resolve)),
    deserted: () => new Promise((resolve) => (sockets.size === 0 ? resolve() : void leaving.add(resolve))),
    failWith: (next) => {
      fault = next
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

function challenge(status: number): Readonly<Record<string, string>> {
  return status === 407 ? { 'proxy-authenticate': 'Basic realm="proxy"' } : {}
}

function challengeLine(status: number): string {
  return Object.entries(challenge(status))
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')
}
