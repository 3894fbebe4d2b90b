import type { Sha } from '../refs.ts'
import { toSha } from '../refs.ts'
import { createPacketReader, DELIMITER, FLUSH, packetText, textPacket } from './pkt-line.ts'
import { malformed } from './wire-error.ts'

// The command `ls-refs` of protocol version 2.

export type ListedRef = {
  /** As the server writes it; it may be anything. */
  readonly name: string
  readonly sha: Sha
  /** What a symbolic ref leads to. */
  readonly leadsTo: string | undefined
}

/** Asks for the refs whose names begin so. */
export function lsRefsRequest(prefixes: readonly string[]): Buffer {
  return Buffer.concat([
    textPacket('command=ls-refs'),
    DELIMITER,
    textPacket('symrefs'),
    ...prefixes.map((prefix) => textPacket(`ref-prefix ${prefix}`)),
    FLUSH,
  ])
}

export type RefReader = {
  readonly take: (chunk: Buffer) => readonly ListedRef[]
  /** Throws a `WireError` when the list has no end: half a list must never be taken for a whole one. */
  readonly end: () => void
}

export function createRefReader(): RefReader {
  const reader = createPacketReader()
  let hasEnded = false
  return {
    take: (chunk) => {
      const refs: ListedRef[] = []
      for (const packet of reader.take(chunk)) {
        if (hasEnded) throw malformed('something follows the end of the refs')
        if (packet === 'flush') hasEnded = true
        else if (typeof packet === 'string') throw malformed(`the mark ${packet} stands among the refs`)
        else refs.push(...parseRef(packetText(packet)))
      }
      return refs
    },
    end: () => {
      reader.end()
      if (!hasEnded) throw malformed('the list of refs has no end')
    },
  }
}

// An unborn branch has a name but nothing that it points at.
function parseRef(line: string): readonly ListedRef[] {
  const [value = '', name = '', ...attributes] = line.split(' ')
  if (value === 'unborn') return []
  const sha = toSha(value)
  if (sha === undefined || name === '') throw malformed('a line of the list names no ref')
  const symbolic = attributes.find((attribute) => attribute.startsWith(SYMREF))
  return [{ name, sha, leadsTo: symbolic?.slice(SYMREF.length) }]
}

const SYMREF = 'symref-target:'
