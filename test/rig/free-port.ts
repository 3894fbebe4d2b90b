import { once } from 'node:events'
import { createServer } from 'node:net'

// The system hands out higher ones by itself, so that a port which was free a moment ago may be anybody's now.
const FIRST = 20_000
const LAST = 32_000

/** A port of this machine on which nothing listens, for a program that cannot choose one by itself. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST))
    const server = createServer().listen(port, '127.0.0.1')
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    )
    if (!isFree) continue
    server.close()
    await once(server, 'close')
    return port
  }
}
