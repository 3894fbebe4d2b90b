import { createHash, randomBytes } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, rename, rm, stat } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'

// How the LFS server of the tests stores and serves objects, and what can be wrong with it.

export type LfsStage = 'batch' | 'download' | 'upload' | 'verify'

export type LfsFault = {
  readonly stage: LfsStage
  readonly repository?: string
  readonly oid?: string
  /** How often it happens; without, until `heal`. */
  readonly times?: number
} & (
  | {
      readonly kind: 'status'
      readonly status: number
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: string
    }
  /** `forget`: takes an object, says so, and does not have it. */
  | { readonly kind: 'hang' | 'html' | 'wrong_bytes' | 'forget' }
  /** Ends the connection, or nothing more happens on it, after so many bytes of the object. */
  | { readonly kind: 'cut' | 'stall'; readonly afterBytes: number; readonly onReached?: () => void }
  | { readonly kind: 'redirect'; readonly to: string }
  /** The batch answer carries this error for the object. */
  | { readonly kind: 'object_error'; readonly code: number; readonly message: string }
  /** The batch answer leads to this origin, or says this in place of the rest. */
  | { readonly kind: 'links'; readonly origin: string }
  | { readonly kind: 'answer'; readonly body: object }
)

export type LfsRequest = {
  readonly stage: LfsStage
  readonly repository: string
  readonly operation: string | undefined
  readonly oids: readonly string[]
  readonly authorization: string | undefined
  readonly range: string | undefined
  readonly atStorage: boolean
}

/** Serves an object, or the part that the client lacks, as healthy or as broken as asked. */
export async function sendObject(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  fault: LfsFault | undefined,
): Promise<void> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) return void response.writeHead(404).end()
  const [, from = '0'] = /^bytes=(\d+)-$/.exec(request.headers.range ?? '') ?? []
  const start = Number(from)
  const range = start === 0 ? {} : { 'content-range': `bytes ${start}-${found.size - 1}/${found.size}` }
  response.writeHead(start === 0 ? 200 : 206, { 'content-length': found.size - start, ...range })
  const limit = fault?.kind === 'cut' || fault?.kind === 'stall' ? fault.afterBytes : Infinity
  let sent = 0
  for await (const chunk of chunksOf(path, start)) {
    const part = fault?.kind === 'wrong_bytes' ? Buffer.from(chunk.map((byte) => byte ^ 1)) : chunk
    const isOpen = response.write(part.subarray(0, Math.max(0, limit - sent)))
    sent += part.length
    if (sent >= limit) {
      if (fault?.kind === 'stall') fault.onReached?.()
      // What was written has to leave before the connection ends.
      if (fault?.kind === 'cut') response.socket?.end()
      return
    }
    if (!isOpen) await firstOf(response, 'drain', 'close')
    if (response.destroyed) return
  }
  response.end()
}

/** Takes an object; only one with the right bytes is kept. */
export async function receiveObject(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  oid: string,
  fault: LfsFault | undefined,
): Promise<void> {
  const partial = `${path}.${randomBytes(4).toString('hex')}`
  await mkdir(dirname(path), { recursive: true })
  const hash = createHash('sha256')
  const limit = fault?.kind === 'cut' || fault?.kind === 'stall' ? fault.afterBytes : Infinity
  let received = 0
  try {
    await pipeline(
      request,
      async function* (chunks: AsyncIterable<Buffer>) {
        for await (const chunk of chunks) {
          received += chunk.length
          if (received >= limit && fault?.kind === 'cut') request.destroy()
          if (received >= limit && fault?.kind === 'stall') {
            fault.onReached?.()
            await firstOf(request, 'close')
          }
          hash.update(chunk)
          yield chunk
        }
      },
      createWriteStream(partial),
    )
    const isRight = hash.digest('hex') === oid
    if (isRight && fault?.kind !== 'forget') await rename(partial, path)
    response.writeHead(isRight ? 200 : 422).end()
  } finally {
    await rm(partial, { force: true })
  }
}

async function* chunksOf(path: string, start: number): AsyncIterable<Buffer> {
  for await (const chunk of createReadStream(path, { start })) if (Buffer.isBuffer(chunk)) yield chunk
}

function firstOf(emitter: IncomingMessage | ServerResponse, ...events: readonly string[]): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      for (const event of events) emitter.off(event, done)
      resolve()
    }
    for (const event of events) emitter.on(event, done)
  })
}
