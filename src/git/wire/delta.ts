import { malformed } from './wire-error.ts'

// An object that a pack stores as what differs from another one: pieces to copy from there, and pieces to put in.

/** Makes the object out of its base. Throws a `WireError` at instructions that do not fit it or each other. */
export function applyDelta(base: Buffer, delta: Buffer, maxSize: number): Buffer {
  const baseSize = readSize(delta, 0)
  const resultSize = readSize(delta, baseSize.end)
  if (baseSize.value !== base.length) throw malformed('a delta belongs to another object')
  if (resultSize.value > maxSize) throw malformed('a delta makes a larger object than anybody means')
  const pieces: Buffer[] = []
  let size = 0
  for (let at = resultSize.end; at < delta.length;) {
    const { piece, end } = readPiece(base, delta, at)
    size += piece.length
    if (size > resultSize.value) break
    pieces.push(piece)
    at = end
  }
  if (size !== resultSize.value) throw malformed('a delta makes an object of another size than it says')
  return Buffer.concat(pieces)
}

// Seven bits per byte, the lowest first.
function readSize(delta: Buffer, start: number): { readonly value: number; readonly end: number } {
  let value = 0
  let factor = 1
  for (let at = start; ; at += 1) {
    const byte = byteAt(delta, at)
    value += (byte & 127) * factor
    if (!Number.isSafeInteger(value)) throw malformed('a delta is larger than anything')
    if (byte < 128) return { value, end: at + 1 }
    factor *= 128
  }
}

function readPiece(
  base: Buffer,
  delta: Buffer,
  start: number,
): { readonly piece: Buffer; readonly end: number } {
  const code = byteAt(delta, start)
  if (code === 0) throw malformed('a delta holds an instruction that nobody knows')
  if (code < 128) return cut(delta, start + 1, code, start + 1 + code)
  // The bits of the code tell which bytes of the offset (four) and of the length (three) follow.
  let at = start + 1
  const number = (firstBit: number, count: number): number => {
    let value = 0
    for (let byte = 0; byte < count; byte += 1) {
      if ((code & (1 << (firstBit + byte))) === 0) continue
      value += byteAt(delta, at) * 256 ** byte
      at += 1
    }
    return value
  }
  const from = number(0, 4)
  const length = number(4, 3)
  return cut(base, from, length === 0 ? 0x10000 : length, at)
}

function cut(source: Buffer, from: number, length: number, end: number) {
  if (from + length > source.length) throw malformed('a delta copies what is not there')
  return { piece: source.subarray(from, from + length), end }
}

function byteAt(bytes: Buffer, at: number): number {
  const byte = bytes[at]
  if (byte === undefined) throw malformed('a delta breaks off')
  return byte
}
