import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { readFile, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Clock } from '../clock.ts'
import { SECOND, sleep } from '../clock.ts'

// A killed daemon leaves its git processes alive. Each one is therefore written down in a file while
// it runs, and the next daemon ends what the last one left. Where there is no /proc nothing is written.

const Record = z.object({ pid: z.number().int().positive(), started: z.string(), boot: z.string() })
type ProcessRecord = z.infer<typeof Record>

type ProcessStat = { readonly group: number; readonly started: string; readonly isZombie: boolean }

const GRACE = 5 * SECOND
const POLL = 50

/** Writes `<base>.<pid>.pid`; disposing removes it. Synchronous, so that no crash fits in between. Throws when it cannot. */
export function recordProcess(base: string, pid: number): Disposable {
  const path = `${base}.${pid}.pid`
  const record = describeProcess(pid)
  const remove = (): void => rmSync(path, { force: true })
  try {
    if (record !== undefined) writeFileSync(path, JSON.stringify(record), { mode: 0o600 })
  } catch (error) {
    // A full disk takes the name and not the text.
    remove()
    throw error
  }
  return { [Symbol.dispose]: remove }
}

/** The same; what keeps it from being written is told and not thrown. */
export function tryToRecord(base: string, pid: number): Disposable & { readonly problem: Error | undefined } {
  try {
    return Object.assign(recordProcess(base, pid), { problem: undefined })
  } catch (error) {
    const problem = new Error(`writing down a process beside ${base}`, { cause: error })
    return { problem, [Symbol.dispose]: () => {} }
  }
}

/** Names a process so that a later one with the same number is not taken for it. */
export function describeProcess(pid: number): ProcessRecord | undefined {
  try {
    const started = parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.started
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    return started === undefined ? undefined : { pid, started, boot }
  } catch {
    return undefined
  }
}

/** Ends the process groups that are still recorded in `<dir>/*.pid`, and removes the records. */
export async function killOrphans(deps: { readonly clock: Clock }, dir: string): Promise<void> {
  const names = await readdir(dir).catch(() => [])
  const records = names.filter((name) => name.endsWith('.pid')).map((name) => join(dir, name))
  await Promise.all(records.map((path) => killRecorded(deps, path)))
}

async function killRecorded(deps: { readonly clock: Clock }, path: string): Promise<void> {
  const record = parseRecord(await readFile(path, 'utf8').catch(() => ''))
  if (record !== undefined && (await isGroupAlive(record))) {
    signalGroup(record.pid, 'SIGTERM')
    const deadline = deps.clock.now() + GRACE
    while ((await isGroupAlive(record)) && deps.clock.now() < deadline) await sleep(deps.clock, POLL)
    if (await isGroupAlive(record)) signalGroup(record.pid, 'SIGKILL')
  }
  await rm(path, { force: true })
}

function parseRecord(text: string): ProcessRecord | undefined {
  try {
    return Record.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}

// The leader may be gone while its helpers live on; as long as one does, its number is not given away.
async function isGroupAlive(record: ProcessRecord): Promise<boolean> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')
  if (boot.trim() !== record.boot) return false
  const leader = await readStat(record.pid)
  if (leader !== undefined && leader.started !== record.started) return false
  if (leader !== undefined && !leader.isZombie) return true
  const processes = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const stats = await Promise.all(processes.map((name) => readStat(Number(name))))
  return stats.some((stat) => stat?.group === record.pid && !stat.isZombie)
}

async function readStat(pid: number): Promise<ProcessStat | undefined> {
  return parseStat(await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''))
}

// proc(5): the name in parentheses may contain anything, so fields are counted from the last one on.
function parseStat(text: string): ProcessStat | undefined {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state, , group] = fields
  const started = fields[19]
  if (group === undefined || started === undefined) return undefined
  return { group: Number(group), started, isZombie: state === 'Z' }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch {
    // It ended by itself between the look and the kill.
  }
}
