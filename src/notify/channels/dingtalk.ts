import { createHmac } from 'node:crypto'
import { MINUTE } from '../../clock.ts'
import { escapeMarkdown } from './escape.ts'
import { codedVerdict } from './robot.ts'
import type { Robot } from './robot.ts'

/** DingTalk: the signature stands in the address; too many messages shut the robot for ten minutes. */
export const dingtalk: Robot = {
  security: 'sign or keyword',
  perMinute: 20,
  limitedForMs: 10 * MINUTE,
  maxBytes: 15_000,
  escape: escapeMarkdown,
  compose: ({ title, content }, { url, secret, now }) => ({
    url: secret === undefined ? url : signed(url, secret, now),
    body: {
      msgtype: 'markdown',
      // Its markdown breaks a line only after two spaces.
      markdown: { title, text: `#### ${title}\n\n${content.replaceAll('\n', '  \n')}` },
      at: { isAtAll: false },
    },
  }),
  judge: (_answer, json) =>
    codedVerdict(
      json,
      { code: 'errcode', words: 'errmsg' },
      { limited: [130_101, 130_102, 410_100, 90_030], busy: [-1] },
    ),
}

function signed(url: string, secret: string, now: number): string {
  const address = new URL(url)
  const sign = createHmac('sha256', secret).update(`${now}\n${secret}`).digest('base64')
  address.searchParams.set('timestamp', String(now))
  address.searchParams.set('sign', sign)
  return address.href
}
