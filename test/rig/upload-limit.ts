import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'

/** Lets no push through that is larger: answers 413 (`refuse`) or closes the connection (`cut`), as a proxy does. */
export type UploadLimit = {
  readonly kind: 'upload_limit'
  readonly bytes: number
  readonly how: 'refuse' | 'cut'
}

/** Takes the body as long as it is small enough; resolves to undefined when the request has been turned away. */
export async function limitUpload(
  request: IncomingMessage,
  response: ServerResponse,
  { bytes, how }: UploadLimit,
): Promise<Readable | undefined> {
  const chunks: Buffer[] = []
  let taken = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    if (!Buffer.isBuffer(chunk)) continue
    taken += chunk.length
    if (taken <= bytes) {
      chunks.push(chunk)
      continue
    }
    if (how === 'cut') response.destroy()
    else response.writeHead(413).end()
    request.resume()
    return undefined
  }
  return Readable.from([Buffer.concat(chunks)])
}
