import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DELIMITER, FLUSH, packet } from '../../../src/git/wire/pkt-line.ts'
import { cutSections } from '../../../src/git/wire/sections.ts'
import { bytes, cuts, inPieces } from './pieces.ts'

async function* arrive(pieces: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* pieces
}

const GONE = new Error('the server is gone')

function cut(pieces: readonly Buffer[]): ReturnType<typeof cutSections> {
  return cutSections(arrive(pieces), () => Promise.resolve(GONE))
}

async function whole(section: AsyncIterable<Buffer>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(section))
}

// A packet may hold what looks like the mark.
const content = fc.oneof(
  bytes(300).map((payload) => packet(payload)),
  fc.constant(packet(FLUSH)),
  fc.constant(DELIMITER),
)
const answers = fc.array(
  fc.array(content, { maxLength: 5 }).map((packets) => Buffer.concat([...packets, FLUSH])),
  { minLength: 1, maxLength: 4 },
)

test('answers that follow each other are told apart, in whatever pieces they arrive', async () => {
  await fc.assert(
    fc.asyncProperty(answers, cuts(), async (sent, sizes) => {
      const sections = cut(inPieces(Buffer.concat(sent), sizes))

      const read: Buffer[] = []
      for (const _ of sent) read.push(await whole(sections.next()))

      expect(read).toEqual(sent)
    }),
  )
})

test('an answer that breaks off is no answer', async () => {
  await fc.assert(
    fc.asyncProperty(answers, cuts(), fc.nat(), async (sent, sizes, length) => {
      const last = sent.at(-1) ?? FLUSH
      const broken = Buffer.concat([...sent.slice(0, -1), last.subarray(0, length % last.length)])
      const sections = cut(inPieces(broken, sizes))

      for (const _ of sent.slice(1)) await whole(sections.next())

      await expect(whole(sections.next())).rejects.toBe(GONE)
    }),
  )
})

test('what is no packet is refused', async () => {
  const sections = cut([Buffer.from('Welcome to the forge\n')])

  await expect(whole(sections.next())).rejects.toThrow('"Welc" is not the length of a packet')
})
