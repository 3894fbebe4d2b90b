import { stripVTControlCharacters } from 'node:util'

// What git prints, made safe to keep and to show: no control characters, no secrets, no flood.

const MAX_LINE = 4 * 1024
const MAX_TEXT = 64 * 1024
const PROGRESS =
  /^(?:remote: )?(?:(?:Enumerating|Counting|Compressing|Receiving|Writing|Finding|Checking|Updating|Resolving|Unpacking|Indexing)[\w ]*: +\d|Total \d|Delta compression using)/

type LineReader = {
  readonly write: (chunk: Uint8Array) => void
  readonly end: () => void
}

/** Hands over text line by line, also when a line or a character arrives in pieces. Longer lines are cut. */
export function readLines(onLine: (line: string) => void, separator = /\n/, maxLine = 64 * 1024): LineReader {
  const decoder = new TextDecoder()
  let rest = ''
  const take = (text: string): void => {
    const lines = (rest + text).split(separator)
    rest = (lines.pop() ?? '').slice(0, maxLine)
    for (const line of lines) onLine(line.slice(0, maxLine))
  }
  return {
    write: (chunk) => take(decoder.decode(chunk, { stream: true })),
    end: () => {
      take(decoder.decode())
      if (rest !== '') onLine(rest)
      rest = ''
    },
  }
}

type Messages = LineReader & {
  /** What was said apart from progress, still with secrets: only to be classified. */
  readonly raw: () => string
  /** The same for people. */
  readonly clean: () => string
}

/** Collects stderr: progress goes to the listener, of the rest the last 64 KB are kept. */
export function collectMessages(
  secrets: readonly string[],
  onProgress: ((text: string) => void) | undefined,
): Messages {
  const lines: string[] = []
  let size = 0
  const reader = readLines(
    (text) => {
      const line = stripControl(text).trimEnd()
      if (line === '') return
      if (PROGRESS.test(line)) return onProgress?.(redact(line, secrets))
      lines.push(line)
      size += line.length + 1
      while (size > MAX_TEXT) size -= (lines.shift()?.length ?? 0) + 1
    },
    /[\r\n]/,
    MAX_LINE,
  )
  const raw = (): string => lines.join('\n')
  return { ...reader, raw, clean: () => redact(raw(), secrets) }
}

const MAX_SAID = 500

/** What a server said, as one short line. */
export function toLine(text: string, secrets: readonly string[]): string {
  const line = stripControl(text.replace(/[\r\n\t]+/g, ' ')).trim()
  return redact(line, secrets).slice(0, MAX_SAID)
}

/** Removes C0 and C1 control characters and whole terminal sequences; tabs stay. */
function stripControl(text: string): string {
  return stripVTControlCharacters(text).replace(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/g, '')
}

/** Replaces every known form of a secret. */
export function redact(text: string, secrets: readonly string[]): string {
  return secrets.reduce((result, secret) => (secret === '' ? result : result.replaceAll(secret, '***')), text)
}
