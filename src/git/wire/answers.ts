import type { RefName } from '../refs.ts'
import type { Advertisement } from './advertisement.ts'
import { parseAdvertisement } from './advertisement.ts'
import { createPackReader } from './fetch.ts'
import type { ListedRef } from './ls-refs.ts'
import { createRefReader } from './ls-refs.ts'
import type { UpdateReport } from './receive-pack.ts'
import { createReportReader } from './receive-pack.ts'

// The answers of a server, read to their end as they arrive. Half an answer rejects with a `WireError`.

const MAX_ADVERTISEMENT = 64 * 1024

/** Reads no more than a server of version 2 says: one without it answers with all its refs. */
export async function readAdvertisement(body: AsyncIterable<Buffer>): Promise<Advertisement> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body) {
    chunks.push(chunk)
    size += chunk.length
    if (size > MAX_ADVERTISEMENT) break
  }
  return parseAdvertisement(Buffer.concat(chunks))
}

/** Calls back with every ref of the answer; half an answer rejects when it ends. */
export async function readRefs(body: AsyncIterable<Buffer>, onRef: (ref: ListedRef) => void): Promise<void> {
  const reader = createRefReader()
  for await (const chunk of body) reader.take(chunk).forEach(onRef)
  reader.end()
}

/** The bytes of the pack as they arrive; it ends well only when the pack is complete. */
export async function* readPack(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const reader = createPackReader()
  for await (const chunk of body) yield* reader.take(chunk)
  reader.end()
}

/** What became of the ref. */
export async function readReport(body: AsyncIterable<Buffer>, ref: RefName): Promise<UpdateReport> {
  const reader = createReportReader()
  for await (const chunk of body) reader.take(chunk)
  return reader.end(ref)
}
