import { z } from 'zod'
import { REPORTS } from '../../notify/channel.ts'
import type { Templates } from '../../notify/channel.ts'
import { CHANNEL_TYPES } from '../../notify/channels/kinds.ts'
import type { ChannelChange } from '../../notify/configure.ts'
import { NOTICE_EVENTS } from '../../notify/notice.ts'
import type { NoticeEvent } from '../../notify/notice.ts'
import { isTimeZone, localTimeZone } from '../../notify/time-zone.ts'

// A channel as clients send it: in the documented names, in those of real clients of Git Manage Service,
// and with lists and objects as JSON or as a text that holds JSON.

/** The value, or what a text says when it is JSON; an empty text is no value. */
function orJson<Schema extends z.ZodType>(schema: Schema) {
  return z.preprocess((given) => {
    if (typeof given !== 'string') return given
    if (given.trim() === '') return undefined
    try {
      const value: unknown = JSON.parse(given)
      return value
    } catch {
      return given
    }
  }, schema.optional())
}

const Name = z
  .string()
  .trim()
  .regex(/^[^\p{C}\p{Zl}\p{Zp}]{1,100}$/u, '1 to 100 visible characters')

const Events = orJson(z.array(z.enum(NOTICE_EVENTS)).transform((events) => [...new Set(events)]))

const Scope = z.object({
  bindings: z.array(z.string().max(200)).max(1000).default([]),
  tasks: z.array(z.int().positive()).max(1000).default([]),
})

const TimeOfDay = z.string().regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, 'a time such as 22:30')

const QuietHours = z
  .object({
    from: TimeOfDay,
    to: TimeOfDay,
    time_zone: z.string().refine(isTimeZone, 'a time zone such as Asia/Shanghai').default(localTimeZone),
  })
  .refine(({ from, to }) => from !== to, 'two different times')

const Template = z
  .string()
  .nullable()
  .transform((text) => (text?.trim() === '' ? null : text))

const EventTemplate = z.object({
  event: z.enum(NOTICE_EVENTS).optional(),
  event_type: z.enum(NOTICE_EVENTS).optional(),
  title_template: Template.optional(),
  template: Template.optional(),
  content_template: Template.optional(),
})
const EventTemplates = orJson(z.array(EventTemplate).max(NOTICE_EVENTS.length))

const Fields = z.object({
  name: Name.optional(),
  type: z.enum(CHANNEL_TYPES).optional(),
  enabled: z.boolean().optional(),
  config: orJson(z.record(z.string(), z.unknown())),
  events: Events,
  trigger_events: Events,
  notify_on_success: z.boolean().optional(),
  notify_on_failure: z.boolean().optional(),
  scope: Scope.optional(),
  report: z.enum(REPORTS).optional(),
  storm_limit: z.int().min(0).max(1000).nullable().optional(),
  quiet_hours: QuietHours.nullable().optional(),
  title_template: Template.optional(),
  template: Template.optional(),
  content_template: Template.optional(),
  templates: EventTemplates,
  event_templates: EventTemplates,
  event_templates_json: EventTemplates,
})

/** Of an update: what is left out stays. */
export const ChannelBody = Fields.transform(toChange)

export const NewChannelBody = Fields.required({ name: true, type: true }).transform((body) => ({
  ...toChange(body),
  name: body.name,
  type: body.type,
}))

function toChange(body: z.infer<typeof Fields>): ChannelChange {
  const quiet = body.quiet_hours
  return {
    name: body.name,
    type: body.type,
    enabled: body.enabled,
    config: body.config,
    events: body.events ?? body.trigger_events ?? legacyEvents(body),
    scope: body.scope,
    report: body.report,
    stormLimit: body.storm_limit,
    quietHours: quiet && { from: quiet.from, to: quiet.to, timeZone: quiet.time_zone },
    titleTemplate: body.title_template,
    contentTemplate: body.template === undefined ? body.content_template : body.template,
    templatesByEvent: toTemplates(body.templates ?? body.event_templates ?? body.event_templates_json),
  }
}

/** Two switches from before there were events. */
function legacyEvents(body: z.infer<typeof Fields>): readonly NoticeEvent[] | undefined {
  const { notify_on_success: onSuccess, notify_on_failure: onFailure } = body
  if (onSuccess === undefined && onFailure === undefined) return undefined
  return [
    ...(onSuccess === true ? (['sync_success', 'sync_recovered'] as const) : []),
    ...(onFailure === false ? [] : (['sync_failure', 'sync_conflict', 'binding_paused'] as const)),
  ]
}

function toTemplates(
  given: z.infer<typeof EventTemplates> | undefined,
): ReadonlyMap<NoticeEvent, Templates> | undefined {
  if (given === undefined) return undefined
  return new Map(
    given.flatMap((template) => {
      const event = template.event ?? template.event_type
      const content = template.template ?? template.content_template ?? null
      return event === undefined
        ? []
        : [[event, { title: template.title_template ?? null, content }] as const]
    }),
  )
}
