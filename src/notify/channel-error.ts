import { DomainError } from '../domain-error.ts'
import type { Text } from '../domain-error.ts'
import type { ChannelId, NotificationId } from '../ids.ts'

// What can be wrong with a request about notification channels.

export function channelUnknown(id: ChannelId): DomainError {
  return new DomainError('not_found', 'channel_unknown', {
    zh: `没有编号为 ${id} 的通知渠道`,
    en: `there is no notification channel ${id}`,
  })
}

export function channelExists(name: string): DomainError {
  return new DomainError(
    'already_exists',
    'channel_exists',
    { zh: `已有名为“${name}”的通知渠道`, en: `a notification channel named "${name}" exists` },
    { hint: { zh: '请更换名称', en: 'choose another name' } },
  )
}

/** `field` is the name as the person gave it; never quote what it holds. */
export function configRefused(field: string, problem: Text): DomainError {
  return new DomainError('invalid', 'channel_config', {
    zh: `config.${field}：${problem.zh}`,
    en: `config.${field} ${problem.en}`,
  })
}

/** A stored secret was given for one host, and whoever names another could read it there. */
export function secretAgain(field: string): DomainError {
  return new DomainError(
    'invalid',
    'secret_again',
    {
      zh: `更换地址后需要重新提供 config.${field}`,
      en: `with another address, config.${field} must be given again`,
    },
    {
      hint: {
        zh: '已保存的密钥不会发送到新的地址',
        en: 'what is stored was given for the former address, and is not sent anywhere else',
      },
    },
  )
}

export function typeFixed(): DomainError {
  return new DomainError(
    'invalid',
    'channel_type',
    { zh: '渠道类型不能更改', en: 'the type of a channel cannot be changed' },
    { hint: { zh: '请新建一个渠道', en: 'create another channel' } },
  )
}

export function templateRefused(field: string, problem: Text): DomainError {
  return new DomainError(
    'invalid',
    'template',
    { zh: `${field}：${problem.zh}`, en: `${field}: ${problem.en}` },
    {
      hint: {
        zh: '可用形式：{{TaskName}}、{{.TaskName}}、{{#ErrorMessage}}…{{/ErrorMessage}}',
        en: 'a template may hold {{TaskName}}, {{.TaskName}} and {{#ErrorMessage}}…{{/ErrorMessage}}',
      },
    },
  )
}

export function scopeUnknown(name: string): DomainError {
  return new DomainError('invalid', 'scope', {
    zh: `scope.bindings 中的“${name}”不存在`,
    en: `scope.bindings names "${name}", which is no binding`,
  })
}

export function deliveryUnknown(id: NotificationId): DomainError {
  return new DomainError('not_found', 'notification_unknown', {
    zh: `该渠道没有编号为 ${id} 的通知记录`,
    en: `the channel has no delivery ${id}`,
  })
}

export function notReplayable(status: string): DomainError {
  return new DomainError(
    'conflict',
    'notification_status',
    {
      zh: `状态为 ${status} 的通知不能重发`,
      en: `a delivery that is ${status} cannot be sent again`,
    },
    {
      hint: {
        zh: '只能重发 dead 或 sent 状态的通知；测试通知请再次测试',
        en: 'only one that is dead or sent can, and for a test just test again',
      },
    },
  )
}

export function tooManyTests(): DomainError {
  return new DomainError(
    'too_many',
    'too_many_tests',
    { zh: '测试过于频繁', en: 'the channel was tested too often' },
    { hint: { zh: '请一分钟后再试', en: 'try again in a minute' } },
  )
}

export function noRotation(): DomainError {
  return new DomainError('conflict', 'no_rotation', {
    zh: '只有 webhook 渠道的签名密钥可以轮换',
    en: 'only a channel of the type webhook has a signing secret that can be rotated',
  })
}

export function stopping(cause: unknown): DomainError {
  return new DomainError(
    'unavailable',
    'stopping',
    { zh: '服务正在停止，测试已中断', en: 'the service is stopping, and the test was broken off' },
    { cause },
  )
}
