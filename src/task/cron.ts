import { Cron } from 'croner'
import type { Text } from '../domain-error.ts'

// When a task is due. A time that daylight saving skips counts as the first one after the gap, a time that comes
// twice counts once; what repeats within the hour goes on through both.

export type Schedule = {
  /** The first time after this one; null: there is none. */
  readonly nextAfter: (ms: number) => number | null
  readonly timesAfter: (ms: number, count: number) => readonly number[]
}

export type ParsedCron =
  { readonly kind: 'ok'; readonly schedule: Schedule } | { readonly kind: 'refused'; readonly reason: Text }

const MAX_LENGTH = 200
const NICKNAME = /^@(?:yearly|annually|monthly|weekly|daily|midnight|hourly)$/i
const FIELDS: readonly (readonly [zh: string, en: string, allowed: string])[] = [
  ['秒', 'second', '0-59'],
  ['分钟', 'minute', '0-59'],
  ['小时', 'hour', '0-23'],
  ['日', 'day of the month', '1-31'],
  ['月', 'month', '1-12'],
  ['星期', 'day of the week', '0-7'],
]

/** Five fields, or six with seconds first, in a time zone by its IANA name. */
export function parseCron(expression: string, timezone: string): ParsedCron {
  const text = expression.trim()
  if (text.length > MAX_LENGTH) return refused('表达式过长', 'the expression is too long')
  if (!isTimezone(timezone)) return refused(`未知时区“${timezone}”`, `there is no time zone "${timezone}"`)
  const fields = text.split(/\s+/)
  if (!NICKNAME.test(text)) {
    if (fields.length !== 5 && fields.length !== 6) {
      const count = text === '' ? 0 : fields.length
      return refused(
        `需要 5 个或 6 个字段，实际为 ${count} 个`,
        `five fields are needed, or six with seconds first; there are ${count}`,
      )
    }
    const wrong = findWrongField(fields)
    if (wrong !== undefined) return wrong
  }
  const cron = tryCron(fields.join(' '), timezone)
  if (cron === undefined) return refused('无法识别的表达式', 'the expression cannot be read')
  const schedule: Schedule = {
    nextAfter: (ms) => cron.nextRun(new Date(ms))?.getTime() ?? null,
    timesAfter: (ms, count) => cron.nextRuns(count, new Date(ms)).map((time) => time.getTime()),
  }
  // Asked from a fixed day, so that the same expression is never accepted today and refused tomorrow.
  if (schedule.nextAfter(0) === null)
    return refused('没有任何日期符合该表达式', 'no date ever fits the expression')
  return { kind: 'ok', schedule }
}

export function isTimezone(name: string): boolean {
  try {
    return Intl.DateTimeFormat('en', { timeZone: name }) !== undefined
  } catch {
    return false
  }
}

function findWrongField(fields: readonly string[]): ParsedCron | undefined {
  const names = FIELDS.slice(FIELDS.length - fields.length)
  for (const [index, field] of fields.entries()) {
    const alone = fields.map((_, other) => (other === index ? field : '*')).join(' ')
    if (tryCron(alone, 'UTC') !== undefined) continue
    const [zh = '', en = '', allowed = ''] = names[index] ?? []
    return refused(
      `${zh}字段“${field}”有误（${allowed}）`,
      `the field ${en} does not fit: "${field}" (${allowed})`,
    )
  }
  return undefined
}

function tryCron(pattern: string, timezone: string): Cron | undefined {
  try {
    return new Cron(pattern, {
      mode: '5-or-6-parts',
      timezone,
      // `0/15`, as Quartz and many clients write it.
      sloppyRanges: true,
      // A list of hours is as fixed as one hour.
      fixedTimeRule: 'no-wildcard',
    })
  } catch {
    return undefined
  }
}

function refused(zh: string, en: string): ParsedCron {
  return { kind: 'refused', reason: { zh, en } }
}
