import { z } from 'zod'
import type { ChannelId } from '../ids.ts'
import type { ChannelType } from './channels/kinds.ts'
import { KINDS } from './channels/kinds.ts'
import { NOTICE_EVENTS } from './notice.ts'
import type { Notice, NoticeEvent } from './notice.ts'
import type { Template } from './texts.ts'
import { builtInTemplate } from './texts.ts'
import type { QuietHours } from './time-zone.ts'

// A channel is where people or machines are told, and the rules for what they are told.

/** `changes`: what becomes bad, once, and when all is well again; `all`: every run that did something. */
export const REPORTS = ['changes', 'all'] as const
export type Report = (typeof REPORTS)[number]

/** None of either: about everything. */
export type Scope = { readonly bindings: readonly string[]; readonly tasks: readonly number[] }

/** Null: as the channel, or the product, has it. */
export type Templates = { readonly title: string | null; readonly content: string | null }

export type Channel = {
  readonly id: ChannelId
  readonly name: string
  readonly type: ChannelType
  readonly enabled: boolean
  /** Without anything secret. */
  readonly config: Readonly<Record<string, unknown>>
  readonly events: readonly NoticeEvent[]
  readonly scope: Scope
  readonly report: Report
  /** Messages of one kind per hour; null: as its type has it. */
  readonly stormLimit: number | null
  readonly quietHours: QuietHours | null
  readonly templates: Templates
  readonly templatesByEvent: ReadonlyMap<NoticeEvent, Templates>
  readonly createdAt: number
  readonly updatedAt: number
}

/** What a channel is told when nobody has chosen. */
export const DEFAULT_EVENTS: readonly NoticeEvent[] = [
  'sync_failure',
  'sync_conflict',
  'sync_recovered',
  'binding_paused',
]

export const StoredEvents = z.array(z.enum(NOTICE_EVENTS))
export const StoredScope = z.object({ bindings: z.array(z.string()), tasks: z.array(z.number()) })

const PEOPLE_STORM_LIMIT = 3
// Whoever wants every run wants more than the first two of them.
const ALL_STORM_LIMIT = 30

/** Messages of one kind per hour, beyond which they are put together; 0: never. */
export function stormLimitOf({ stormLimit, type, report }: Channel): number {
  if (stormLimit !== null) return stormLimit
  if (!KINDS[type].isForPeople) return 0
  return report === 'all' ? ALL_STORM_LIMIT : PEOPLE_STORM_LIMIT
}

/** Whether the channel is about what the notice is about. */
export function covers({ bindings, tasks }: Scope, { bindingId, taskId, subjectName }: Notice): boolean {
  if (bindings.length === 0 && tasks.length === 0) return true
  if (bindingId !== null) return bindings.includes(subjectName)
  return taskId !== null && tasks.includes(taskId)
}

/** The texts for an event: its own before those of the channel, those before the built-in ones. */
export function templateOf({ templates, templatesByEvent }: Channel, event: NoticeEvent): Template {
  const own = templatesByEvent.get(event)
  const builtIn = builtInTemplate(event)
  return {
    title: own?.title ?? templates.title ?? builtIn.title,
    content: own?.content ?? templates.content ?? builtIn.content,
  }
}
