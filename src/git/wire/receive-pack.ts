import type { RefName, Sha } from '../refs.ts'
import { createPacketReader, FLUSH, packet, packetText } from './pkt-line.ts'
import { openBand } from './side-band.ts'
import { malformed, WireError } from './wire-error.ts'

// What stands before a pack that is pushed, and what the server says of it afterwards.

/** Moves one ref, if it still is what it was: the server compares before it writes. */
export type RefUpdate = { readonly ref: RefName; readonly before: Sha; readonly after: Sha }

/** The list of commands; the pack follows it at once. */
export function updateRequest({ ref, before, after }: RefUpdate): Buffer {
  const command = `${before} ${after} ${ref}\0 report-status side-band-64k`
  return Buffer.concat([packet(Buffer.from(command)), FLUSH])
}

const NEEDED = ['report-status', 'side-band-64k']

/**
 * Reads what a server says first where a connection stays open, and throws a `WireError` when it will not make
 * the update: it can do less than we need, or the ref has moved.
 */
export async function requireUnmoved(body: AsyncIterable<Buffer>, { ref, before }: RefUpdate): Promise<void> {
  const reader = createPacketReader()
  let capabilities: readonly string[] | undefined
  let head: string | undefined
  for await (const chunk of body) {
    for (const line of reader.take(chunk)) {
      if (typeof line === 'string') continue
      const [entry = '', words = ''] = packetText(line).split('\0')
      capabilities ??= words.split(' ')
      const [sha, name] = entry.split(' ')
      if (name === ref) head = sha
    }
  }
  const missing = NEEDED.find((name) => capabilities?.includes(name) !== true)
  if (missing !== undefined) throw malformed(`the server does not offer ${missing}`)
  const format = capabilities?.find((word) => word.startsWith(FORMAT))?.slice(FORMAT.length) ?? 'sha1'
  if (format !== 'sha1') throw new WireError('object_format', `the repository uses ${format}`)
  if (head !== before) throw new WireError('refused', `${ref} is not what it was`)
}

const FORMAT = 'object-format='

export type UpdateReport =
  | { readonly isDone: true }
  /** In the server's words, with what it told people before. */
  | { readonly isDone: false; readonly reason: string }

export type ReportReader = {
  readonly take: (chunk: Buffer) => void
  /** What became of the ref. Throws a `WireError` when the server has not said it to the end. */
  readonly end: (ref: RefName) => UpdateReport
}

const MAX_MESSAGES = 16 * 1024
const MAX_LINES = 100

export function createReportReader(): ReportReader {
  const outer = createPacketReader()
  const inner = createPacketReader()
  const lines: string[] = []
  let messages = ''
  let hasEnded = false
  const takeReport = (bytes: Buffer): void => {
    for (const line of inner.take(bytes)) {
      if (hasEnded || lines.length >= MAX_LINES) throw malformed('the report is longer than one ref needs')
      if (line === 'flush') hasEnded = true
      else if (typeof line === 'string') throw malformed(`the mark ${line} stands in the report`)
      else lines.push(packetText(line))
    }
  }
  return {
    take: (chunk) => {
      for (const piece of outer.take(chunk)) {
        if (piece === 'flush') continue
        if (typeof piece === 'string') throw malformed(`the mark ${piece} stands in the answer`)
        const { band, payload } = openBand(piece)
        if (band === 'data') takeReport(payload)
        else messages = `${messages}${payload.toString()}`.slice(-MAX_MESSAGES)
      }
    },
    end: (ref) => {
      outer.end()
      if (!hasEnded) throw malformed('the server has not said what became of the ref')
      const isDone = lines[0] === 'unpack ok' && lines.length === 2 && lines[1] === `ok ${ref}`
      if (isDone) return { isDone }
      const refusal = lines.filter((line) => line !== 'unpack ok').join('; ')
      return { isDone, reason: [refusal, messages.trim()].filter((part) => part !== '').join(': ') }
    },
  }
}
