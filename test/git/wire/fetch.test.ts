import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createPackReader, fetchRequest } from '../../../src/git/wire/fetch.ts'
import { FLUSH, packet, textPacket } from '../../../src/git/wire/pkt-line.ts'
import { WireError } from '../../../src/git/wire/wire-error.ts'
import { shaOf } from '../../rig/repository.ts'
import { bytes, cuts, inPieces } from './pieces.ts'

const START = textPacket('packfile')

function band(number: number, payload: Buffer | string): Buffer {
  return packet(Buffer.concat([Buffer.of(number), Buffer.from(payload)]))
}

function read(pieces: readonly Buffer[]): Buffer {
  const reader = createPackReader()
  const found = pieces.flatMap((piece) => [...reader.take(piece)])
  reader.end()
  return Buffer.concat(found)
}

test('the request names one commit to get and one to start from, and waits for no negotiation', () => {
  const request = fetchRequest({ want: shaOf('a'.repeat(40)), have: shaOf('b'.repeat(40)) })

  expect(request.toString()).toBe(
    [
      '0012command=fetch\n0001',
      '000ethin-pack\n000eofs-delta\n0010no-progress\n',
      `0032want ${'a'.repeat(40)}\n`,
      `0032have ${'b'.repeat(40)}\n`,
      '0009done\n0000',
    ].join(''),
  )
})

test('the pack comes out whole, in whatever pieces it arrives and whatever is said beside it', () => {
  const part = fc.record({ number: fc.constantFrom(1, 1, 1, 2), payload: bytes(2000) })
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), cuts(), (parts, sizes) => {
      const answer = Buffer.concat([START, ...parts.map((each) => band(each.number, each.payload)), FLUSH])

      const pack = read(inPieces(answer, sizes))

      expect(pack).toEqual(
        Buffer.concat(parts.filter((each) => each.number === 1).map((each) => each.payload)),
      )
    }),
  )
})

test.each([
  ['a shallow source', [textPacket('shallow-info'), textPacket(`shallow ${'a'.repeat(40)}`)], /shallow-info/],
  ['an acknowledgment', [textPacket('acknowledgments'), textPacket('NAK')], /acknowledgments/],
  ['nothing', [], /breaks off/],
  ['an end at once', [FLUSH], /flush/],
  ['no end', [START, band(1, 'PACK')], /breaks off/],
  ['half a packet', [START, band(1, 'PACK').subarray(0, 6)], /middle of a packet/],
  ['another section', [START, band(1, 'PACK'), Buffer.from('0001'), FLUSH], /delimiter/],
  ['more than the pack', [START, FLUSH, band(1, 'PACK')], /follows the end/],
  ['a band that nobody knows', [START, band(4, 'x'), FLUSH], /no side band/],
  ['an empty packet', [START, packet(Buffer.alloc(0)), FLUSH], /no side band/],
])('%s is no pack', (_, answer, message) => {
  expect(() => read([Buffer.concat(answer)])).toThrow(message)
})

test('a server that gives up is quoted, wherever it says so', () => {
  const broken = Buffer.concat([START, band(1, 'PACK'), band(3, 'upload-pack: no space\n')])
  const refused = textPacket(`ERR upload-pack: not our ref ${'a'.repeat(40)}`)

  expect(() => read([broken])).toThrow(new WireError('refused', 'upload-pack: no space'))
  expect(() => read([refused])).toThrow(/not our ref a+$/)
})
