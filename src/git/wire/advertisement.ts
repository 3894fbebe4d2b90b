import { createPacketReader, packetText } from './pkt-line.ts'
import { malformed, WireError } from './wire-error.ts'

// The first thing a server says: which version of the protocol it speaks, and what it can do.

export type Advertisement = {
  /** Whether it speaks version 2 with everything that we ask of it. */
  readonly speaksVersion2: boolean
  readonly objectFormat: 'sha1' | 'sha256'
}

const OLDER: Advertisement = { speaksVersion2: false, objectFormat: 'sha1' }
const NEEDED = ['ls-refs', 'fetch']

/** Takes the whole answer; a server that speaks an older version is no failure. */
export function parseAdvertisement(bytes: Buffer): Advertisement {
  const reader = createPacketReader()
  const packets = reader.take(bytes)
  const lines = packets.flatMap((packet) => (typeof packet === 'string' ? [] : [packetText(packet)]))
  if (lines[0]?.startsWith('# service=') === true) lines.shift()
  if (lines[0] !== 'version 2') return OLDER
  reader.end()
  if (packets.at(-1) !== 'flush') throw malformed('the list of what the server can do has no end')
  const capabilities = new Map(lines.slice(1).map(splitCapability))
  return {
    speaksVersion2: NEEDED.every((name) => capabilities.has(name)),
    objectFormat: capabilities.get('object-format') === 'sha256' ? 'sha256' : 'sha1',
  }
}

/** Throws a `WireError` at what we cannot work with. */
export function requireUsable({ speaksVersion2, objectFormat }: Advertisement): void {
  if (objectFormat !== 'sha1') throw new WireError('object_format', `the repository uses ${objectFormat}`)
  if (!speaksVersion2) throw oldVersion()
}

export function oldVersion(): WireError {
  return new WireError('old_version', 'the server does not speak version 2 of the protocol')
}

function splitCapability(line: string): readonly [string, string] {
  const equals = line.indexOf('=')
  return equals < 0 ? [line, ''] : [line.slice(0, equals), line.slice(equals + 1)]
}
