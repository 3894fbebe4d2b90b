import { createHmac } from 'node:crypto'
import { MINUTE, SECOND } from '../../clock.ts'
import { escapePlain } from './escape.ts'
import { codedVerdict } from './robot.ts'
import type { Robot } from './robot.ts'

/** Lanxin (蓝信): like Feishu, but timestamp and secret are joined by an @. */
export const lanxin: Robot = {
  security: 'sign or keyword',
  perMinute: 20,
  limitedForMs: MINUTE,
  maxBytes: 4000,
  escape: escapePlain,
  compose: ({ title, content }, { url, secret, now }) => {
    const timestamp = String(Math.floor(now / SECOND))
    return {
      url,
      body: {
        ...(secret === undefined ? {} : { timestamp, sign: sign(timestamp, secret) }),
        msgType: 'text',
        msgData: { text: { content: `${title}\n${content}` } },
      },
    }
  },
  judge: (_answer, json) =>
    codedVerdict(json, { code: 'errCode', words: 'errMsg' }, { limited: [], busy: [-1] }),
}

function sign(timestamp: string, secret: string): string {
  return createHmac('sha256', `${timestamp}@${secret}`).digest('base64')
}
