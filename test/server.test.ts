import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { Hono } from 'hono'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../src/clock.ts'
import type { RunningServer } from '../src/server.ts'
import { startServer } from '../src/server.ts'

/** A server with the given routes on a free port. */
async function listening(build: (app: Hono) => void = () => {}): Promise<RunningServer> {
  const app = new Hono()
  build(app)
  const server = await startServer({ app, clock: systemClock, host: '127.0.0.1', port: 0 })
  onTestFinished(() => server.close(0))
  return server
}

/** Sends bytes as they are and returns everything the server says until it closes. */
async function sendRaw(port: number, request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(request)
  return text(socket)
}

test('the server says in one sentence that its port is taken', async () => {
  const { port } = await listening()
  const app = new Hono()

  const second = startServer({ app, clock: systemClock, host: '127.0.0.1', port })

  await expect(second).rejects.toThrow(
    `PORT is ${port}, but something else listens on 127.0.0.1:${port} already; stop it or choose another PORT.`,
  )
})

test('the server says in one sentence that its address is not of this machine', async () => {
  const app = new Hono()

  const server = startServer({ app, clock: systemClock, host: '192.0.2.1', port: 0 })

  await expect(server).rejects.toThrow(/^HOST is 192\.0\.2\.1, but this machine cannot listen/)
})

test('the server refuses two lengths for one body', async () => {
  const { port } = await listening()

  const answer = await sendRaw(
    port,
    'POST /api/v1/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
  )

  expect(answer).toMatch(/^HTTP\/1\.1 400 /)
})

test('the server closes a connection that does not finish its headers', { timeout: 20_000 }, async () => {
  const { port } = await listening()

  const answer = await sendRaw(port, 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n')

  expect(answer).toMatch(/^HTTP\/1\.1 408 /)
})

test('the server lets a running request finish when it closes, and then ends the kept-alive connection', async () => {
  const arrived = Promise.withResolvers<void>()
  const release = Promise.withResolvers<void>()
  const { url, close } = await listening((app) => {
    app.get('/slow', async (c) => {
      arrived.resolve()
      await release.promise
      return c.text('done')
    })
  })
  const answer = fetch(`${url}/slow`)
  await arrived.promise

  const closed = close(60_000)
  release.resolve()

  expect(await (await answer).text()).toBe('done')
  await closed
  await expect(fetch(`${url}/healthz`)).rejects.toThrow('fetch failed')
})

test('the server ends requests that are still running when its time to close is over', async () => {
  const arrived = Promise.withResolvers<void>()
  const { url, close } = await listening((app) => {
    app.get('/slow', () => {
      arrived.resolve()
      return new Promise<never>(() => {})
    })
  })
  const answer = fetch(`${url}/slow`).then(
    () => 'answered',
    () => 'ended',
  )
  await arrived.promise

  await close(0)

  expect(await answer).toBe('ended')
})
