// What a value may not do inside a message: call people, become a link or markup, or hide behind
// characters that nobody sees.

const ZERO_WIDTH_SPACE = '\u200b'
// All but the line break and the tab; and what makes a text read in another order than it is written.
const UNSEEN = /(?![\n\t])[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu
// `git@host` and mail addresses call nobody.
const MENTION = /(?<![\w.-])@(?=\S)/gu

/** For plain text: nobody is mentioned, and nothing is hidden. */
export function escapePlain(value: string): string {
  return value.replaceAll(/\r\n?/g, '\n').replaceAll(UNSEEN, '').replaceAll(MENTION, `@${ZERO_WIDTH_SPACE}`)
}

/** For markdown that knows backslash escapes. */
export function escapeMarkdown(value: string): string {
  return (
    escapePlain(value)
      .replaceAll(/[\\`*[\]<]/g, String.raw`\$&`)
      // Inside a word it means nothing, and names are full of it.
      .replaceAll(/(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, String.raw`\_`)
      .replaceAll(/^([#>+=-])/gm, String.raw`\$1`)
  )
}

/** For markdown without escapes: links, tags and mentions are broken where they would begin. */
export function breakMarkdown(value: string): string {
  return escapePlain(value)
    .replaceAll('<', `<${ZERO_WIDTH_SPACE}`)
    .replaceAll('](', `]${ZERO_WIDTH_SPACE}(`)
    .replaceAll('`', "'")
}

/** For Slack, which asks for three entities and reads `<!here>` and links only without them. */
export function escapeSlack(value: string): string {
  return escapePlain(value).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** For a line such as a header: one line, and nothing that ends it. */
export function toOneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ').trim()
}

/** The beginning of a text that fits into so many bytes of UTF-8. */
export function fitBytes(text: string, maxBytes: number): string {
  if (Buffer.byteLength(text) <= maxBytes) return text
  const end = ' …'
  const kept = Buffer.from(text).subarray(0, maxBytes - Buffer.byteLength(end))
  // A character that was cut in two becomes a replacement character, and goes.
  return `${kept.toString().replace(/\uFFFD+$/, '')}${end}`
}
