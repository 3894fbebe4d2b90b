import fc from 'fast-check'
import { expect, test } from 'vitest'
import { applyDelta } from '../../../src/git/wire/delta.ts'
import { WireError } from '../../../src/git/wire/wire-error.ts'
import { bytes } from './pieces.ts'

type Instruction =
  | { readonly kind: 'put'; readonly bytes: Buffer }
  | { readonly kind: 'copy'; readonly from: number; readonly length: number }

const LIMIT = 2 ** 20

/** A delta as git would write it. */
function encode(base: Buffer, instructions: readonly Instruction[]): Buffer {
  const size = instructions.reduce(
    (sum, each) => sum + (each.kind === 'put' ? each.bytes.length : each.length),
    0,
  )
  return Buffer.concat([encodeSize(base.length), encodeSize(size), ...instructions.map(encodeInstruction)])
}

function encodeSize(size: number): Buffer {
  const encoded: number[] = []
  for (let left = size; ; left = Math.floor(left / 128)) {
    if (left < 128) return Buffer.from([...encoded, left])
    encoded.push((left % 128) + 128)
  }
}

function encodeInstruction(instruction: Instruction): Buffer {
  if (instruction.kind === 'put') {
    return Buffer.concat([Buffer.of(instruction.bytes.length), instruction.bytes])
  }
  let code = 128
  const numbers: number[] = []
  const { from, length } = instruction
  for (const [bit, byte] of [
    from & 255,
    (from >> 8) & 255,
    from >> 16,
    0,
    length & 255,
    (length >> 8) & 255,
  ].entries()) {
    // The length of 64 KB is written as none.
    if (byte === 0 || (bit >= 4 && length === 0x10000)) continue
    code |= 1 << bit
    numbers.push(byte)
  }
  return Buffer.from([code, ...numbers])
}

test('a delta makes what was meant, out of any base', () => {
  const drawn = fc.record({
    base: fc.oneof(bytes(400), fc.constant(Buffer.alloc(70_000, 'base'))),
    seeds: fc.array(fc.tuple(fc.nat(), fc.nat(), bytes(127))),
  })
  fc.assert(
    fc.property(drawn, ({ base, seeds }) => {
      const instructions = seeds.flatMap(([start, size, put]): readonly Instruction[] => {
        const from = base.length === 0 ? 0 : start % base.length
        const length = Math.min(size % 0x10001, base.length - from)
        return [
          ...(length === 0 ? [] : [{ kind: 'copy', from, length } as const]),
          ...(put.length === 0 ? [] : [{ kind: 'put', bytes: put } as const]),
        ]
      })
      const expected = Buffer.concat(
        instructions.map((each) =>
          each.kind === 'put' ? each.bytes : base.subarray(each.from, each.from + each.length),
        ),
      )

      expect(applyDelta(base, encode(base, instructions), 2 ** 30)).toEqual(expected)
    }),
  )
})

test('any other bytes are an error or make what they announce', () => {
  fc.assert(
    fc.property(bytes(100), bytes(60), (base, garbage) => {
      const made = tryToApply(base, Buffer.concat([encodeSize(base.length), garbage]))

      expect(made === 'error' || garbage.indexOf(encodeSize(made.length)) === 0).toBe(true)
    }),
    { numRuns: 2000 },
  )
})

function tryToApply(base: Buffer, delta: Buffer): Buffer | 'error' {
  try {
    return applyDelta(base, delta, LIMIT)
  } catch (error) {
    if (error instanceof WireError) return 'error'
    throw error
  }
}

test.each([
  ['another base', Buffer.of(4, 0), 'another object'],
  ['too much', Buffer.from([3, 255, 255, 255, 127]), 'larger object'],
  ['an instruction that nobody knows', Buffer.of(3, 1, 0), 'nobody knows'],
  ['a copy from behind the base', Buffer.of(3, 2, 0b10010001, 2, 2), 'not there'],
  ['more than it puts in', Buffer.of(3, 4, 4, 1, 2), 'not there'],
  ['less than it says', Buffer.of(3, 4, 1, 65), 'another size'],
  ['more than it says', Buffer.of(3, 1, 2, 65, 66), 'another size'],
  ['an end in the middle', Buffer.of(3, 1, 0b10010001, 0), 'breaks off'],
])('a delta with %s is refused', (_, delta, message) => {
  expect(() => applyDelta(Buffer.from('abc'), delta, LIMIT)).toThrow(message)
})
