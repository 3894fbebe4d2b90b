import { IncomingMessage } from 'node:http'
import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { z } from 'zod'
import type { WebhookRequest } from '../forge/forge.ts'

// The bytes of a webhook, taken from the server itself: the stream that a fetch Request would put around
// them costs more than everything else that is done with a delivery before it is stored.

const NodeServer = z.object({ incoming: z.instanceof(IncomingMessage) })

/** Reads the whole request; a body of more than `maxBody` bytes is not read on. */
export async function readRequest(c: Context, maxBody: number): Promise<WebhookRequest | 'too_large'> {
  const { incoming } = NodeServer.parse(c.env)
  const body = await readBody(incoming, maxBody)
  if (body === 'too_large') return body
  return {
    method: c.req.method === 'GET' ? 'GET' : 'POST',
    headers: headersOf(incoming),
    query: queryOf(incoming),
    body,
  }
}

function queryOf({ url = '' }: IncomingMessage): URLSearchParams {
  const start = url.indexOf('?')
  return new URLSearchParams(start === -1 ? '' : url.slice(start))
}

function headersOf({ headers }: IncomingMessage): ReadonlyMap<string, string> {
  const map = new Map<string, string>()
  for (const name in headers) {
    const value = headers[name]
    if (typeof value === 'string') map.set(name, value)
  }
  return map
}

function readBody(incoming: IncomingMessage, maxBody: number): Promise<Uint8Array | 'too_large'> {
  if (Number(incoming.headers['content-length'] ?? 0) > maxBody) return Promise.resolve('too_large')
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    const settle = (finish: () => void): void => {
      incoming.off('data', onData).off('end', onEnd).off('close', onCut).off('error', onCut)
      finish()
    }
    const onData = (chunk: Buffer): void => {
      length += chunk.length
      chunks.push(chunk)
      if (length > maxBody) settle(() => resolve('too_large'))
    }
    const onEnd = (): void => settle(() => resolve(Buffer.concat(chunks)))
    const onCut = (): void =>
      settle(() => reject(new HTTPException(400, { message: 'the body did not arrive whole' })))
    incoming.on('data', onData).on('end', onEnd).on('close', onCut).on('error', onCut)
  })
}
