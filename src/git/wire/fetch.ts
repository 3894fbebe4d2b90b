import type { Sha } from '../refs.ts'
import type { Packet } from './pkt-line.ts'
import { createPacketReader, DELIMITER, FLUSH, packetText, textPacket } from './pkt-line.ts'
import { openBand } from './side-band.ts'
import { malformed } from './wire-error.ts'

// The command `fetch` of protocol version 2, without a negotiation: it is known what the receiver has.

/** Asks for what leads from one commit to another, as a pack that may lean on objects of the older one. */
export function fetchRequest({ want, have }: { readonly want: Sha; readonly have: Sha }): Buffer {
  return Buffer.concat([
    textPacket('command=fetch'),
    DELIMITER,
    textPacket('thin-pack'),
    textPacket('ofs-delta'),
    textPacket('no-progress'),
    textPacket(`want ${want}`),
    textPacket(`have ${have}`),
    textPacket('done'),
    FLUSH,
  ])
}

export type PackReader = {
  /**
   * The bytes of the pack in this piece of the answer. Throws a `WireError` when the server gives up, and at a
   * section that nobody asked for: a shallow repository announces itself that way.
   */
  readonly take: (chunk: Buffer) => readonly Buffer[]
  /** Throws a `WireError` when the server has not said that the pack is complete. */
  readonly end: () => void
}

export function createPackReader(): PackReader {
  const reader = createPacketReader()
  let state: 'before' | 'in_pack' | 'after' = 'before'
  const open = (packet: Packet): readonly Buffer[] => {
    if (state === 'before') {
      const section = typeof packet === 'string' ? packet : packetText(packet).slice(0, 100)
      if (section !== 'packfile') throw malformed(`the answer begins with ${JSON.stringify(section)}`)
      state = 'in_pack'
      return []
    }
    if (state === 'after') throw malformed('something follows the end of the pack')
    if (packet === 'flush') {
      state = 'after'
      return []
    }
    if (typeof packet === 'string') throw malformed(`the mark ${packet} stands in the pack`)
    const { band, payload } = openBand(packet)
    // An empty one only shows that the server still works.
    return band === 'data' && payload.length > 0 ? [payload] : []
  }
  return {
    take: (chunk) => reader.take(chunk).flatMap(open),
    end: () => {
      reader.end()
      if (state !== 'after') throw malformed('the pack breaks off')
    },
  }
}
