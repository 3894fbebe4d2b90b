import { HOUR } from '../clock.ts'
import type { Clock } from '../clock.ts'
import type { RunId } from '../ids.ts'
import type { SyncLog } from '../sync/sync.ts'
import type { RunEvents } from './events.ts'

// The documented text shape, kept for clients that read it:
// `YYYY-MM-DD HH:MM:SS | INFO | robot - text`, in UTC+8.

const CHINA_OFFSET_MS = 8 * HOUR
const MAX_LINE_LENGTH = 4 * 1024
const MAX_LOG_LENGTH = 256 * 1024

export type RunLog = {
  readonly write: SyncLog
  readonly text: () => string
}

/** Logs of the runs that are running in this process; an ended run's log is in its record. */
export type LiveLogs = {
  /** Continues from `previous` (the log of earlier attempts) until the handle is closed. */
  readonly open: (id: RunId, previous: string) => RunLog & Disposable
  readonly find: (id: RunId) => RunLog | undefined
}

export function createLiveLogs(deps: { readonly clock: Clock; readonly events: RunEvents }): LiveLogs {
  const logsById = new Map<RunId, RunLog>()
  return {
    open: (id, previous) => {
      let text = previous
      const log: RunLog = {
        write: (level, message) => {
          if (text.length > MAX_LOG_LENGTH) return
          const lines = message.split('\n').map((line) => formatLine(deps.clock.now(), level, line))
          const isFull = text.length + lines.length * MAX_LINE_LENGTH > 2 * MAX_LOG_LENGTH
          const added = isFull
            ? formatLine(deps.clock.now(), 'INFO', '… log cut here / 日志在此截断')
            : lines.join('')
          text += added
          deps.events.logged(id, added)
        },
        text: () => text,
      }
      logsById.set(id, log)
      return { ...log, [Symbol.dispose]: () => void logsById.delete(id) }
    },
    find: (id) => logsById.get(id),
  }
}

function formatLine(now: number, level: 'INFO' | 'ERROR', text: string): string {
  return `${chinaTime(now)} | ${level} | robot - ${text.slice(0, MAX_LINE_LENGTH)}\n`
}

/** `2026-01-31 08:00:00` in UTC+8, as the documented API writes times. */
export function chinaTime(ms: number): string {
  return new Date(ms + CHINA_OFFSET_MS).toISOString().slice(0, 19).replace('T', ' ')
}
