import { randomBytes } from 'node:crypto'
import { FLUSH, packet, textPacket } from '../../src/git/wire/pkt-line.ts'
import type { Fault } from '../rig/git-http-server.ts'

// What a source or a target may answer that no git would.

/** More than any buffer on the way takes. */
export const LARGE = { 'large.txt': randomBytes(4 * 2 ** 20).toString('hex') }

export function band(number: number, payload: Buffer | string): Buffer {
  return packet(Buffer.concat([Buffer.of(number), Buffer.from(payload)]))
}

/** The beginning of an answer. */
export function firstPackets(body: Buffer, count: number): Buffer {
  let end = 0
  for (let packets = 0; packets < count; packets += 1) {
    end += Number.parseInt(body.toString('latin1', end, end + 4), 16)
  }
  return body.subarray(0, end)
}

/** Changes the pack that a source sends, and not its list of refs. */
export function rewritePack(rewrite: (body: Buffer) => Buffer): Fault {
  return { kind: 'rewrite', rewrite: (body) => (body.includes('packfile') ? rewrite(body) : body) }
}

/** Sends another pack than the one that was asked for. */
export function answerWith(pack: Buffer): Fault {
  const parts = Array.from({ length: Math.ceil(pack.length / 60_000) }, (_, part) =>
    band(1, pack.subarray(part * 60_000, (part + 1) * 60_000)),
  )
  return rewritePack(() => Buffer.concat([textPacket('packfile'), ...parts, FLUSH]))
}
