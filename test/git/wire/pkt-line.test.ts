import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Packet } from '../../../src/git/wire/pkt-line.ts'
import {
  createPacketReader,
  DELIMITER,
  FLUSH,
  packet,
  packetText,
  textPacket,
} from '../../../src/git/wire/pkt-line.ts'
import { WireError } from '../../../src/git/wire/wire-error.ts'
import { bytes, cuts, inPieces } from './pieces.ts'

function read(pieces: readonly Buffer[]): readonly Packet[] {
  const reader = createPacketReader()
  const packets = pieces.flatMap((piece) => [...reader.take(piece)])
  reader.end()
  return packets
}

function encode(item: Packet): Buffer {
  if (item === 'flush') return FLUSH
  if (item === 'delimiter') return DELIMITER
  return item === 'response_end' ? Buffer.from('0002') : packet(item)
}

test('what is written is read again, in whatever pieces it arrives', () => {
  const item = fc.oneof(
    fc.constantFrom<Packet>('flush', 'delimiter', 'response_end'),
    bytes(3000).filter((payload) => payload.toString('latin1', 0, 4) !== 'ERR '),
  )
  fc.assert(
    fc.property(fc.array(item, { maxLength: 20 }), cuts(), (packets, sizes) => {
      const found = read(inPieces(Buffer.concat(packets.map(encode)), sizes))

      expect(found).toEqual(packets)
    }),
  )
})

test('the largest packet passes and a larger one is not made', () => {
  const largest = Buffer.alloc(65_516, 'x')

  const found = read([packet(largest)])

  expect(found).toEqual([largest])
  expect(() => packet(Buffer.alloc(65_517))).toThrow('65521')
})

test('any other bytes are packets or an error, and never an endless wait', () => {
  fc.assert(
    fc.property(bytes(200), cuts(), (garbage, sizes) => {
      const taken = tryToRead(inPieces(garbage, sizes))

      expect([garbage.length, 'error']).toContain(taken)
    }),
    { numRuns: 500 },
  )
})

function tryToRead(pieces: readonly Buffer[]): number | 'error' {
  try {
    return read(pieces).reduce((sum, found) => sum + (typeof found === 'string' ? 4 : found.length + 4), 0)
  } catch (error) {
    if (error instanceof WireError) return 'error'
    throw error
  }
}

test.each(['0003', 'zzzz', '-001', 'fff1', ' 00a', '<htm'])('%s is not the length of a packet', (length) => {
  const reader = createPacketReader()

  expect(() => reader.take(Buffer.from(`${length}more`))).toThrow('is not the length of a packet')
})

test('an end in the middle of a packet is an error', () => {
  const reader = createPacketReader()
  reader.take(textPacket('version 2').subarray(0, -1))

  expect(() => reader.end()).toThrow('in the middle of a packet')
})

test('the error of a server is thrown in its words', () => {
  const reader = createPacketReader()

  expect(() => reader.take(textPacket('ERR access denied or repository not exported'))).toThrow(
    new WireError('refused', 'access denied or repository not exported'),
  )
})

test('one line feed ends a text and no more than one is taken away', () => {
  expect(packetText(Buffer.from('want\n'))).toBe('want')
  expect(packetText(Buffer.from('want'))).toBe('want')
  expect(packetText(Buffer.from('want\n\n'))).toBe('want\n')
})
