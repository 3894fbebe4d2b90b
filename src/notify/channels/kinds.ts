import { dingtalk } from './dingtalk.ts'
import { email } from './email.ts'
import { feishu } from './feishu.ts'
import type { ChannelKind } from './kind.ts'
import { lanxin } from './lanxin.ts'
import { robotKind } from './robot.ts'
import { slack } from './slack.ts'
import { webhook } from './webhook.ts'
import { wecom } from './wecom.ts'

/** WeCom has two names: that of the service, and the one that clients of Git Manage Service know. */
export const CHANNEL_TYPES = [
  'dingtalk',
  'feishu',
  'wechat',
  'wecom',
  'lanxin',
  'slack',
  'email',
  'webhook',
] as const
export type ChannelType = (typeof CHANNEL_TYPES)[number]

export const KINDS: Readonly<Record<ChannelType, ChannelKind>> = {
  dingtalk: robotKind(dingtalk),
  feishu: robotKind(feishu),
  wechat: robotKind(wecom),
  wecom: robotKind(wecom),
  lanxin: robotKind(lanxin),
  slack: robotKind(slack),
  email,
  webhook,
}
