import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

// What a process uses, as the kernel counts it.

/** In MB; `peak` is the largest it ever was. */
export type Memory = { readonly now: number; readonly peak: number }

// The kernel shows processor time in hundredths of a second, whatever it counts in.
const TICK_MS = 10
const LOOK_MS = 50
const QUIET_MS = 300
const QUIET_LIMIT_MS = 30_000

export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const megabytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024
  return { now: megabytes('VmRSS'), peak: megabytes('VmHWM') }
}

/** Processor time in ms so far, with that of children that have ended. */
export function processorTimeOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The second field is the name, which may hold anything; utime, stime, cutime and cstime are 14 to 17.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks) * TICK_MS, 0)
}

/** Resolves when the process has stopped working on what it was asked: what it used, and since when it rests. */
export async function whenQuiet(
  pid: number,
): Promise<{ readonly processorMs: number; readonly quietSince: number }> {
  const giveUpAt = Date.now() + QUIET_LIMIT_MS
  let processorMs = processorTimeOf(pid)
  let quietSince = Date.now()
  while (Date.now() - quietSince < QUIET_MS && Date.now() < giveUpAt) {
    await sleep(LOOK_MS)
    const now = processorTimeOf(pid)
    if (now === processorMs) continue
    processorMs = now
    quietSince = Date.now()
  }
  return { processorMs, quietSince }
}
