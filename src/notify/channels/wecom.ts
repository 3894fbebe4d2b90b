import { MINUTE } from '../../clock.ts'
import { breakMarkdown } from './escape.ts'
import { codedVerdict } from './robot.ts'
import type { Robot } from './robot.ts'

/** WeCom (企业微信): nothing but the key in its address proves where a message comes from. */
export const wecom: Robot = {
  security: 'address only',
  perMinute: 20,
  limitedForMs: MINUTE,
  maxBytes: 4000,
  escape: breakMarkdown,
  compose: ({ title, content }, { url }) => ({
    url,
    body: { msgtype: 'markdown', markdown: { content: `**${title}**\n${content}` } },
  }),
  judge: (_answer, json) =>
    codedVerdict(json, { code: 'errcode', words: 'errmsg' }, { limited: [45_009], busy: [-1] }),
}
