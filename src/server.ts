import { createAdaptorServer } from '@hono/node-server'
import type { Hono } from 'hono'
import { Server } from 'node:http'
import type { Clock } from './clock.ts'
import { SECOND } from './clock.ts'
import { ConfigError } from './settings.ts'

export type RunningServer = {
  readonly url: string
  readonly port: number
  /** Stops accepting, lets requests finish for up to `limitMs`, then ends their connections. */
  readonly close: (limitMs: number) => Promise<void>
}

const MOST_CONNECTIONS = 2000

/** Listens; throws a `ConfigError` when the address cannot be listened on. */
export async function startServer(deps: {
  readonly app: Hono
  readonly clock: Clock
  readonly host: string
  readonly port: number
}): Promise<RunningServer> {
  const server = createServer(deps.app)
  const port = await listen(server, deps.host, deps.port)
  const host = deps.host.includes(':') ? `[${deps.host}]` : deps.host
  return {
    url: `http://${host}:${port}`,
    port,
    close: async (limitMs) => {
      using _limit = deps.clock.after(limitMs, () => server.closeAllConnections())
      await endConnections(server)
    },
  }
}

function createServer(app: Hono): Server {
  const server = createAdaptorServer({
    fetch: app.fetch,
    serverOptions: {
      // Time to send a request, against clients that drip; an answer may take hours.
      headersTimeout: 10 * SECOND,
      requestTimeout: 15 * SECOND,
      connectionsCheckingInterval: 1 * SECOND,
    },
  })
  if (!(server instanceof Server)) throw new Error('the adapter made no HTTP/1 server')
  server.maxConnections = MOST_CONNECTIONS
  // While it closes, a kept-alive connection that becomes idle would hold it up.
  server.on('request', (_request, response) => {
    response.once('close', () => {
      if (!server.listening) server.closeIdleConnections()
    })
  })
  return server
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(new ConfigError(describe(error, host, port), { cause: error }))
    })
    server.listen(port, host, () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : port)
    })
  })
}

function describe({ code }: NodeJS.ErrnoException, host: string, port: number): string {
  if (code === 'EADDRINUSE') {
    return `PORT is ${port}, but something else listens on ${host}:${port} already; stop it or choose another PORT.`
  }
  if (code === 'EACCES') return `PORT is ${port}, but this user may not listen there; choose one above 1023.`
  return `HOST is ${host}, but this machine cannot listen on that address (${code ?? 'unknown error'}).`
}

/** Resolves when the last connection has ended. */
function endConnections(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeIdleConnections()
  })
}
