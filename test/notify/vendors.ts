import { z } from 'zod'
import { startFakeForge } from '../rig/fake-forge.ts'
import type { FakeAnswer, FakeForge, FakeRequest } from '../rig/fake-forge.ts'

// Receivers that check as the vendors document it, and answer as they do.

type Checked = { readonly title: string; readonly text: string }

export type Vendor = {
  readonly type: 'dingtalk' | 'feishu' | 'wechat' | 'wecom' | 'lanxin' | 'slack'
  readonly path: string
  readonly ok: FakeAnswer
  /** The title and text of a request as the vendor would show them; throws when it would not take it. */
  readonly read: (request: FakeRequest) => Checked
}

const Markdown = z.object({
  msgtype: z.literal('markdown'),
  markdown: z.object({ title: z.string(), text: z.string() }),
  at: z.object({ isAtAll: z.literal(false) }),
})
const Post = z.object({
  msg_type: z.literal('post'),
  content: z.object({
    post: z.object({
      zh_cn: z.object({
        title: z.string(),
        content: z.array(z.array(z.strictObject({ tag: z.literal('text'), text: z.string() }))),
      }),
    }),
  }),
  timestamp: z
    .string()
    .regex(/^\d{10}$/)
    .optional(),
  sign: z.string().optional(),
})
const Wecom = z.strictObject({
  msgtype: z.literal('markdown'),
  markdown: z.strictObject({ content: z.string() }),
})
const Lanxin = z.strictObject({
  msgType: z.literal('text'),
  msgData: z.strictObject({ text: z.strictObject({ content: z.string() }) }),
  timestamp: z
    .string()
    .regex(/^\d{10}$/)
    .optional(),
  sign: z.string().optional(),
})
const Slack = z.looseObject({ text: z.string() })

function firstLine(text: string): Checked {
  const [title = '', ...rest] = text.split('\n')
  return { title, text: rest.join('\n') }
}

const wecom = {
  path: '/cgi-bin/webhook/send?key=693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa',
  ok: { status: 200, json: { errcode: 0, errmsg: 'ok' } },
  read: ({ body }: FakeRequest) => firstLine(Wecom.parse(JSON.parse(body)).markdown.content),
}

export const vendors: readonly Vendor[] = [
  {
    type: 'dingtalk',
    path: '/robot/send?access_token=token-in-the-query',
    ok: { status: 200, json: { errcode: 0, errmsg: 'ok' } },
    read: ({ body }) => {
      const { markdown } = Markdown.parse(JSON.parse(body))
      return markdown
    },
  },
  {
    type: 'feishu',
    path: '/open-apis/bot/v2/hook/9a1c2b3d-token-in-the-path',
    ok: { status: 200, json: { code: 0, msg: 'success', data: {} } },
    read: ({ body }) => {
      const { title, content } = Post.parse(JSON.parse(body)).content.post.zh_cn
      return { title, text: content.map((line) => line.map(({ text }) => text).join('')).join('\n') }
    },
  },
  { type: 'wechat', ...wecom },
  { type: 'wecom', ...wecom },
  {
    type: 'lanxin',
    path: '/v1/bot/hook/messages/create?hook_token=token-in-the-query',
    ok: { status: 200, json: { errCode: 0, errMsg: 'ok', data: { msgId: '1-2' } } },
    read: ({ body }) => firstLine(Lanxin.parse(JSON.parse(body)).msgData.text.content),
  },
  {
    type: 'slack',
    path: '/services/T000/B000/token-in-the-path-xxxxxxxx',
    ok: { status: 200, text: 'ok' },
    read: ({ body }) => firstLine(Slack.parse(JSON.parse(body)).text),
  },
]

export function startVendor(vendor: Vendor): Promise<FakeForge> {
  return startFakeForge(() => vendor.ok)
}
