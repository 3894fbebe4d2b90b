import { pino } from 'pino'
import type { Logger } from 'pino'

export type { Logger } from 'pino'

/** Levels: error = someone must act, warn = it healed itself, info = the life story, debug = the rest. */
export function createLogger(level: string): Logger {
  return pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  })
}
