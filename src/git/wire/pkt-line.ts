import { malformed, WireError } from './wire-error.ts'

// The frames of git's protocol (gitprotocol-common): four hex digits that count themselves and what follows,
// or one of three marks that stand alone.

/** The bytes of a frame, or a mark. */
export type Packet = Buffer | 'flush' | 'delimiter' | 'response_end'

const MARKS = ['flush', 'delimiter', 'response_end'] as const
export const LENGTH_BYTES = 4
const MAX_PACKET = 65_520

export const FLUSH = Buffer.from('0000')
export const DELIMITER = Buffer.from('0001')

/** Text ends in a line feed here, as git has it. */
export function textPacket(text: string): Buffer {
  return packet(Buffer.from(`${text}\n`))
}

export function packet(payload: Uint8Array): Buffer {
  const length = payload.length + LENGTH_BYTES
  if (length > MAX_PACKET) throw new Error(`a packet of ${length} bytes cannot be sent`)
  return Buffer.concat([Buffer.from(length.toString(16).padStart(LENGTH_BYTES, '0')), payload])
}

/** The text of a packet, without the line feed that may end it. */
export function packetText(payload: Buffer): string {
  const end = payload.at(-1) === 0x0a ? -1 : undefined
  return payload.toString('utf8', 0, payload.length + (end ?? 0))
}

export type PacketReader = {
  /** The packets that the bytes complete. Throws a `WireError` at what is no packet, and at the `ERR` of a server. */
  readonly take: (chunk: Buffer) => readonly Packet[]
  /** Throws a `WireError` when the bytes have ended inside a packet. */
  readonly end: () => void
}

/** Reads packets from pieces of any size; keeps no more than one packet and one piece. */
export function createPacketReader(): PacketReader {
  let pieces: Buffer[] = []
  let size = 0
  let wanted = LENGTH_BYTES
  return {
    take: (chunk) => {
      pieces.push(chunk)
      size += chunk.length
      if (size < wanted) return []
      const bytes = pieces.length === 1 ? chunk : Buffer.concat(pieces)
      const packets: Packet[] = []
      let at = 0
      for (;;) {
        wanted = LENGTH_BYTES
        if (bytes.length - at < wanted) break
        const length = packetLength(bytes.toString('latin1', at, at + LENGTH_BYTES))
        wanted = Math.max(length, LENGTH_BYTES)
        if (bytes.length - at < wanted) break
        packets.push(MARKS[length] ?? withoutError(bytes.subarray(at + LENGTH_BYTES, at + length)))
        at += wanted
      }
      size = bytes.length - at
      pieces = size === 0 ? [] : [bytes.subarray(at)]
      return packets
    },
    end: () => {
      if (size > 0) throw malformed('the answer ends in the middle of a packet')
    },
  }
}

/** With these digits a packet counts itself; less than they are: a mark. Throws a `WireError` at others. */
export function packetLength(digits: string): number {
  const length = /^[0-9a-f]{4}$/i.test(digits) ? Number.parseInt(digits, 16) : Number.NaN
  if (length < MARKS.length || (length >= LENGTH_BYTES && length <= MAX_PACKET)) return length
  throw malformed(`${JSON.stringify(digits)} is not the length of a packet`)
}

function withoutError(payload: Buffer): Buffer {
  if (payload.length < 4 || payload.toString('latin1', 0, 4) !== 'ERR ') return payload
  throw new WireError('refused', packetText(payload.subarray(4)))
}
