import type { Packet } from './pkt-line.ts'
import { packetText } from './pkt-line.ts'
import { malformed, WireError } from './wire-error.ts'

// Three streams in one: the data, what the server tells people, and the words with which it gives up.

export type Band = { readonly band: 'data' | 'message'; readonly payload: Buffer }

/** Throws a `WireError` with the server's words when it gives up, and at what belongs to no band. */
export function openBand(payload: Exclude<Packet, string>): Band {
  const rest = payload.subarray(1)
  switch (payload[0]) {
    case 1:
      return { band: 'data', payload: rest }
    case 2:
      return { band: 'message', payload: rest }
    case 3:
      throw new WireError('refused', packetText(rest))
    default:
      throw malformed('a packet belongs to no side band')
  }
}
