import { createHmac } from 'node:crypto'
import { z } from 'zod'
import { MINUTE, SECOND } from '../../clock.ts'
import { escapePlain } from './escape.ts'
import { codedVerdict } from './robot.ts'
import type { Robot } from './robot.ts'

/** Feishu: timestamp and signature stand in the body, and the key of the signature is what is signed. */
export const feishu: Robot = {
  security: 'sign or keyword',
  perMinute: 100,
  limitedForMs: MINUTE,
  maxBytes: 18_000,
  escape: escapePlain,
  compose: ({ title, content }, { url, secret, now }) => {
    const timestamp = String(Math.floor(now / SECOND))
    const lines = content.split('\n').map((text) => [{ tag: 'text', text }])
    return {
      url,
      body: {
        ...(secret === undefined ? {} : { timestamp, sign: sign(timestamp, secret) }),
        msg_type: 'post',
        // In the text of a post nothing is markup, not even an <at>.
        content: { post: { zh_cn: { title, content: lines } } },
      },
    }
  },
  judge: (_answer, json) =>
    codedVerdict(json, { code: 'code', words: 'msg' }, { limited: [9499, 11_232], busy: [] }) ??
    oldVerdict(json),
}

function sign(timestamp: string, secret: string): string {
  return createHmac('sha256', `${timestamp}\n${secret}`).digest('base64')
}

// As robots of the first version answer a success.
function oldVerdict(json: unknown): ReturnType<Robot['judge']> {
  const isOld = z.object({ StatusCode: z.literal(0) }).safeParse(json).success
  return isOld ? { kind: 'delivered', code: '0', words: 'success' } : undefined
}
