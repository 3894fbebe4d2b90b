import { DAY, MINUTE } from '../clock.ts'

// Wall clocks. What counts is what people see there, also when it was set forward or back.

const MINUTES_PER_DAY = 24 * 60

/** When a channel is silent, by the wall clock of its zone; `from` may be later than `to`. */
export type QuietHours = { readonly from: string; readonly to: string; readonly timeZone: string }

export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

export function localTimeZone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone
}

/** `2026-01-31 20:00:00 +08:00` */
export function formatTime(ms: number, timeZone: string): string {
  const part = partsOf(ms, timeZone)
  const offset = part('timeZoneName').replace(/^GMT$/, 'GMT+00:00').slice('GMT'.length)
  const date = `${part('year')}-${part('month')}-${part('day')}`
  return `${date} ${part('hour')}:${part('minute')}:${part('second')} ${offset}`
}

/** When it may be loud again; undefined when it may be now. */
export function quietUntil(quiet: QuietHours, now: number): number | undefined {
  const minute = minuteOfDay(now, quiet.timeZone)
  const from = toMinute(quiet.from)
  const to = toMinute(quiet.to)
  const isQuiet = from <= to ? minute >= from && minute < to : minute >= from || minute < to
  if (!isQuiet) return undefined
  const startOfMinute = now - (now % MINUTE)
  const end = startOfMinute + ((to - minute + MINUTES_PER_DAY) % MINUTES_PER_DAY) * MINUTE
  // The wall clock was set meanwhile: what it is ahead or behind at that moment is the correction.
  const drift = to - minuteOfDay(end, quiet.timeZone)
  const nearest = drift > MINUTES_PER_DAY / 2 ? drift - MINUTES_PER_DAY : drift
  const corrected = end + (nearest < -MINUTES_PER_DAY / 2 ? nearest + MINUTES_PER_DAY : nearest) * MINUTE
  return Math.min(Math.max(corrected, startOfMinute + MINUTE), now + DAY)
}

function toMinute(time: string): number {
  const [hour = 0, minute = 0] = time.split(':').map(Number)
  return hour * 60 + minute
}

function minuteOfDay(ms: number, timeZone: string): number {
  const part = partsOf(ms, timeZone)
  return Number(part('hour')) * 60 + Number(part('minute'))
}

function partsOf(ms: number, timeZone: string): (type: Intl.DateTimeFormatPartTypes) => string {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    timeZoneName: 'longOffset',
  }).formatToParts(ms)
  return (type) => parts.find((part) => part.type === type)?.value ?? ''
}
