import { MINUTE } from '../../clock.ts'
import { escapeSlack } from './escape.ts'
import type { Robot } from './robot.ts'

// What Slack says is one word such as `invalid_payload`; anything else is the page of somebody else.
const WORD = /^[a-z_]{2,60}$/

/** Slack: the address is the secret, and the answer a word. */
export const slack: Robot = {
  security: 'address only',
  perMinute: 60,
  limitedForMs: MINUTE,
  maxBytes: 12_000,
  escape: escapeSlack,
  compose: ({ title, content }, { url }) => ({
    url,
    body: { text: `*${title}*\n${content}`, unfurl_links: false, unfurl_media: false },
  }),
  judge: ({ body }) => {
    const word = body?.trim() ?? ''
    if (word === 'ok') return { kind: 'delivered', code: 'ok', words: 'ok' }
    return WORD.test(word) ? { kind: 'refused', code: word, words: word } : undefined
  },
}
