import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'

// A line to a server that is far away: every byte takes half a round trip longer, each way. Nothing is lost, and
// as much as anybody sends is under way at once.

export type SlowLine = AsyncDisposable & {
  readonly port: number
  /** Ends all connections. */
  readonly cut: () => void
}

export async function startSlowLine(toPort: number, roundTripMs: number): Promise<SlowLine> {
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ port: toPort, host: '127.0.0.1', noDelay: true })
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => sockets.delete(socket))
    }
    carry(near, far, roundTripMs / 2)
    carry(far, near, roundTripMs / 2)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the line has no port')
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    port: address.port,
    cut,
    [Symbol.asyncDispose]: async () => {
      cut()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

function carry(from: Socket, to: Socket, delayMs: number): void {
  // A new connection costs the round trip of its handshake too, which on loopback takes no time.
  const openAt = performance.now() + 2 * delayMs
  const waiting: { readonly at: number; readonly action: () => void }[] = []
  const later = (action: () => void): void => {
    waiting.push({ at: Math.max(performance.now(), openAt) + delayMs, action })
    if (waiting.length === 1) wait()
  }
  // One timer for all, so that nothing overtakes anything.
  const wait = (): void => {
    const [next] = waiting
    if (next === undefined) return
    const left = next.at - performance.now()
    if (left > 0) setTimeout(wait, left)
    else {
      next.action()
      waiting.shift()
      wait()
    }
  }
  from.on('data', (chunk) => later(() => to.write(chunk)))
  from.on('end', () => later(() => to.end()))
  from.on('close', () => later(() => to.destroy()))
}
