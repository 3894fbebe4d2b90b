import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, RequestListener } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Certificate } from './certificate.ts'

// What all fake forges have in common: a real HTTP server that records every request and can be made to fail.

export type FakeRequest = {
  readonly method: string
  /** Without the query, percent escapes as they were sent. */
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: Readonly<Record<string, string>>
  /** As received; what it means is for the forge to say. */
  readonly body: string
}

export type FakeAnswer = {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly json?: unknown
  /** Instead of JSON. */
  readonly text?: string
}

/** Instead of the forge's own answer: another one, or none at all. */
export type Fault = FakeAnswer | 'silence'

export type FakeForge = AsyncDisposable & {
  readonly origin: string
  readonly requests: readonly FakeRequest[]
  /** Every request from now on meets this fault; undefined: the forge is well again. */
  readonly failWith: (fault: Fault | undefined) => void
}

export async function startFakeForge(
  answer: (request: FakeRequest) => FakeAnswer | Promise<FakeAnswer>,
  tls?: Certificate,
): Promise<FakeForge> {
  const requests: FakeRequest[] = []
  let fault: Fault | undefined
  const onRequest: RequestListener = (incoming, outgoing) => {
    void readRequest(incoming).then(async (request) => {
      requests.push(request)
      const answered = fault ?? (await answer(request))
      if (answered === 'silence') return
      const { status, headers = {}, json } = answered
      const text = answered.text ?? (json === undefined ? '' : JSON.stringify(json))
      outgoing.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text)
    })
  }
  const server = tls === undefined ? createServer(onRequest) : createSecureServer(tls, onRequest)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http${tls === undefined ? '' : 's'}://127.0.0.1:${portOf(server.address())}`
  return {
    origin,
    requests,
    failWith: (next) => {
      fault = next
    },
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string') throw new Error('the fake forge does not listen')
  return address.port
}

async function readRequest(incoming: IncomingMessage): Promise<FakeRequest> {
  const chunks: Uint8Array[] = []
  for await (const chunk of incoming) chunks.push(Buffer.from(chunk))
  const url = new URL(incoming.url ?? '/', 'http://fake')
  return {
    method: incoming.method ?? '',
    path: url.pathname,
    query: url.searchParams,
    headers: Object.fromEntries(
      Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]),
    ),
    body: Buffer.concat(chunks).toString(),
  }
}
