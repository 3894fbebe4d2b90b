import { LENGTH_BYTES, packetLength } from './pkt-line.ts'

// Over a connection that stays open, what ends an answer is the mark that git calls a flush: what follows
// belongs to the next answer.

export type Sections = {
  /** The bytes of the next answer, with the mark at its end. The one before must have been read to its end. */
  readonly next: () => AsyncGenerator<Buffer>
}

/** Cuts at the marks; `onEnd` says what to throw where the bytes end before one. */
export function cutSections(chunks: AsyncIterable<Buffer>, onEnd: () => Promise<Error>): Sections {
  const source = chunks[Symbol.asyncIterator]()
  let rest: Buffer | undefined
  return {
    next: async function* () {
      const findEnd = createEndFinder()
      for (;;) {
        const chunk = rest ?? (await take(source))
        rest = undefined
        if (chunk === undefined) throw await onEnd()
        const end = findEnd(chunk)
        if (end === undefined) yield chunk
        else {
          if (end < chunk.length) rest = chunk.subarray(end)
          yield chunk.subarray(0, end)
          return
        }
      }
    },
  }
}

async function take(source: AsyncIterator<Buffer, unknown>): Promise<Buffer | undefined> {
  const result = await source.next()
  return result.done === true ? undefined : result.value
}

/** Tells where the first mark that ends an answer ends in this piece; undefined: it is not in it. */
function createEndFinder(): (chunk: Buffer) => number | undefined {
  let digits = ''
  let skip = 0
  return (chunk) => {
    let at = 0
    while (at < chunk.length) {
      const step = Math.min(skip, chunk.length - at)
      skip -= step
      at += step
      const taken = chunk.toString('latin1', at, at + LENGTH_BYTES - digits.length)
      digits += taken
      at += taken.length
      if (digits.length < LENGTH_BYTES) break
      const length = packetLength(digits)
      digits = ''
      if (length === 0) return at
      skip = Math.max(length - LENGTH_BYTES, 0)
    }
    return undefined
  }
}
