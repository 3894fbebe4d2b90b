import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

// The ways in which a forge fails a single request.

export type ForgeFault =
  /** Takes the request and never answers. */
  | { readonly kind: 'hang' }
  /** Answers after a while. */
  | { readonly kind: 'late'; readonly delayMs: number }
  /** One byte of the answer at a time, with a pause after each. */
  | { readonly kind: 'drip'; readonly pauseMs: number }
  /**
   * Lets so many bytes of the request or of the answer through; then nothing more (`stall`), the end of the
   * connection (`cut`) or its reset. Only of a push is the request affected.
   */
  | {
      readonly kind: 'stall' | 'cut' | 'reset'
      readonly in: 'request' | 'answer'
      readonly afterBytes: number
    }
  /** Does what is asked and closes the connection without a word, or says nothing at all. */
  | { readonly kind: 'lose' | 'mute' }
  | {
      readonly kind: 'status'
      readonly status: number
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: string
    }
  /** A login page with status 200. */
  | { readonly kind: 'page' }
  | { readonly kind: 'redirect'; readonly to: string }
  /** Does what is asked and says something else. */
  | { readonly kind: 'rewrite'; readonly rewrite: (body: Buffer) => Buffer; readonly type?: string }
  /** Announces more bytes than come. */
  | { readonly kind: 'short' }
  /** No HTTP at all. */
  | { readonly kind: 'noise' }

type Meeting = {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly stop: AbortSignal
}

export type Answer = { readonly message: IncomingMessage; readonly body: Buffer }

/** Deals with a request that the server behind is never to see; resolves to whether it was one. */
export async function refuseWith(
  fault: ForgeFault | undefined,
  { request, response, stop }: Meeting,
): Promise<boolean> {
  switch (fault?.kind) {
    case 'hang':
      return true
    case 'late':
      await sleep(fault.delayMs, undefined, { signal: stop })
      return false
    case 'status':
      response.writeHead(fault.status, fault.headers).end(fault.body ?? '')
      return true
    case 'page':
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Please log in</html>\n')
      return true
    case 'redirect':
      response.writeHead(302, { location: `${fault.to}${request.url ?? '/'}` }).end()
      return true
    case 'noise':
      request.socket.end('\u0000\u0001 this is no HTTP\r\n\r\n')
      return true
    case 'cut':
    case 'reset':
      if (fault.in === 'answer' || fault.afterBytes > 0) return false
      if (fault.kind === 'reset') request.socket.resetAndDestroy()
      else response.destroy()
      return true
    default:
      return false
  }
}

/** Passes on what the server behind has said, as well or as badly as the fault wants it. */
export async function answerWith(
  fault: ForgeFault | undefined,
  response: ServerResponse,
  { message, body }: Answer,
  stop: AbortSignal,
): Promise<void> {
  const { 'transfer-encoding': _, connection: __, ...headers } = message.headers
  const status = message.statusCode ?? 200
  switch (fault?.kind) {
    case 'mute':
      return
    case 'lose':
      return void response.destroy()
    case 'drip':
      response.writeHead(status, headers)
      for (const byte of body) {
        response.write(Buffer.of(byte))
        await sleep(fault.pauseMs, undefined, { signal: stop })
        if (response.destroyed) return
      }
      return void response.end()
    case 'stall':
    case 'cut':
    case 'reset': {
      if (fault.in === 'request') break
      response.writeHead(status, headers)
      await new Promise((resolve) => response.write(body.subarray(0, fault.afterBytes), resolve))
      if (fault.kind === 'cut') response.destroy()
      if (fault.kind === 'reset') response.socket?.resetAndDestroy()
      return
    }
    case 'rewrite': {
      const { 'content-length': ___, ...others } = headers
      const type = fault.type === undefined ? {} : { 'content-type': fault.type }
      return void response.writeHead(status, { ...others, ...type }).end(fault.rewrite(body))
    }
    case 'short':
      response.writeHead(status, { ...headers, 'content-length': body.length + 100 })
      response.end(body)
      return void response.socket?.end()
    default:
  }
  response.writeHead(status, headers).end(body)
}
